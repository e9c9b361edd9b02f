# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What leaves an encoder and what stays: events that share it, files that say too little, caches that say too much."""

from __future__ import annotations

import re
import shutil
import time
import uuid
from pathlib import Path
from typing import Any

from tests.integration.roles.encoders import HOST, OTHER, Encoders, rooms

A, B = rooms("Hall A", Talk="enc1", Break="enc1"), rooms("Hall B", Talk="enc1")
ALL = {"hall-a-talk", "hall-a-break", "hall-b-talk"}


def cache_facts(encoders: Encoders) -> None:
    encoders.controller.environment |= {
        "ANSIBLE_CACHE_PLUGIN": "jsonfile",
        "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(encoders.controller.home / "facts"),
    }


def said(output: str) -> str:
    return " ".join(output.split())


def test_a_stream_that_supervisord_was_never_told_of_can_be_torn_down(encoders: Encoders) -> None:
    """A run that is killed between writing a stream and starting it leaves files that supervisord has not read."""
    assert encoders.play("provision", A).returncode == 0
    encoders.forget_program("hall-a-break")
    assert set(encoders.on_air()) == {"hall-a-talk"}

    torn_down = encoders.play("teardown", A)
    assert torn_down.returncode == 0, torn_down.output
    assert encoders.on_air() == {}
    assert encoders.titles() == []
    assert not [name for name in encoders.files() if "hall-a" in name]


def test_two_events_share_a_host_and_leave_it_one_by_one(encoders: Encoders) -> None:
    for event in (A, B):
        run = encoders.play("provision", event)
        assert run.returncode == 0, run.output
    before = encoders.on_air()
    assert set(before) == ALL
    again = encoders.play("provision", A)
    assert again.recap("enc1")["changed"] == 0, again.output
    assert encoders.on_air() == before

    rehearsed = encoders.play("teardown", A, "--check")
    assert rehearsed.returncode == 0, rehearsed.output
    assert rehearsed.recap("enc1")["changed"] > 0
    assert encoders.on_air() == before
    assert len(encoders.titles()) == 3

    first = encoders.play("teardown", A)
    assert first.returncode == 0, first.output
    assert encoders.on_air() == {"hall-b-talk": before["hall-b-talk"]}
    assert encoders.titles() == ["Hall B/Talk"]
    assert list(encoders.root("enc1").rglob("*hall-a*")) == []

    second = encoders.play("teardown", B)
    assert second.returncode == 0, second.output
    assert not encoders.root("enc1").exists()
    assert not Path(f"/proc/{before['hall-b-talk']}").exists()
    assert encoders.titles() == []


def test_a_stream_is_removed_only_if_this_run_says_so(encoders: Encoders) -> None:
    encoders.hosts = (HOST, OTHER)
    assert encoders.play("provision", A).returncode == 0
    before, files = encoders.on_air(), encoders.files()
    # As the service tells it, for it knows no encoders.
    without = encoders.play("provision", rooms("Hall A", Talk=None, Break=None))
    assert without.returncode == 0, without.output
    assert "These streams stay" in without.output
    assert encoders.on_air() == before

    mistyped = encoders.play("provision", rooms("Hall A", Talk="encl", Break="encl"))
    assert mistyped.returncode != 0
    for words in ("Hall A/Talk", "ffmpeg_encoder_remove_all", "no host of the inventory"):
        assert words in said(mistyped.output)
    assert encoders.on_air() == before
    assert set(encoders.files()) == set(files)

    one_mistyped = encoders.play("provision", rooms("Hall A", Talk="enc1", Break="encl"))
    assert one_mistyped.returncode != 0
    assert "This would take Hall A/Break off enc1, because its encoder encl is no host" in said(one_mistyped.output)
    assert encoders.on_air() == before

    moved = encoders.play("provision", rooms("Hall A", Talk="enc1", Break="enc2"))
    assert moved.returncode == 0, moved.output
    assert encoders.on_air() == {"hall-a-talk": before["hall-a-talk"]}
    assert set(encoders.on_air("enc2")) == {"hall-a-break"}

    asked = encoders.play("provision", rooms("Hall A", Talk=None, Break=None), "-e", "ffmpeg_encoder_remove_all=yes")
    assert asked.returncode == 0, asked.output
    assert encoders.on_air() == encoders.on_air("enc2") == {}


def test_streams_of_an_older_version_stay_until_they_are_named(encoders: Encoders) -> None:
    for event in (A, B):
        assert encoders.play("provision", event).returncode == 0
    shutil.rmtree(encoders.root("enc1") / "about")
    before = encoders.on_air()
    assert encoders.play("provision", rooms("Hall B", Talk="enc1")).returncode == 0
    assert encoders.on_air() == before
    assert encoders.play("teardown", A).returncode == 0
    assert set(encoders.on_air()) == {"hall-b-talk"}


def test_facts_of_another_run_do_not_count(encoders: Encoders) -> None:
    cache_facts(encoders)
    assert encoders.play("provision", A).returncode == 0
    before = encoders.on_air()
    # A preview of a teardown, and then the role alone: it knows nothing, and says so.
    assert encoders.play("teardown", A, "--check").returncode == 0
    for run in (encoders.role(), encoders.role("--check"), encoders.role(tasks_from="verify")):
        assert run.returncode != 0
        assert "of another run and does not count" in said(run.output)
        assert "--limit localhost,enc1" in said(run.output)
    # The event file is not read where localhost is left out, and another event's sessions do not take its place.
    limited = encoders.play("provision", B, "--limit", "enc1")
    assert limited.returncode != 0
    assert "--limit localhost,enc1" in said(limited.output)
    assert encoders.on_air() == before
    named = encoders.play("provision", B, "--limit", "localhost,enc1")
    assert named.returncode == 0, named.output
    assert set(encoders.on_air()) == ALL


def test_what_is_missing_on_a_host_is_said_at_once_and_before_a_key_is_written(encoders: Encoders) -> None:
    began = time.monotonic()
    run = encoders.play("provision", A, "-e", "ffmpeg_encoder_supervisord_command=/nowhere/supervisord")
    assert "There is no /nowhere/supervisord on enc1" in said(run.output)
    assert not encoders.root("enc1").exists()
    unset = encoders.play("verify", A, "-e", "ffmpeg_encoder_verify_timeout=600")
    assert unset.returncode != 0
    assert "Hall A/Talk: enc1 has no such stream" in said(unset.output)
    systemd = encoders.play("provision", A, "-e", "ffmpeg_encoder_service_manager=systemd")
    if not Path("/run/systemd/system").exists():
        assert "systemd does not run on enc1" in said(systemd.output)
    assert time.monotonic() - began < 240
    assert not encoders.root("enc1").exists()


def test_a_folder_of_something_else_is_not_touched(encoders: Encoders) -> None:
    """It has names that the role uses, too, and no mark of it."""
    app = encoders.root("enc1")
    for name in ("log/today.log", "keys/mine.pem", "about/mine.json", "health.py", "other"):
        (app / name).parent.mkdir(parents=True, exist_ok=True)
        (app / name).write_text("mine")
    app.chmod(0o755)
    before = {path: (path.stat().st_mode, path.stat().st_mtime) for path in app.rglob("*")}
    for run in (
        encoders.role(ffmpeg_encoder_state="absent"),
        encoders.role(ffmpeg_encoder_state="stopped"),
        encoders.play("provision", A),
        encoders.play("provision", A, "--check"),
    ):
        assert run.returncode != 0
        assert "has a file that is not this role's" in said(run.output)
        assert "Nothing was changed" in said(run.output)
        assert {path: (path.stat().st_mode, path.stat().st_mtime) for path in app.rglob("*")} == before
        assert app.stat().st_mode & 0o777 == 0o755


def test_streams_are_taken_off_the_old_folder_before_a_new_one_is_used(encoders: Encoders) -> None:
    assert encoders.play("provision", A).returncode == 0
    before = encoders.on_air()
    other = encoders.folder / "other"
    elsewhere = ("-e", f"ffmpeg_encoder_root={other}")
    refused = encoders.play("provision", A, *elsewhere)
    assert refused.returncode != 0
    assert f"an encoder of {encoders.root('enc1')} sends Hall A/" in said(refused.output)
    assert encoders.on_air() == before
    assert not other.exists()
    # The way out that the message names.
    assert encoders.role(ffmpeg_encoder_state="absent").returncode == 0
    moved = encoders.play("provision", A, *elsewhere)
    assert moved.returncode == 0, moved.output
    assert not encoders.root("enc1").exists()
    assert encoders.role("-e", "ffmpeg_encoder_state=absent", *elsewhere).returncode == 0
    assert not other.exists()


def test_streams_of_another_folder_are_not_taken_for_stopped_or_removed(encoders: Encoders) -> None:
    assert encoders.play("provision", A).returncode == 0
    before = encoders.on_air()
    other = encoders.folder / "other"
    elsewhere = ("-e", f"ffmpeg_encoder_root={other}")
    for run in (
        encoders.role("-e", "ffmpeg_encoder_state=absent", *elsewhere),
        encoders.role("-e", "ffmpeg_encoder_state=stopped", *elsewhere),
        encoders.role("--check", "-e", "ffmpeg_encoder_state=stopped", *elsewhere),
    ):
        assert run.returncode == 0, run.output
        assert f"encoders of {encoders.root('enc1')} go on with Hall A/" in said(run.output)
        assert encoders.on_air() == before
    for run in (
        encoders.play("teardown", A, *elsewhere),
        encoders.play("teardown", A, "--check", *elsewhere),
    ):
        assert run.returncode != 0, run.output
        # Encoders of tests that run at the same time may be named, too.
        assert f"encoders of {encoders.root('enc1')} send Hall A/" in said(run.output)
        way_out = said(run.output).partition("Set ffmpeg_encoder_root to ")[2].partition(", and run this again.")[0]
        assert str(encoders.root("enc1")) in way_out.split(" or ")
        assert (encoders.on_air(), len(encoders.titles())) == (before, 2)
    assert not other.exists()
    # Another event may go, and the folder with streams of its own is stopped, with a warning of the others.
    added = encoders.play("provision", B, *elsewhere)
    assert added.returncode == 0, added.output
    try:
        stopped = encoders.role("-e", "ffmpeg_encoder_state=stopped", *elsewhere)
        assert stopped.returncode == 0, stopped.output
        assert f"encoders of {encoders.root('enc1')} go on with Hall A/" in said(stopped.output)
    finally:
        gone = encoders.play("teardown", B, *elsewhere)
    assert gone.returncode == 0, gone.output
    assert not other.exists()
    assert encoders.on_air() == before
    assert encoders.play("teardown", A).returncode == 0
    assert not encoders.root("enc1").exists()


def one_machine(encoders: Encoders) -> tuple[str, ...]:
    """Give two hosts of the inventory one folder."""
    encoders.hosts = (HOST, OTHER)
    return ("-e", f"ffmpeg_encoder_root={encoders.root(HOST)}")


BELONGS = "(ffmpeg_encoder_root) belongs to"
BOTH = rooms("Hall A", Talk=HOST, Break=OTHER)


def test_of_two_names_for_one_machine_the_second_changes_nothing(encoders: Encoders) -> None:
    shared = one_machine(encoders)
    # Both begin at once, and neither finds anything.
    first = encoders.play("provision", BOTH, *shared)
    assert first.returncode != 0
    (owner,) = set(re.findall(r"_root\) belongs to (\w+)", said(first.output)))
    other = OTHER if owner == HOST else HOST
    assert f"On {other}, the folder {encoders.root(HOST)} {BELONGS} {owner}, another host" in said(first.output)
    assert first.recap(other)["changed"] == 0
    before, files = encoders.on_air(), encoders.files()
    assert set(before) == {"hall-a-talk" if owner == HOST else "hall-a-break"}

    for run in (
        encoders.play("provision", BOTH, *shared),
        encoders.play("provision", BOTH, "--check", *shared),
        encoders.play("teardown", BOTH, "--check", *shared),
        *(encoders.role("-e", f"ffmpeg_encoder_state={state}", *shared, host=other) for state in ("stopped", "absent")),
    ):
        assert run.returncode != 0
        assert f"{BELONGS} {owner}, another host" in said(run.output), run.output
        assert (encoders.on_air(), encoders.files()) == (before, files)
    assert len(encoders.titles()) == 2

    # The way out that the message names: without the other name, and then with it, but another folder.
    encoders.hosts = (owner,)
    alone = encoders.play("provision", rooms("Hall A", Talk=owner, Break=owner), *shared)
    assert alone.returncode == 0, alone.output
    again = encoders.play("provision", rooms("Hall A", Talk=owner, Break=owner), *shared)
    assert again.recap(owner)["changed"] == 0, again.output
    assert set(encoders.on_air()) == {"hall-a-talk", "hall-a-break"}
    # The host is renamed.
    encoders.hosts = (other,)
    renamed = encoders.play("provision", rooms("Hall A", Talk=other, Break=other), *shared)
    assert renamed.returncode == 0, renamed.output
    assert BELONGS not in said(renamed.output)
    assert encoders.play("teardown", rooms("Hall A", Talk=other, Break=other), *shared).returncode == 0
    assert not encoders.root(HOST).exists()


def test_a_folder_is_taken_over_if_its_machine_has_changed_hands(encoders: Encoders) -> None:
    shared = one_machine(encoders)
    encoders.hosts = (HOST,)
    assert encoders.play("provision", A, *shared).returncode == 0
    before = encoders.on_air()
    # A folder of the version before this one.
    (encoders.root(HOST) / "inventory_host.json").unlink()
    landed = encoders.play("provision", A, *shared)
    assert landed.returncode == 0, landed.output
    assert landed.recap(HOST)["changed"] == 1
    assert encoders.play("provision", A, *shared).recap(HOST)["changed"] == 0
    assert encoders.on_air() == before
    encoders.hosts = (HOST, OTHER)
    limited = ("--limit", f"localhost,{OTHER}", *shared)
    refused = encoders.play("provision", rooms("Hall A", Talk=OTHER), *limited)
    assert f"{BELONGS} {HOST}" in said(refused.output)
    assert encoders.on_air() == before
    taken = encoders.play("provision", rooms("Hall A", Talk=OTHER), "-e", "ffmpeg_encoder_remove_all=true", *limited)
    assert taken.returncode == 0, taken.output
    assert f"was that of {HOST}" in said(taken.output)
    assert set(encoders.on_air()) == {"hall-a-talk"}
    assert encoders.role("-e", "ffmpeg_encoder_state=absent", *shared, host=OTHER).returncode == 0
    assert not encoders.root(HOST).exists()


def test_a_mistyped_name_in_an_option_is_told(encoders: Encoders) -> None:
    sources = {"Hall A/Tlak": {"type": "test_pattern", "tone": 880}}
    run = encoders.play("provision", A, "--check", ffmpeg_encoder_sources=sources)
    assert run.returncode == 0, run.output
    assert "ffmpeg_encoder_sources names Hall A/Tlak, and no session of this run is called so" in said(run.output)


def test_a_diff_tells_what_starts_and_what_goes_and_not_the_text_of_programs(encoders: Encoders) -> None:
    run = encoders.play("provision", A, "--diff")
    assert run.returncode == 0, run.output
    assert "started: tenbyte-encoder-hall-a-talk-" in run.output
    assert "(a program of the role)" in run.output
    assert "import" not in run.output
    gone = encoders.role("--check", "--diff", ffmpeg_encoder_state="absent")
    assert "removed from the disk: " in gone.output
    assert "stopped: tenbyte-encoder-hall-a-talk-" in gone.output
    assert set(encoders.on_air()) >= {"hall-a-talk"}


def test_a_list_takes_away_what_it_has_put_there_and_nothing_else(encoders: Encoders) -> None:
    assert encoders.play("provision", [*A, *B]).returncode == 0
    state = encoders.simulator.service
    with state.lock:
        listed = {
            f"{one.room.title}/{one.title}": {
                "session_id": one.id,
                "room": one.room.title,
                "title": f"{one.title} (list)",
                "rtmp_url": "rtmp://127.0.0.1:1935/live",
            }
            for one in state.sessions.values()
        }
    mine = {"ffmpeg_encoder_remove_all": "true", "ffmpeg_encoder_install": "false"}
    everything = encoders.role(ffmpeg_encoder_streams=list(listed.values()), **mine)
    assert everything.returncode == 0, everything.output
    assert set(encoders.on_air()) == {f"{one}-list" for one in ALL}
    fewer = encoders.role(ffmpeg_encoder_streams=[listed["Hall A/Talk"]])
    assert fewer.returncode == 0, fewer.output
    # The list still has a stream of Hall A, and says nothing of Hall B.
    assert set(encoders.on_air()) == {"hall-a-talk-list", "hall-b-talk-list"}
    scoped = encoders.role(ffmpeg_encoder_streams=[listed["Hall B/Talk"]], ffmpeg_encoder_scope="b")
    assert scoped.returncode == 0, scoped.output
    empty = encoders.role(ffmpeg_encoder_streams=[], ffmpeg_encoder_scope="b")
    assert empty.returncode == 0, empty.output
    assert set(encoders.on_air()) == {"hall-a-talk-list"}


def test_rooms_of_one_title_do_not_share_a_stream(encoders: Encoders) -> None:
    assert encoders.play("provision", A).returncode == 0
    state = encoders.simulator.service
    with state.lock:
        ids = [one.id for one in state.sessions.values()]
    url = "rtmp://127.0.0.1:1935/live"
    streams = [
        {"session_id": one, "room_id": str(uuid.uuid4()), "room": "Hall", "title": "Show", "rtmp_url": url}
        for one in ids
    ]
    first = encoders.role(ffmpeg_encoder_streams=streams[:1], ffmpeg_encoder_scope="one")
    assert first.returncode == 0, first.output
    second = encoders.role(ffmpeg_encoder_streams=streams[1:], ffmpeg_encoder_scope="two")
    assert second.returncode == 0, second.output
    keys = sorted(path.stem for path in (encoders.root("enc1") / "keys").glob("hall-show-*"))
    assert len(keys) == 2
    again = encoders.role(ffmpeg_encoder_streams=streams[1:], ffmpeg_encoder_scope="two")
    assert again.recap("enc1")["changed"] == 0, again.output


def test_a_preview_of_a_new_event_checks_and_shows_its_streams(encoders: Encoders) -> None:
    """No session exists yet, so none has an id, a URL or a key. All else is checked as in a real run."""
    first = encoders.play("provision", A, "--check", "--diff")
    assert first.returncode == 0, first.output
    for words in (
        "started: tenbyte-encoder-hall-a-talk-",
        "started: tenbyte-encoder-hall-a-break-",
        "about/hall-a-talk-",
        "stream key (its session does not exist yet)",
    ):
        assert words in first.output
    mistakes: dict[str, dict[str, Any]] = {
        "/nope/film.mp4 must be a file on enc1": {"ffmpeg_encoder_source": {"type": "file", "path": "/nope/film.mp4"}},
        "ffmpeg_encoder_sources: a source needs a type": {"ffmpeg_encoder_sources": {"Hall A/Talk": {"type": "fil"}}},
        "ffmpeg_encoder_slates: a slate needs a type": {"ffmpeg_encoder_slates": {"Hall A/Talk": {"type": "colour"}}},
    }
    for words, variables in mistakes.items():
        run = encoders.play("provision", A, "--check", **variables)
        assert run.returncode != 0, words
        assert words in said(run.output)
    assert not encoders.root("enc1").exists()
    assert encoders.titles() == []
    # A stream that is there stays as it is, and the new one is shown beside it.
    assert encoders.play("provision", rooms("Hall A", Talk="enc1")).returncode == 0
    before = encoders.on_air()
    more = encoders.play("provision", A, "--check", "--diff")
    assert more.returncode == 0, more.output
    assert "started: tenbyte-encoder-hall-a-break-" in more.output
    assert "tenbyte-encoder-hall-a-talk-" not in more.output
    assert encoders.on_air() == before


def test_check_mode_refuses_an_ffmpeg_that_no_package_brings(encoders: Encoders) -> None:
    assert encoders.play("provision", A, "--limit", "localhost").returncode == 0
    for binary, install in (("ffmpegg", "true"), ("/nope/ffmpeg", "true"), ("/usr/bin/ffmpeg.old", "false")):
        given = ("-e", f"ffmpeg_encoder_binary={binary}", "-e", f"ffmpeg_encoder_install={install}")
        run = encoders.play("provision", A, "--check", *given)
        assert run.returncode != 0, binary
        assert f"There is no {binary} on enc1. ffmpeg_encoder_binary names no program there" in said(run.output)
    assert not encoders.root("enc1").exists()


def test_a_mistyped_option_is_told_also_where_the_run_fails(encoders: Encoders) -> None:
    mistyped = ("-e", "ffmpeg_encoder_stal_timeout=20", "-e", "ffmpeg_encoder_camera_of_mine=x")
    expected = "ffmpeg_encoder_stal_timeout is no option of the role ffmpeg_encoder. Did you mean ffmpeg_encoder_stall"
    run = encoders.play("provision", A, "--check", *mistyped)
    assert run.returncode == 0, run.output
    assert said(run.output).count(expected) == 1
    assert "camera_of_mine" not in run.output
    failing = encoders.role("--check", *mistyped)
    assert failing.returncode != 0
    assert expected in said(failing.output)
    assert "Neither ffmpeg_encoder_streams nor the fact" in said(failing.output)


def test_an_empty_list_without_a_scope_is_told_what_it_needs(encoders: Encoders) -> None:
    values: list[Any] = [[], None]
    for value in values:
        run = encoders.role(ffmpeg_encoder_streams=value)
        assert run.returncode != 0
        assert "ffmpeg_encoder_streams is an empty list, and that needs ffmpeg_encoder_scope" in said(run.output)
