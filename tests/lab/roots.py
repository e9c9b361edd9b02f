# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Root file systems for the lab's machines: Debian from this machine's mirror, made once and cached.

A root is a stack of folders for overlayfs: one for each release, and on top of it one for each set of packages. All
machines share them and write into their own folders.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# A folder that several checkouts may share. Not TENBYTE_…: the scripts remove those variables from the environment.
CACHE = Path(os.environ.get("LAB_CACHE") or ROOT / "build" / "lab")
BASE_PACKAGES = (
    *("systemd", "systemd-sysv", "dbus", "python3", "python3-apt", "ca-certificates", "iproute2", "openssh-server"),
    "sudo",
)
# Time-out in seconds of debootstrap and apt-get on a slow mirror.
BUILD_TIMEOUT = 1800
LAST_WORDS = 1500
# Seconds before another try: a mirror may fail for a moment.
WAITS = (5, 20)


class LabError(RuntimeError):
    """The lab failed; the message says why and what to do."""


def host_release() -> str:
    """Return the code name of this machine's Debian release, such as ``bookworm``."""
    try:
        return platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    except OSError:
        return ""


def mirror() -> str:
    """Return the Debian mirror of this machine's apt; raise LabError if there is none."""
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages"]
    try:
        listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        listed = ""
    release = host_release()
    for line in listed.splitlines():
        uri, _separator, rest = line.partition(" ")
        if release and rest == f"{release} main" and uri.startswith(("http://", "https://", "file:")):
            return uri.rstrip("/")
    raise LabError("the lab needs a Debian host whose apt has a mirror of its own release, with the component main")


def root(release: str, packages: Sequence[str]) -> list[Path]:
    """Return the folders of a root, the uppermost first; make those that are missing.

    The first machine of a release takes some minutes; a mirror is needed only then.
    """
    CACHE.mkdir(parents=True, exist_ok=True)
    with _lock():
        base = _kept(f"{release}-{_digest(BASE_PACKAGES)}", lambda folder: _debootstrap(release, folder))
        if not packages:
            return [base]
        names = sorted(packages)
        return [_kept(f"{base.name}-{_digest(names)}", lambda folder: _install(base, names, folder)), base]


@contextlib.contextmanager
def _lock() -> Iterator[None]:
    """If two scenarios need the same root, the second waits until the first has made it."""
    with (CACHE / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _digest(packages: Sequence[str]) -> str:
    return hashlib.sha256(" ".join(packages).encode()).hexdigest()[:8]


def _kept(name: str, make: Callable[[Path], None]) -> Path:
    """Rename the folder when it is complete: the next run removes what an interrupted one left."""
    folder = CACHE / name
    if folder.exists():
        return folder
    for wait in WAITS:
        with contextlib.suppress(LabError):
            return _made(folder, make)
        time.sleep(wait)
    return _made(folder, make)


def _made(folder: Path, make: Callable[[Path], None]) -> Path:
    for unfinished in CACHE.glob("unfinished-*"):
        shutil.rmtree(unfinished)
    work = Path(tempfile.mkdtemp(prefix="unfinished-", dir=CACHE))
    made = work / "root"
    made.mkdir(mode=0o755)
    make(made)
    made.rename(folder)
    shutil.rmtree(work)
    return folder


def _debootstrap(release: str, folder: Path) -> None:
    include = ",".join(BASE_PACKAGES)
    arguments = ["debootstrap", "--variant=minbase", f"--include={include}", release, str(folder), mirror()]
    _build(arguments, f"make a root of Debian {release}")
    # Each machine gets its own keys and identity.
    for key in (folder / "etc" / "ssh").glob("ssh_host_*"):
        key.unlink()
    (folder / "etc" / "machine-id").write_text("")
    # It names the mirror, which a machine of the lab cannot reach.
    (folder / "etc" / "resolv.conf").unlink(missing_ok=True)


INSTALL = """\
set -eu
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2,workdir=$3" "$4"
merged=$4
shift 4
mount --bind /dev "$merged/dev"
mount -t proc proc "$merged/proc"
cat /etc/resolv.conf >"$merged/etc/resolv.conf" 2>/dev/null || true
printf '#!/bin/sh\\nexit 101\\n' >"$merged/usr/sbin/policy-rc.d"
chmod 0755 "$merged/usr/sbin/policy-rc.d"
apt() { chroot "$merged" apt-get -qq -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 -o APT::Sandbox::User=root "$@"; }
apt update
apt install --yes --no-install-recommends "$@"
rm -rf "$merged"/var/cache/apt/archives/*.deb "$merged/usr/sbin/policy-rc.d" "$merged/etc/resolv.conf"
"""


def _install(base: Path, packages: Sequence[str], folder: Path) -> None:
    work, merged = folder.parent / "work", folder.parent / "merged"
    work.mkdir()
    merged.mkdir()
    # The mounts end with the mount namespace in any case.
    script = ["unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", INSTALL, "sh"]
    _build([*script, *map(str, (base, folder, work, merged)), *packages], f"install {' '.join(packages)}")


def _build(command: Sequence[str], purpose: str) -> None:
    environment = {**os.environ, **_proxies(), "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    with tempfile.TemporaryFile("w+") as log:
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            timeout=BUILD_TIMEOUT,
            check=False,
        )
        if done.returncode != 0:
            log.seek(0)
            raise LabError(f"cannot {purpose}: {log.read()[-LAST_WORDS:].strip()}")


def _proxies() -> dict[str, str]:
    """Return the proxies of apt's settings, which neither debootstrap nor apt in a new root knows."""
    found = {}
    for scheme in ("http", "https"):
        command = ["apt-config", "shell", "PROXY", f"Acquire::{scheme}::Proxy"]
        said = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
        value = said.removeprefix("PROXY='").removesuffix("'")
        if value and value != "DIRECT":
            found[f"{scheme}_proxy"] = value
    return found
