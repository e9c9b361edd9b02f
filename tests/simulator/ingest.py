# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The callbacks of nginx's RTMP module (form POSTs: on_publish, on_publish_done, on_update, on_play, on_play_done).

``name`` is the stream key. After the redirect to the session's id, ``name`` may be the key or the id. So publishers are
identified by their connection (``clientid``) too.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from .publishing import admitted_session, published_session
from .state import Service

Form = dict[str, str]
MOST_FORM_FIELDS = 100


def ingest_routes(service: Service) -> list[Route]:
    def route(name: str, answer: Callable[[Service, Form], Response]) -> Route:
        async def endpoint(request: Request) -> Response:
            form = await _form(request)
            with service.lock:
                return answer(service, form)

        return Route(f"/ingest/{name}", endpoint, methods=["POST"])

    return [
        route("on_publish", _on_publish),
        route("on_publish_done", _on_publish_done),
        route("on_update", _on_update),
        route("on_play", _on_play),
        route("on_play_done", _on_play_done),
    ]


def _on_publish(service: Service, form: Form) -> Response:
    session = admitted_session(service, form.get("name", ""), _client(form))
    if session is None:
        return _refused()
    # The location renames the stream, so that the path of its HLS contains the session's id and not the key.
    return Response(status_code=302, headers={"Location": session.id})


def _on_publish_done(service: Service, form: Form) -> Response:
    """End the stream of an accepted publisher. The module also calls this for refused ones, which have none."""
    session = published_session(service, form.get("name", ""), _client(form))
    if session is not None:
        session.publisher = None
    return _accepted()


def _on_update(service: Service, form: Form) -> Response:
    # Also called for the relay's own client, which plays and has no application. Refusing it would end the HLS.
    if form.get("call") == "update_play" or not form.get("app"):
        return _accepted()
    session = published_session(service, form.get("name", ""), _client(form))
    if session is None or session.publisher is None or session.status not in ("scheduled", "live"):
        return _refused()
    session.publisher.last_heard = time.monotonic()
    return _accepted()


def _on_play(service: Service, form: Form) -> Response:
    if not form.get("app"):
        return _accepted()
    session = service.sessions.get(form.get("name", ""))
    if session is None or session.status != "live":
        return _refused()
    service.add_viewer(session)
    return _accepted()


def _on_play_done(service: Service, form: Form) -> Response:
    session = service.sessions.get(form.get("name", ""))
    if session is not None and form.get("app"):
        service.remove_viewer(session)
    return _accepted()


def _client(form: Form) -> str:
    return form.get("clientid", "")


def _accepted() -> Response:
    return PlainTextResponse("")


def _refused() -> Response:
    return PlainTextResponse("", status_code=403)


async def _form(request: Request) -> Form:
    try:
        return dict(parse_qsl((await request.body()).decode(), keep_blank_values=True, max_num_fields=MOST_FORM_FIELDS))
    except ValueError:
        return {}
