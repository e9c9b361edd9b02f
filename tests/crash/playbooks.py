# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The same trials with the real ansible-playbook, whose workers lead process groups of their own."""

from __future__ import annotations

import random
import signal
import subprocess
import time

from tests.conftest import COLLECTIONS
from tests.integration.controller import Controller
from tests.simulator.crashes import kill_tree

from .trials import EVENTS, AfterDelay, Failed, Kill, Scene, random_kill

EVENT = "tenbyte.webinar.event"


def attempt_with_playbooks(scene: Scene, draw: random.Random) -> None:
    """Kill one ansible-playbook, run it again, and check."""
    name = draw.choice(["one session", "20 sessions"])
    kill = random_kill(draw, name)
    if isinstance(kill, AfterDelay):
        kill = AfterDelay(draw.uniform(0.5, 2.5))
    attempt_kill(scene, name, kill)


def attempt_kill(scene: Scene, name: str, kill: Kill) -> None:
    rooms, figures = EVENTS[name][1], scene.figures
    controller = Controller(scene.folder / "controller", scene.simulator.api_url, "", COLLECTIONS)
    controller.api_key = scene.simulator.service.users[0].api_key
    controller.environment = {"TENBYTE_LEDGER_URL": scene.ledger.url, "TENBYTE_LEDGER_KEY": scene.ledger.key or ""}
    play = {"hosts": "localhost", "gather_facts": False, "tasks": [{EVENT: {"rooms": rooms}}]}
    playbook = controller.write([play])
    process, _record = controller.start(str(playbook))
    struck = _kill(scene, process, kill)
    with figures.lock:
        figures.kills[f"ansible-playbook: {kill.name}"] += struck
        figures.events[f"{name}, with ansible-playbook"] += struck
    deleted = scene.deleted()
    runs = [controller.playbook(str(playbook))]
    if kill.is_late:
        while scene.simulator.faults.late_commits:
            time.sleep(0.1)
        runs.append(controller.playbook(str(playbook)))
    if any(run.returncode for run in runs):
        raise Failed(f"a plain run failed: {[run.output for run in runs]}")
    told = [" ".join(run.result(EVENT).get("warnings", [])) for run in runs]
    scene.check(rooms, " ".join(told), deleted)
    scene.simulator.journal.clear()
    last = controller.playbook(str(playbook))
    if last.recap()["changed"] or scene.simulator.journal.writes():
        raise Failed("another plain run found something to do")


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
