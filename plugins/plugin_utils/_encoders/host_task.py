# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""What an encoder's role is to do on a host, and the checks of the host that come before the first change.

The messages name the host and what to set. They are raised as InvalidInput.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .._core.errors import InvalidInput
from .._core.plain_text import one_line
from .host_records import streams_on_host
from .host_streams import Decision, host_stream, streams_gone, streams_to_remove
from .listed_streams import Asked
from .role_values import is_within
from .stream_settings import settled_streams

_LONGEST_WAIT = 86_400
# Options with a value for each of some streams, which are named ROOM/TITLE.
_BY_NAME = {
    "ffmpeg_encoder": ("sources", "profiles", "slates"),
    "rtmp_relay": ("names",),
    "obs_encoder": ("sources", "profiles", "whip_urls"),
}
# As close as "soruce" is to "source"; "my_source" is not.
_CLOSE = 0.83


@dataclass(frozen=True)
class HostTask:
    """What a role asks for. ``settings`` are the role's options without the prefix of its name.

    ``hosts`` are all hosts of the inventory, ``event`` is what this run knows of the event, ``contents`` are files that
    the role brings, and ``further_units`` units of systemd beside those of the streams. ``is_list_given`` says that
    the user has set the list of streams, even if it is empty.
    """

    role: str
    host: str
    state: str
    settings: Mapping[str, Any]
    event: Mapping[str, Any]
    hosts: Collection[str] = ()
    streams: Any = None
    by_list: bool = False
    service_manager: str = ""
    contents: Mapping[str, Any] = field(default_factory=dict)
    further_units: Sequence[Mapping[str, Any]] = ()
    install: bool = False
    is_list_given: bool = False

    @property
    def root(self) -> str:
        return str(self.settings["root"])


def check_rights(task: HostTask, found: Mapping[str, Any], *, needs_root: bool, needs: str) -> None:
    """Raise InvalidInput unless Ansible's user on the host may do what ``needs`` says."""
    if not found["writable"] or (needs_root and found["uid"] != 0):
        raise InvalidInput(
            f"On {task.host}, the user with the id {found['uid']} may not do this: {needs}. Set become to true for the "
            "play (or run ansible-playbook with --become). Nothing was changed."
        )


def check_waits(task: HostTask) -> None:
    """Raise InvalidInput where the role is to wait for less than no time, or for longer than a day."""
    options = {"start_timeout": f"{task.role}_start_timeout", "verify_timeout": "event_verify_timeout"}
    if task.role == "ffmpeg_encoder":
        options["verify_timeout"] = "ffmpeg_encoder_verify_timeout"
    for name, option in options.items():
        if name in task.settings and not is_within(task.settings[name], 0, _LONGEST_WAIT):
            raise InvalidInput(f"{option} takes 0 to {_LONGEST_WAIT} seconds.")


def check_ffmpeg_to_look_with(task: HostTask, found: Mapping[str, Any]) -> None:
    """Raise InvalidInput where the health check is to look at pictures, and the host has no ffmpeg for that."""
    if task.settings["health_look"] and not found["programs"].get("ffmpeg"):
        raise InvalidInput(
            f"{task.role}_health_look needs ffmpeg on {task.host}, where there is none. Install the package ffmpeg "
            f"there, or set {task.role}_health_look to false. Nothing was changed."
        )


def check_streams_known(task: HostTask) -> None:
    """Raise InvalidInput where nothing says which streams the host is to have."""
    if not task.streams and not task.settings["scope"] and task.event.get("sessions") is None:
        if task.is_list_given:
            raise InvalidInput(
                f"{task.role}_streams is an empty list, and that needs {task.role}_scope, the name of the list: "
                f"nothing else says which streams of {task.host} an earlier list has put there. Set it, or leave "
                f"{task.role}_streams out for the streams of the event. To remove all streams, set {task.role}_state "
                "to absent. Nothing was changed."
            )
        raise InvalidInput(
            f"Neither {task.role}_streams nor the fact tenbyte_sessions says which streams {task.host} has. "
            f"{_without_facts(task)} Or set {task.role}_streams. To remove all streams, set {task.role}_state to "
            "absent."
        )


def check_streams_to_watch(task: HostTask) -> None:
    """Raise InvalidInput where the streams to verify are not known, or one has no session yet."""
    if not task.streams and task.event.get("sessions") is None:
        raise InvalidInput(
            f"Neither {task.role}_streams nor the fact tenbyte_sessions says which streams {task.host} has. "
            f"{_without_facts(task)}"
        )
    listed = task.streams if isinstance(task.streams, list) else []
    titles = [str(one.get("title")) for one in listed if isinstance(one, Mapping) and not one.get("session_id")]
    if titles:
        raise InvalidInput(
            f"{', '.join(titles)}: there is no such session. The playbook tenbyte.webinar.provision makes it."
        )


def check_event_known(task: HostTask) -> None:
    """Raise InvalidInput where nothing says which sessions are gone."""
    if task.event.get("sessions") is None:
        raise InvalidInput(
            f"Nothing says which sessions of {task.host} are gone. {_without_facts(task)} Nothing was changed."
        )


def settled(
    task: HostTask, on_host: Sequence[Mapping[str, Any]], *, only_named: bool = False, check_mode: bool = False
) -> list[dict[str, Any]]:
    """Return the streams that the host is to have, checked and with their defaults; for the relay, their pushes.

    In check mode, sessions that the event would create have no id yet.
    """
    sessions = task.event.get("sessions")
    asked = Asked(
        task.role,
        task.settings,
        host=task.host,
        on_host=on_host,
        sessions=sessions,
        only_named=only_named,
        planned=[label for label, one in (sessions or {}).items() if check_mode and one.get("id") is None],
    )
    found = settled_streams(task.streams, asked)
    return found.get("pushes", found["streams"])


def unknown_names(task: HostTask, wanted: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a warning for each option with a name that no session has, while a stream of the host has no value in it.

    The name may be mistyped, and the stream gets what others get. It may also be of another event, so this is no error.
    """
    warnings = []
    sessions = task.event.get("sessions")
    # In check mode, a session may not be there yet.
    here = {str(one["label"]) for one in wanted}
    here |= {label for label, one in (sessions or {}).items() if one.get("encoder") == task.host}
    for option in _BY_NAME[task.role] if sessions is not None else ():
        given = task.settings.get(option)
        named = set(given) if isinstance(given, Mapping) else set()
        unknown = sorted(map(str, named - set(sessions or ()) - here))
        without = sorted(here - named)
        if unknown and without:
            near = difflib.get_close_matches(unknown[0], without, 1, 0.0)[0]
            warnings.append(
                one_line(
                    f"{task.role}_{option} names {', '.join(unknown)}, and no session of this run is called so. "
                    f"{near} is not named there. Names are ROOM/TITLE."
                )
            )
    return warnings


def mistyped_options(role: str, variables: Iterable[str], options: Collection[str]) -> list[str]:
    """Return a warning for each variable that begins as the role's options do, is none, and is nearly called like one.

    It has no effect. A user's own variables with that beginning have other names, or the name of an option and a
    number.
    """
    prefix = f"{role}_"
    names = [one.removeprefix(prefix) for one in options]
    warnings = []
    for variable in sorted(one for one in variables if one.startswith(prefix) and one not in options):
        near = difflib.get_close_matches(variable.removeprefix(prefix), names, 1, _CLOSE)
        if near and variable.rstrip("0123456789_") not in options:
            warnings.append(
                one_line(f"{variable} is no option of the role {role}. Did you mean {prefix}{near[0]}?"),
            )
    return warnings


def on_host(task: HostTask, found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the streams that the host has, from its records and key files."""
    return streams_on_host([file for file, _digest in found["keys"]], map(tuple, found["records"]), task.role)


def decision(task: HostTask, there: Sequence[Mapping[str, Any]], wanted: Sequence[Mapping[str, Any]]) -> Decision:
    """Return which of the host's streams leave it. Raise InvalidInput where all would without being asked to."""
    streams = [host_stream(one) for one in there]
    if task.state == "gone":
        return streams_gone(streams, task.event)
    if task.state == "absent":
        return Decision(tuple(one.name for one in streams), (), ())
    decided = streams_to_remove(
        streams,
        [host_stream(one) for one in wanted],
        task.event,
        host=task.host,
        hosts=task.hosts,
        by_list=task.by_list,
        scope=str(task.settings["scope"]),
        everything=bool(task.settings["remove_all"]),
    )
    if decided.lost and not decided.unasked:
        name, encoder = decided.lost[0]
        label = next(one.label or one.name for one in streams if one.name == name)
        raise InvalidInput(
            one_line(
                f"This would take {label} off {task.host}, because its encoder {encoder} is no host of the "
                f"inventory. Is that name mistyped? If not, add {encoder} to the inventory, in whatever group. Or set "
                f"{task.role}_remove_all to true, which also removes streams of other events. Nothing was changed."
            )
        )
    if decided.unasked:
        labels = dict.fromkeys(one.label for one in streams if one.name in decided.remove and one.label)
        raise InvalidInput(
            one_line(
                f"This would take all streams off {task.host}: {', '.join(labels or decided.remove)}. Give their "
                "sessions this host, or another one of the inventory, as their encoder; or set "
                f"{task.role}_remove_all to true, if that is what you want. Nothing was changed."
            )
        )
    return decided


def without_settings(stream: Mapping[str, Any]) -> dict[str, Any]:
    """Return what identifies a stream, for a result: its settings may hold passwords."""
    names = ("name", "label", "room_id", "room", "title", "session_id", "stream_key_fingerprint", "stream")
    return {name: stream[name] for name in names if name in stream}


def state_in_words(state: Any, problem: Any) -> str:
    """Return the end of a sentence about a stream: its state, and its problem if there is one."""
    return f"{state or 'nothing is known of it'}{f', {problem}' if problem else ''}."


def _without_facts(task: HostTask) -> str:
    stale = "The fact tenbyte_sessions in the fact cache is of another run and does not count. "
    return (
        f"{stale if task.event.get('stale') else ''}In the same run, the role tenbyte.webinar.event has to come first. "
        f"It runs on localhost: with --limit, name that too (--limit localhost,{task.host})."
    )
