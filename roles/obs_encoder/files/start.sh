#!/bin/sh
# Starts OBS with new settings each time, because OBS rewrites its folder while it runs, and makes it readable to others.
set -eu
umask 077
folder="$XDG_CONFIG_HOME/obs-studio"
rm -rf "$folder"
mkdir -p "$folder/basic/profiles/tenbyte" "$folder/basic/scenes"
# From OBS 31 on, user.ini has the user's part of global.ini.
cp "$CREDENTIALS_DIRECTORY/global.ini" "$folder/global.ini"
cp "$CREDENTIALS_DIRECTORY/global.ini" "$folder/user.ini"
for file in basic.ini service.json streamEncoder.json; do
  cp "$CREDENTIALS_DIRECTORY/$file" "$folder/basic/profiles/tenbyte/$file"
done
cp "$CREDENTIALS_DIRECTORY/scene.json" "$folder/basic/scenes/tenbyte.json"
chmod -R u+w "$folder"
# The unit's private /tmp has no folder for the display's socket, and only an X server of root would make it.
[ -d /tmp/.X11-unix ] || mkdir -m 1777 /tmp/.X11-unix
# -nolisten local: abstract sockets are shared by all units of the host, so their displays would collide.
exec xvfb-run --auto-servernum --server-args='-screen 0 1024x768x24 -nolisten tcp -nolisten local' \
  "$OBS_PROGRAM" --multi --startstreaming --profile Tenbyte --collection Tenbyte --minimize-to-tray \
  --disable-updater --disable-shutdown-check --disable-missing-files-check
