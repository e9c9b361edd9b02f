# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The whole simulator as one ASGI application: the API, the ingest's callbacks, and the routes for tests."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from .api import Api
from .faults import FaultError, Faults
from .ingest import ingest_routes
from .journal import Journal
from .state import Service

Endpoint = Callable[[Request], Awaitable[Response]]


def make_app(service: Service, faults: Faults, journal: Journal) -> Starlette:
    return Starlette(
        routes=[
            *ingest_routes(service),
            *_admin_routes(service, faults, journal),
            # Last, and at the root, so that a path outside the contract is answered and counted as the API would.
            Mount("", app=Api(service, faults, journal)),
        ]
    )


def _admin_routes(service: Service, faults: Faults, journal: Journal) -> list[Route]:
    async def health(_request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def journal_entries(request: Request) -> Response:
        if request.method == "DELETE":
            journal.clear()
            return Response(status_code=204)
        return JSONResponse(journal.as_data())

    async def issued_keys(_request: Request) -> Response:
        return JSONResponse(service.issued_keys())

    async def fault_rules(request: Request) -> Response:
        if request.method == "DELETE":
            faults.clear()
            return Response(status_code=204)
        try:
            faults.add_from(json.loads(await request.body()))
        except (FaultError, ValueError) as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        return JSONResponse({"status": "added"}, status_code=201)

    return [
        Route("/_simulator/health", _loopback_only(health), methods=["GET"]),
        Route("/_simulator/journal", _loopback_only(journal_entries), methods=["GET", "DELETE"]),
        Route("/_simulator/issued_keys", _loopback_only(issued_keys), methods=["GET"]),
        Route("/_simulator/faults", _loopback_only(fault_rules), methods=["POST", "DELETE"]),
    ]


def _loopback_only(endpoint: Endpoint) -> Endpoint:
    async def guarded(request: Request) -> Response:
        if request.client is None or not _is_loopback(request.client.host):
            return JSONResponse({"error": "Only for clients on this machine."}, status_code=403)
        return await endpoint(request)

    return guarded


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
