# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Inspects the lab's machines from outside: where secrets can be read, and what a teardown has left.

Processes and files are read through this host's ``/proc``, so that the inspection changes nothing on the machine.
Only what systemd alone knows is read over ssh.
"""

from __future__ import annotations

import contextlib
import pwd
import stat
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path

from tests.lab.machines import Machine
from tests.lab.roots import LabError

# Volatile, and not in the machine's own folder.
TEMPORARY = ("run", "tmp", "dev/shm", "var/tmp")
MEDIA = {".mp4", ".ts", ".flv"}
LARGEST_FILE = 64 << 20
HOME_OF_ROOT = pwd.getpwuid(0).pw_dir
# Paths that systemd, sshd, apt and Ansible's connection write on any running machine.
OF_THE_SYSTEM = (
    *(
        "/etc/.pwd.lock",
        "/etc/.updated",
        "/etc/ld.so.cache",
        "/etc/machine-id",
        "/etc/resolv.conf",
        "/etc/ssh/ssh_host_*",
    ),
    # Ansible's connection as root. The machine and this host are both Debian, where root has the same home folder.
    *(f"{HOME_OF_ROOT}/.ansible", f"{HOME_OF_ROOT}/.ansible/*"),
    *("/run/*", "/tmp/systemd-private-*", "/var/tmp/systemd-private-*"),
    # Where systemd makes the devices of a unit with PrivateDevices. It stays if the unit is stopped meanwhile.
    "/tmp/namespace-dev-*",
    *("/var/cache/*", "/var/lib/apt/*", "/var/lib/dpkg/*", "/var/lib/private", "/var/lib/systemd/*", "/var/log/*"),
    *("*/__pycache__", "*/__pycache__/*", "/var/.updated", "/usr", "/usr/*"),
)
# … except these, which must not stay.
OF_A_SERVICE = ("/run/systemd/system/*", "/run/tenbyte*", "/usr/local/*", "/var/cache/private/*", "/var/log/*/*")
SESSION_UNITS = ("user@*", "user-runtime-dir@*", "session-*", "run-*", "systemd-*", "apt-*", "dpkg-*", "e2scrub*")
SESSION_PROCESSES = ("sshd", "systemd*", "(sd-pam)", "sh", "python3*", "dbus-daemon", "agetty", "login")

Snapshot = dict[str, list[str]]


def places_of(machine: Machine, folder: Path, secrets: Sequence[str], allowed: Sequence[str]) -> list[str]:
    """Return where on a machine a secret can be read, beyond files below ``allowed`` that only their owner can read."""
    wanted = [secret.encode() for secret in secrets]

    def shown(content: bytes) -> bool:
        return any(secret in content for secret in wanted)

    found = [f"{machine.name}: {place}" for place, content in _processes(machine) if shown(content)]
    for place, path in _files(machine, folder):
        with contextlib.suppress(OSError):
            mode = stat.S_IMODE(path.stat().st_mode)
            kept = any(place.startswith(f"{one}/") for one in allowed) and not mode & 0o007
            if not kept and path.stat().st_size <= LARGEST_FILE and shown(path.read_bytes()):
                found.append(f"{machine.name}: {place}, mode {mode:04o}")
    asked = ("systemctl show --all '*'", "systemctl cat '*'", "journalctl --no-pager --all --output export")
    return found + [f"{machine.name}: {command}" for command in asked if shown(_ask(machine, folder, command))]


def snapshot(machine: Machine, folder: Path) -> Snapshot:
    """Return what is on a machine: files, users, units and processes, each as a sorted list of lines."""
    root = Path(f"/proc/{machine.init}/root")
    files = _ask(machine, folder, "systemctl list-unit-files --no-legend").decode().splitlines()
    loaded = _ask(machine, folder, "systemctl list-units --all --plain --no-legend").decode().splitlines()
    # systemd still lists an inactive unit for a while after its file is gone.
    names = {line.split()[0] for line in files if line.strip()}
    names |= {line.split()[0] for line in loaded if line.strip() and line.split()[1:3] != ["not-found", "inactive"]}
    kinds = (".service", ".timer", ".socket", ".path", ".target")
    return {
        "files": sorted(place for place in _own_places(machine, folder) if not _of_the_system(place)),
        "users": sorted((root / "etc/passwd").read_text().splitlines() + (root / "etc/group").read_text().splitlines()),
        "units": sorted(name for name in names if name.endswith(kinds) and not _any(name, SESSION_UNITS)),
        "processes": sorted({name for name in _names(machine) if not _any(name, SESSION_PROCESSES)}),
    }


def differences(name: str, before: Mapping[str, Sequence[str]], after: Mapping[str, Sequence[str]]) -> list[str]:
    """Return what ``after`` has and ``before`` has not."""
    return [f"{name}: {kind}: {line}" for kind in after for line in after[kind] if line not in set(before[kind])]


def _processes(machine: Machine) -> Iterator[tuple[str, bytes]]:
    for process in _of(machine):
        for kind in ("cmdline", "environ"):
            with contextlib.suppress(OSError):
                yield f"/proc/*/{kind} of {_comm(process)}", (process / kind).read_bytes()


def _names(machine: Machine) -> Iterator[str]:
    for process in _of(machine):
        with contextlib.suppress(OSError):
            yield _comm(process)


def _comm(process: Path) -> str:
    return (process / "comm").read_text().strip()


def _of(machine: Machine) -> Iterator[Path]:
    """The processes of a machine, as this host sees them."""
    space = Path(f"/proc/{machine.init}/ns/pid").readlink()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (process / "ns" / "pid").readlink() == space:
                yield process


def _files(machine: Machine, folder: Path) -> Iterator[tuple[str, Path]]:
    for place, path in _places(machine, folder):
        if path.suffix not in MEDIA and path.is_file() and not path.is_symlink():
            yield place, path


def _own_places(machine: Machine, folder: Path) -> Iterator[str]:
    """The machine's own paths, without those of overlayfs itself.

    overlayfs adds character devices for deleted files, and copies of the root's folders in which something changed.
    """
    for place, path in _places(machine, folder):
        with contextlib.suppress(OSError):
            mode = path.lstat().st_mode
            copied = stat.S_ISDIR(mode) and any(Path(f"{layer}{place}").is_dir() for layer in machine.stack)
            if not copied and not stat.S_ISCHR(mode) and not stat.S_ISSOCK(mode):
                yield place


def _places(machine: Machine, folder: Path) -> Iterator[tuple[str, Path]]:
    upper, root = folder / machine.name / "upper", Path(f"/proc/{machine.init}/root")
    for below, top in ((upper, upper), *((root / one, root) for one in TEMPORARY)):
        for path in below.rglob("*"):
            yield f"/{path.relative_to(top)}", path


def _of_the_system(place: str) -> bool:
    return _any(place, OF_THE_SYSTEM) and not _any(place, OF_A_SERVICE)


def _any(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch(name, pattern) for pattern in patterns)


def _ask(machine: Machine, folder: Path, command: str) -> bytes:
    options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR", "BatchMode=yes"]
    ssh = ["ssh", "-i", str(folder / "id_ed25519"), *(part for option in options for part in ("-o", option))]
    try:
        done = subprocess.run([*ssh, f"root@{machine.address}", command], capture_output=True, timeout=300, check=False)
    except subprocess.TimeoutExpired:
        raise LabError(f"the machine {machine.name} has not answered `{command}` within five minutes") from None
    if done.returncode == 255:
        raise LabError(f"the machine {machine.name} does not answer: {done.stderr.decode(errors='replace')[-300:]}")
    return done.stdout
