# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ``tests/messages.py`` finds in the code, and no user needs to look up."""

from __future__ import annotations

# Files whose texts go to a database, into files on a host, or into a table.
FILES = {
    "_encoders/ffmpeg_files.py",
    "_playbooks/event_file.py",
    "_playbooks/status.py",
    "_reconcile/progress.py",
}
# Reasons in a plan, which say why a call is made.
REASONS = {
    "; its sessions go with it, and so do their stream keys: …",
    "a request to create it that was never answered has made it after all, and it is empty",
    "a request to create it that was never answered has made it after all, and nobody ever saw its key",
    "an earlier run began to create it and did not finish",
    "it is replaced, because …",
    "it replaces …, because …",
    "it was asked to be absent",
    "it was asked to be ended",
    "it was asked to be live",
    "it was created by an interrupted or unanswered call, and nobody ever saw its key",
    "it was created by an unanswered call, and nobody ever saw its key",
    "it was made by a run that had been overtaken, and … fills its place",
    "it was not asked for (purge)",
    "the ledger does not hold its stream key",
    "the ledger does not hold its stream key, which going live shows (on_missing_key)",
    "the new session is to have them",
    "… has replaced it",
    "…, and it is …",
}
# Parts of messages that say nothing by themselves. What comes before "Nothing was written." has a row of its own, and
# the packages are in the rows of the messages that name them. The page has "does not run" with the name of OBS's unit,
# as text: alone, it would match any unit. A connection that is reset is one of the ends of ffmpeg's messages.
PARTS = {
    "Connection reset by peer",
    "Permission denied",
    "PostgreSQL database '…' on …",
    "Use a profile that encodes, such as 720p30",
    "groups encoders, relays and studios",
    "no connection: …",
    "nginx, libnginx-mod-rtmp and libnginx-mod-stream",
    "number … of …",
    "obs-studio, xvfb, xauth and iproute2",
    "which this user may not see",
    "… and … more",
    "… does not run",
    "… encoder … is ….",
    "… Nothing was written.",
    "… of … session…",
    "…: … Nothing was written.",
    "…: … encoder … is ….",
}
# Lines of a diff, of a unit and of nginx's settings, statements for a database, and what only a mistake in the code
# could reach.
OTHERS = {
    "# Bound to one place, the file can lie in a folder that the service may not enter.",
    "(a program of the role)",
    "Timestamps are unset in a packet",
    "a slate of the type …",
    "a source of the type …",
    "removed from the disk",
    "is not supported by the bitstream filter 'aac_adtstoasc'",
    "stream key (its session does not exist yet)",
    "the profile …, which encodes no picture,",
    r"Unrecognized option '[^'\n]*'|Missing argument for option '[^'\n]*'",
    "# Written by the role tenbyte.webinar.…: changes made here are lost.",
    "0 entries with an older key",
    "ALTER SEQUENCE … RENAME TO …_id_seq",
    "ALTER TABLE … ADD COLUMN …",
    "ALTER TABLE … ALTER COLUMN … TYPE TEXT",
    "ALTER TABLE … RENAME COLUMN … TO …",
    'ALTER TABLE … RENAME CONSTRAINT "…" TO …_pkey',
    "ALTER TABLE … RENAME TO …",
    "SELECT count(*) FROM sqlite_master WHERE name = :name",
    "SELECT name, value FROM …",
    "SET TRANSACTION READ ONLY",
    r"Tunnel connection failed: (\d…)",
    "a room has no key: one is as good as any other",
    "no way is known to run …",
    "push unix:…/….sock name=… app=relay playPath=…;",
    "the last pause is None",
    "unreachable: the last attempt returns or raises",
    "… entries with an older key",
}
# Lines of the programs on hosts about what is well, or what they do after an error that another line has told; the
# help of the health check's options.
OF_PROGRAMS = {
    "No stream fails; this host has ….",
    "ending what an earlier run has left: …",
    "print the current states as JSON, and do nothing else",
    "restart streams that go on failing, with systemd",
    "the folder of the streams' records, if it is another one",
    "the next try is in … s",
    "the source is back",
    "… is … again.",
}
# Statements for a database, and what the encoder's program searches for in ffmpeg's messages.
BEGINNINGS = (
    "CREATE VIEW one_row_per_slot",
    "SET LOCAL lock_timeout",
    "av_interleaved_write_frame",
    "connection refused|",
    "matches no streams|",
)
TEXTS = REASONS | PARTS | OTHERS | OF_PROGRAMS
