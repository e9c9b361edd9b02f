# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Machines with their own systemd on this host: systemd-nspawn over a shared root, in network namespaces.

The machines of one folder share a bridge with this host, and reach nothing else. A machine writes into its folder
only; its overlay is mounted in a mount namespace that ends with the machine.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.lab.roots import CACHE, LabError, host_release, mirror, root

# Seconds, on a machine that has much else to do.
BOOT_TIMEOUT = 300.0
HALT_TIMEOUT = 60.0
TOOLS = {
    "debootstrap": "debootstrap",
    "ip": "iproute2",
    "ssh-keygen": "openssh-client",
    "systemd-nspawn": "systemd-container",
    "unshare": "util-linux",
}
# 198.18.0.0/15 is reserved for benchmarks (RFC 2544), so it hides no route of a real network.
NETWORK = "198.18"

# Host keys are created at the first boot; creating them here would need the machine's ssh-keygen.
HOST_KEYS = "[Service]\nExecStartPre=\nExecStartPre=/usr/bin/ssh-keygen -A\nExecStartPre=/usr/sbin/sshd -t\n"

# Tries what a machine needs of this host, without leaving anything behind.
TRIAL = """\
set -eu
cd "$1"
mkdir lower upper work merged
mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work merged
ip link add lab0 type bridge
ip link add lab1 type veth peer name lab2
"""
BOOT = """\
set -eu
mount -t overlay overlay -o "$1" "$2"
shift 2
exec "$@"
"""


@dataclass(frozen=True)
class Platform:
    """A requested machine: Debian ``release`` with ``packages`` in addition to those of the lab."""

    name: str
    packages: tuple[str, ...] = ()
    release: str = ""


@dataclass(frozen=True)
class Machine:
    """A machine that runs. ``leader`` is the process id, on this host, of its systemd-nspawn; ``stack`` is its root."""

    name: str
    address: str
    namespace: str
    link: str
    leader: int
    stack: tuple[str, ...]

    @property
    def init(self) -> int:
        """The process id, on this host, of the machine's PID 1."""
        children = Path(f"/proc/{self.leader}/task/{self.leader}/children").read_text().split()
        return int(children[0])


@dataclass(frozen=True)
class Network:
    bridge: str
    address: str


def missing() -> str | None:
    """Why no machine can run on this host, or None if one can. Leaves nothing behind."""
    if os.geteuid() != 0:
        return "systemd machines need root on this host"
    absent = sorted({package for tool, package in TOOLS.items() if shutil.which(tool) is None})
    if absent:
        return f"this host lacks the Debian packages {' '.join(absent)}"
    if not Path("/sys/fs/cgroup").is_mount():
        return "this host has no cgroups at /sys/fs/cgroup, which systemd needs"
    try:
        mirror()
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="trial-", dir=CACHE) as folder:
            _run(["unshare", "--mount", "--net", "--propagation", "private", "/bin/sh", "-c", TRIAL, "sh", folder])
    except (LabError, OSError) as error:
        return f"this host cannot run systemd machines: {error}"
    return None


def start(folder: Path, platforms: Sequence[Platform]) -> tuple[Network, list[Machine]]:
    """Boot the machines and return when each answers on its ssh port. They write into ``folder``.

    The private key to all of them is ``folder/id_ed25519``, for root. The caller must call
    ``stop`` at the end, also after a LabError.
    """
    stop(folder)
    why_not = missing()
    if why_not:
        raise LabError(why_not)
    stacks = [root(platform.release or host_release(), platform.packages) for platform in platforms]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", str(folder / "id_ed25519")])
    network = _make_network(folder)
    machines = [
        _boot(folder, network, platform, stack, index)
        for index, (platform, stack) in enumerate(zip(platforms, stacks, strict=True))
    ]
    (folder / "machines.json").write_text(json.dumps([asdict(machine) for machine in machines]))
    for machine in machines:
        _wait_for_ssh(folder, machine)
    return network, machines


def running(folder: Path) -> list[Machine]:
    """Return the machines of a folder, as they were started."""
    file = folder / "machines.json"
    return [Machine(**machine) for machine in json.loads(file.read_text())] if file.exists() else []


def stop(folder: Path) -> None:
    """Halt the machines of a folder, remove their network and their files. Does nothing if there is nothing."""
    leaders = _leaders(folder)
    for number, timeout in ((signal.SIGTERM, HALT_TIMEOUT), (signal.SIGKILL, HALT_TIMEOUT)):
        for pid in leaders:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        leaders = _still_running(leaders, timeout)
    tag = _tag(folder)
    # The names come from the folder's path, so this also removes what a killed run left.
    for namespace in _words(["ip", "netns", "list"]):
        if namespace.startswith(tag):
            _run(["ip", "netns", "delete", namespace])
    for link in sorted(Path("/sys/class/net").glob(f"{tag}*")):
        # Deleting one end of a pair deletes the other.
        subprocess.run(["ip", "link", "delete", link.name], capture_output=True, check=False)
    shutil.rmtree(folder, ignore_errors=True)


def cut(machine: Machine) -> None:
    """Take a machine off the network, as if its cable were pulled."""
    _run(["ip", "link", "set", machine.link, "down"])


def join(machine: Machine) -> None:
    """Put a machine back on the network."""
    _run(["ip", "link", "set", machine.link, "up"])


def _make_network(folder: Path) -> Network:
    tag = _tag(folder)
    taken = subprocess.run(["ip", "-4", "-o", "address"], capture_output=True, text=True, check=True).stdout
    first = int(tag[3:], 16) % 256
    subnet = next(
        (number for number in ((first + step) % 256 for step in range(256)) if f" {NETWORK}.{number}." not in taken),
        None,
    )
    if subnet is None:
        raise LabError(f"all of {NETWORK}.0.0/16 is in use on this host")
    network = Network(f"{tag}br", f"{NETWORK}.{subnet}.1")
    _run(["ip", "link", "add", network.bridge, "type", "bridge"])
    _run(["ip", "address", "add", f"{network.address}/24", "dev", network.bridge])
    _run(["ip", "link", "set", network.bridge, "up"])
    return network


def _boot(folder: Path, network: Network, platform: Platform, stack: Sequence[Path], index: int) -> Machine:
    tag = _tag(folder)
    namespace, link = f"{tag}-{platform.name}", f"{tag}m{index}"
    address = network.address.rpartition(".")[0] + f".{index + 11}"
    _run(["ip", "netns", "add", namespace])
    _run(["ip", "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", namespace])
    _run(["ip", "link", "set", link, "master", network.bridge, "up"])
    for command in ("address add {address}/24 dev eth0", "link set eth0 up", "link set lo up"):
        _run(["ip", "-n", namespace, *command.format(address=address).split()])
    own = folder / platform.name
    for part in ("upper", "work", "merged"):
        (own / part).mkdir(mode=0o755, parents=True)
    _write_own_files(own / "upper", platform.name, (folder / "id_ed25519.pub").read_text())
    lower = ":".join(map(str, stack))
    mount = f"lowerdir={lower},upperdir={own / 'upper'},workdir={own / 'work'}"
    nspawn = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--settings=no", "--resolv-conf=off"]
    nspawn += ["--link-journal=no", f"--machine={platform.name}", f"--network-namespace-path=/run/netns/{namespace}"]
    nspawn += [f"--directory={own / 'merged'}", "--boot"]
    with (own / "console.log").open("wb") as console:
        process = subprocess.Popen(
            # Each command uses exec, so this process becomes systemd-nspawn.
            [
                "unshare",
                "--mount",
                "--propagation",
                "private",
                "sh",
                "-c",
                BOOT,
                "sh",
                mount,
                str(own / "merged"),
                *nspawn,
            ],
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=console,
            start_new_session=True,
        )
    return Machine(platform.name, address, namespace, link, process.pid, tuple(map(str, stack)))


def _write_own_files(upper: Path, name: str, public_key: str) -> None:
    """Write the machine's own files. A folder hides that of the root, with its mode."""
    for folder, mode in (("etc", 0o755), ("root", 0o700), ("root/.ssh", 0o700)):
        (upper / folder).mkdir(mode=mode)
    drop_in = upper / "etc" / "systemd" / "system" / "ssh.service.d"
    drop_in.mkdir(mode=0o755, parents=True)
    (drop_in / "host-keys.conf").write_text(HOST_KEYS)
    (upper / "etc" / "hostname").write_text(f"{name}\n")
    (upper / "etc" / "hosts").write_text(f"127.0.0.1 localhost\n127.0.1.1 {name}\n::1 localhost\n")
    # systemd creates an id in an empty file.
    (upper / "etc" / "machine-id").write_text("")
    authorized = upper / "root" / ".ssh" / "authorized_keys"
    authorized.write_text(public_key)
    authorized.chmod(0o600)


def _wait_for_ssh(folder: Path, machine: Machine) -> None:
    deadline = time.monotonic() + BOOT_TIMEOUT
    while time.monotonic() < deadline and Path(f"/proc/{machine.leader}").exists():
        with contextlib.suppress(OSError), socket.create_connection((machine.address, 22), timeout=2) as probe:
            probe.settimeout(5)
            if probe.recv(4) == b"SSH-":
                return
        time.sleep(0.2)
    console = (folder / machine.name / "console.log").read_text(errors="replace")
    raise LabError(f"the machine {machine.name} did not come up: {console[-1500:].strip()}")


def _leaders(folder: Path) -> list[int]:
    """Return the process ids of the folder's machines, read from /proc: a killed run may have written no list."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            arguments = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
            if "systemd-nspawn" in arguments[0] and any(f"={folder}/" in argument for argument in arguments):
                found.append(int(process.name))
    return found


def _still_running(pids: Iterable[int], timeout: float) -> list[int]:
    deadline, left = time.monotonic() + timeout, list(pids)
    while left and time.monotonic() < deadline:
        for pid in left:
            # A child process stays in the process table until it is waited for.
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        left = [pid for pid in left if Path(f"/proc/{pid}").exists()]
        time.sleep(0.1)
    return left


def _tag(folder: Path) -> str:
    """Return a prefix for the names of a folder's links and namespaces; a link's name has at most 15 characters."""
    return "lab" + hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:7]


def _words(command: Sequence[str]) -> list[str]:
    if shutil.which(command[0]) is None:
        return []
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LabError(f"{' '.join(command[:4])}: {done.stderr.strip()[-500:] or f'code {done.returncode}'}")
