#!/bin/sh
# Starts OBS with settings of its own, made anew each time: OBS rewrites its folder while it runs, and opens it to others.
set -eu
umask 077
folder="$XDG_CONFIG_HOME/obs-studio"
rm -rf "$folder"
mkdir -p "$folder/basic/profiles/tenbyte" "$folder/basic/scenes"
# From OBS 31 on, user.ini has the part of global.ini that is a user's.
cp "$CREDENTIALS_DIRECTORY/global.ini" "$folder/global.ini"
cp "$CREDENTIALS_DIRECTORY/global.ini" "$folder/user.ini"
for file in basic.ini service.json streamEncoder.json; do
  cp "$CREDENTIALS_DIRECTORY/$file" "$folder/basic/profiles/tenbyte/$file"
done
cp "$CREDENTIALS_DIRECTORY/scene.json" "$folder/basic/scenes/tenbyte.json"
chmod -R u+w "$folder"
# In a /tmp of its own there is no folder for the display's socket yet, and only root's X server would make it.
[ -d /tmp/.X11-unix ] || mkdir -m 1777 /tmp/.X11-unix
# Without its abstract socket, which all displays of the host would share.
exec xvfb-run --auto-servernum --server-args='-screen 0 1024x768x24 -nolisten tcp -nolisten local' \
  "$OBS_PROGRAM" --multi --startstreaming --profile Tenbyte --collection Tenbyte --minimize-to-tray \
  --disable-updater --disable-shutdown-check --disable-missing-files-check
