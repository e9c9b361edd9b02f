# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs ansible-playbook in half the CPU time: a process that has imported its libraries forks one for each run.

That process imports what reads no environment when it is imported: libraries, parts of Ansible, and the engine below
``_ansible``. A run still differs from a started ``ansible-playbook``:

- All runs of a process of pytest share one seed for hashes, so a set has the same order in each of them.
- Its libraries are loaded, with their submodules. It does not fail where the collection has forgotten to import one.
- The interpreter was started in another environment: the run's LANG has no effect, unless a test sets it.
- The engine was imported by Python's own loader and not by Ansible's, and coverage does not see its import. A run that
  has another folder of collections imports its own.
- What Ansible makes anew in each run was made before: its own settings and list of moved plugins, the code of the
  collection's files, and the syntax trees of what modules import. That costs a third of a short run.
- /proc shows the command line and the environment of the process that it was forked from.

TENBYTE_TEST_FORKS=0 in the environment of pytest starts each run instead. CI does so every night.
"""

from __future__ import annotations

import ast
import atexit
import contextlib
import gc
import importlib
import importlib.util
import json
import os
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

# Where coverage is measured, os has another one, which writes what was measured.
from os import _exit
from pathlib import Path
from types import CodeType
from typing import Any

LIBRARIES = (
    *("cryptography.fernet", "jinja2.nativetypes", "jinja2.sandbox", "packaging.requirements", "psycopg", "requests"),
    *("resolvelib", "sqlalchemy", "sqlalchemy.dialects.postgresql", "sqlalchemy.dialects.sqlite", "yaml"),
    *("argparse", "asyncio", "coverage", "distro", "getpass", "gettext", "multiprocessing.managers"),
    *("multiprocessing.queues", "sqlite3", "tarfile"),
    # What of Ansible costs most without its constants.
    *("ansible._internal._ssh._ssh_agent", "ansible.config.manager", "ansible.executor.powershell"),
    *("ansible.parsing.utils.addresses", "ansible.utils.collection_loader"),
)
READS_THE_ENVIRONMENT = "ansible.constants"
ENGINE = "ansible_collections.tenbyte.webinar.plugins.plugin_utils"
# Imports Ansible, so each run imports it.
KNOWS_ANSIBLE = "_ansible"
# Seconds. Started runs have the same limit.
LONGEST_RUN = 300.0
# Until a run is ended whose pytest was killed.
_NOBODY_WAITS = 360
LARGEST_REQUEST = 1 << 17


def run(command: Sequence[str], environment: Mapping[str, str], folder: Path) -> tuple[int, str]:
    """Run ansible-playbook as a fork; return its exit code, negative after a signal, and all that it printed.

    After LONGEST_RUN, kill it with all that it has started, and raise TimeoutExpired.
    """
    # Here, because the process that forks runs this file by itself.
    from tests import measuring

    starter = environment.get(measuring.STARTER)
    request = json.dumps(
        {
            "command": command,
            "environment": dict(environment),
            "folder": str(folder),
            "measuring": {"path_name": starter, "run_name": measuring.FORKS} if starter else None,
            "configuration": {name: environment[name] for name in (measuring.CONFIGURATION,) if name in environment},
        }
    ).encode()
    printed, printing = os.pipe()
    ended, ending = os.pipe()
    try:
        socket.send_fds(_forking_process(), [request], [printing, ending])
    finally:
        os.close(printing)
        os.close(ending)
    received = {printed: bytearray(), ended: bytearray()}
    try:
        _receive(received, command)
    except BaseException:
        pid, is_known, _code = received[ended].partition(b"\n")
        if is_known:
            # Here for the same reason.
            from tests.simulator.crashes import kill_tree

            kill_tree(int(pid))
        raise
    finally:
        os.close(printed)
        os.close(ended)
    _pid, _newline, code = received[ended].partition(b"\n")
    if not code:
        raise RuntimeError(f"the process that forks has not run {' '.join(command)}; its own messages say why")
    return int(code), received[printed].decode()


def _receive(received: Mapping[int, bytearray], command: Sequence[str]) -> None:
    """Read from pipes until the last one is closed."""
    deadline = time.monotonic() + LONGEST_RUN
    with selectors.DefaultSelector() as selector:
        for pipe in received:
            selector.register(pipe, selectors.EVENT_READ)
        while selector.get_map():
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                output = bytes(next(iter(received.values())))
                raise subprocess.TimeoutExpired(list(command), LONGEST_RUN, output)
            for key, _events in selector.select(remaining):
                read = os.read(key.fd, 1 << 16)
                received[key.fd].extend(read)
                if not read:
                    selector.unregister(key.fd)


def _forking_process() -> socket.socket:
    """Return a socket of the process that forks. The first call starts it; it ends with this process."""
    with _lock:
        if not _sockets:
            # Here for the same reason.
            from tests import left_behind, measuring

            # The process itself is not measured.
            not_there = {left_behind.NAME, measuring.CONFIGURATION, measuring.STARTER}
            ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with its:
                process = subprocess.Popen(
                    [sys.executable, __file__, str(its.fileno())],
                    env={name: value for name, value in os.environ.items() if name not in not_there},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    pass_fds=[its.fileno()],
                    start_new_session=True,
                )
            _sockets.append(ours)
            atexit.register(_end, process)
        return _sockets[0]


def _end(process: subprocess.Popen[bytes]) -> None:
    _sockets.pop().close()
    process.wait(LONGEST_RUN)


_sockets: list[socket.socket] = []
_lock = threading.Lock()


def _serve(requests: socket.socket) -> int:
    # This file's folder, which has a package named "packaging".
    del sys.path[0]
    for library in LIBRARIES:
        with contextlib.suppress(ImportError):
            importlib.import_module(library)
    if READS_THE_ENVIRONMENT in sys.modules:
        raise RuntimeError(
            f"one of LIBRARIES imports {READS_THE_ENVIRONMENT}, so all runs would have one configuration"
        )
    _keep_settings()
    _import_engine()
    prepared = _prepared()
    # The forks neither copy nor collect what is there by now.
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    measure_workers: Callable[[], None] | None = None
    while True:
        received, descriptors, _flags, _address = socket.recv_fds(requests, LARGEST_REQUEST, 2)
        if not received:
            return 0
        request = json.loads(received)
        if request["measuring"] and measure_workers is None:
            os.environ.update(request["configuration"])
            measure_workers = runpy.run_path(**request["measuring"])["measure_workers"]
        if os.fork() == 0:
            requests.close()
            return _run_and_report(request, prepared, measure_workers, *descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


@dataclass(frozen=True)
class Prepared:
    """What each run would make anew.

    ``codes`` has the code of the collection's files by name and content; ``trees`` has the syntax trees of what modules
    import, by content, because Ansible looks for their imports when it sends one to a host.
    """

    moved_plugins: Mapping[str, Any]
    codes: Mapping[tuple[str, bytes], CodeType]
    trees: Mapping[bytes, ast.AST]

    def compile(self, source: str | bytes, filename: str, mode: str, flags: int = 0, **options: Any) -> Any:
        """Return what the builtin function of this name returns."""
        content = source if isinstance(source, bytes) else source.encode()
        found = self.trees.get(content) if flags == ast.PyCF_ONLY_AST else self.codes.get((filename, content))
        return compile(source, filename, mode, flags, **options) if found is None else found


def _keep_settings() -> None:
    """Let Ansible's definitions of its settings be parsed once; what they are set to is read in each run."""
    from ansible.config import manager

    parse, definitions = vars(manager)["yaml_load"], (_ansible() / "config" / "base.yml").read_bytes()
    parsed = parse(definitions)

    def load(stream: Any) -> Any:
        text = stream.read() if hasattr(stream, "read") else stream
        return parsed if text == definitions else parse(text)

    vars(manager)["yaml_load"] = load


def _collections() -> str:
    return os.environ.get("ANSIBLE_COLLECTIONS_PATH", "")


def _import_engine() -> None:
    sys.path.insert(0, _collections())
    for file in sorted(Path(_collections(), *ENGINE.split(".")).glob("*/*.py")):
        if file.parent.name != KNOWS_ANSIBLE:
            importlib.import_module(f"{ENGINE}.{file.parent.name}.{file.stem}")
    del sys.path[0]
    # Ansible's loader makes its own of these, and reads the collection's metadata.
    for name in _of_collections() - {name for name in sys.modules if name.startswith(f"{ENGINE}._")}:
        del sys.modules[name]
    sys.path_importer_cache.clear()


def _of_collections() -> set[str]:
    return {name for name in sys.modules if name.partition(".")[0] == "ansible_collections"}


def _prepared() -> Prepared:
    plugins = Path(_collections(), "ansible_collections", "tenbyte", "webinar", "plugins")
    files = {file: file.read_bytes() for file in plugins.rglob("*.py")}
    codes = {
        (str(file), content): compile(content, str(file), "exec", dont_inherit=True) for file, content in files.items()
    }
    sent = [content for file, content in files.items() if {"modules", "module_utils"} & set(file.parts)]
    sent += [file.read_bytes() for file in (_ansible() / "module_utils").rglob("*.py")]
    return Prepared(_moved_plugins(), codes, {content: ast.parse(content) for content in sent})


def _ansible() -> Path:
    ansible = importlib.util.find_spec("ansible")
    if ansible is None or ansible.origin is None:
        raise RuntimeError("Ansible is not installed here")
    return Path(ansible.origin).parent


def _moved_plugins() -> Mapping[str, Any]:
    """Return what ansible.builtin has for meta/runtime.yml, read as Ansible's loader reads it."""
    import yaml

    text = (_ansible() / "config" / "ansible_builtin_runtime.yml").read_bytes()
    parsed: Mapping[str, Any] = yaml.load(text, Loader=getattr(yaml, "CBaseLoader", yaml.BaseLoader))  # noqa: S506
    return parsed


def _run_and_report(
    request: Mapping[str, Any],
    prepared: Prepared,
    measure_workers: Callable[[], None] | None,
    printing: int,
    ending: int,
) -> int:
    """Fork the run, report its process and how it ended; in the fork itself, return its exit code."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    playbook = os.fork()
    if playbook == 0:
        os.close(ending)
        return _play(request, prepared, measure_workers if request["measuring"] else None, printing)
    os.close(printing)
    with contextlib.suppress(BrokenPipeError):
        os.write(ending, f"{playbook}\n".encode())
    signal.signal(signal.SIGALRM, lambda _number, _frame: os.killpg(playbook, signal.SIGKILL))
    signal.alarm(_NOBODY_WAITS)
    _pid, status = os.waitpid(playbook, 0)
    with contextlib.suppress(BrokenPipeError):
        os.write(ending, str(os.waitstatus_to_exitcode(status)).encode())
    _exit(0)


def _play(
    request: Mapping[str, Any], prepared: Prepared, measure_workers: Callable[[], None] | None, printing: int
) -> int:
    os.setsid()
    os.dup2(printing, 1)
    os.dup2(printing, 2)
    os.close(printing)
    os.chdir(request["folder"])
    if request["environment"].get("ANSIBLE_COLLECTIONS_PATH") != _collections():
        for name in _of_collections():
            del sys.modules[name]
    os.environ.clear()
    os.environ.update(request["environment"])
    if measure_workers is not None:
        measure_workers()
    sys.argv = list(request["command"])
    sys.path.insert(0, str(Path(sys.argv[0]).parent))
    from ansible.utils.collection_loader import _collection_finder as loader

    # Its module _collection_meta says that another implementation may keep what it has parsed, by the second argument.
    parse, own = vars(loader)["_meta_yml_to_dict"], ("ansible.builtin", "runtime.yml")
    vars(loader)["_meta_yml_to_dict"] = lambda text, name: prepared.moved_plugins if name == own else parse(text, name)
    from ansible.executor import module_common

    # Stands before the builtin function, for these two modules of Ansible alone.
    vars(loader)["compile"] = vars(module_common)["compile"] = prepared.compile
    from ansible.cli.playbook import main

    result: int = main()
    return result


if __name__ == "__main__":
    sys.exit(_serve(socket.socket(fileno=int(sys.argv[1]))))
