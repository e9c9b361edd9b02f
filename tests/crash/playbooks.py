# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The same trials with ansible-playbook, whose workers have their own process groups."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time

from tests.conftest import COLLECTIONS
from tests.integration.controller import Controller
from tests.simulator.crashes import kill_tree

from .trials import (
    EVENTS,
    LONGEST_RUN,
    POSTS,
    AfterDelay,
    Failed,
    Kill,
    Scene,
    random_kill,
    slots_of,
    wait_for,
)

EVENT = "tenbyte.webinar.event"


def attempt_with_playbooks(scene: Scene, draw: random.Random) -> None:
    """Kill one ansible-playbook, run it again, and check."""
    name = draw.choice(["one session", "20 sessions"])
    kill = random_kill(draw, name)
    if isinstance(kill, AfterDelay):
        kill = AfterDelay(draw.uniform(0.5, 2.5))
    attempt_kill(scene, name, kill)


def attempt_kill(scene: Scene, name: str, kill: Kill) -> None:
    controller, playbook = _controller(scene, name)
    process, _record = controller.start(playbook)
    struck = _kill(scene, process, kill)
    with scene.figures.lock:
        scene.figures.kills[f"ansible-playbook: {kill.name}"] += struck
        scene.figures.events[f"{name}, with ansible-playbook"] += struck
    _check(scene, name, controller, playbook, is_late=kill.is_late)


def interrupt(scene: Scene, name: str, number: signal.Signals) -> None:
    """Send a signal to ansible-playbook's group while the first sessions are being created; check the next run."""
    controller, playbook = _controller(scene, name)
    scene.simulator.faults.add("latency", method="POST", path=POSTS, seconds=1.0, times=None)
    process, _record = controller.start(playbook)
    wait_for(lambda: len(scene.simulator.service.sessions) > 0)
    os.killpg(process.pid, number)
    process.communicate(timeout=LONGEST_RUN)
    if len(scene.simulator.service.sessions) == len(slots_of(EVENTS[name][1])):
        raise Failed("ansible-playbook was not interrupted: all sessions exist")
    scene.simulator.faults.clear()
    _check(scene, name, controller, playbook, is_late=False)


def _controller(scene: Scene, name: str) -> tuple[Controller, str]:
    controller = Controller(scene.folder / "controller", scene.simulator.api_url, "", COLLECTIONS, forks=True)
    controller.api_key = scene.simulator.service.users[0].api_key
    controller.environment = {"TENBYTE_LEDGER_URL": scene.ledger.url, "TENBYTE_LEDGER_KEY": scene.ledger.key or ""}
    task = {EVENT: {"rooms": EVENTS[name][1], "concurrency": 4}}
    return controller, str(controller.write([{"hosts": "localhost", "gather_facts": False, "tasks": [task]}]))


def _check(scene: Scene, name: str, controller: Controller, playbook: str, *, is_late: bool) -> None:
    rooms, deleted = EVENTS[name][1], scene.deleted()
    runs = [controller.playbook(playbook)]
    if is_late:
        wait_for(lambda: scene.simulator.faults.late_commits == 0)
        runs.append(controller.playbook(playbook))
    if any(run.returncode for run in runs):
        raise Failed(f"a run without a kill failed: {[run.output for run in runs]}")
    warnings = [" ".join(run.result(EVENT).get("warnings", [])) for run in runs]
    scene.check(rooms, " ".join(warnings), deleted)
    scene.simulator.journal.clear()
    last = controller.playbook(playbook)
    if last.recap()["changed"] or scene.simulator.journal.writes():
        raise Failed("the next run without a kill changed something")


def _kill(scene: Scene, process: subprocess.Popen[str], kill: Kill) -> bool:
    if isinstance(kill, AfterDelay):
        time.sleep(kill.seconds)
        struck = kill_tree(process.pid)
        process.communicate()
        return struck
    faults = scene.simulator.faults
    where = {"method": kill.method, "path": kill.path, "skip": kill.skip}
    rule = faults.add("crash", point=kill.point, process=process.pid, seconds=kill.seconds, **where)  # type: ignore[arg-type]
    if kill.fault:
        faults.add(**{**where, **dict(kill.fault)})
    process.communicate()
    faults.clear()
    return rule.struck or process.returncode == -signal.SIGKILL
