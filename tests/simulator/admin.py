# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The routes for tests in another process: the journal, issued keys, faults, variants, and changes of the dashboard."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .dashboard import change_from, make_change
from .faults import Faults
from .journal import Journal
from .refusals import Refusal
from .state import Service
from .variants import variant_from

Endpoint = Callable[[Request], Awaitable[Response]]


def admin_routes(service: Service, faults: Faults, journal: Journal) -> list[Route]:
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
        faults.add_from(json.loads(await request.body()))
        return JSONResponse({"status": "added"}, status_code=201)

    async def variant(request: Request) -> Response:
        if request.method == "DELETE":
            service.variant.reset()
        elif request.method == "POST":
            asked = json.loads(await request.body())
            variant_from(asked)
            service.variant.set(**asked)
        return JSONResponse(service.variant.as_data())

    async def changes(request: Request) -> Response:
        made = make_change(change_from(json.loads(await request.body())), service)
        return JSONResponse({"id": getattr(made, "id", None)}, status_code=201)

    return [
        Route("/_simulator/health", _for_tests(health), methods=["GET"]),
        Route("/_simulator/journal", _for_tests(journal_entries), methods=["GET", "DELETE"]),
        Route("/_simulator/issued_keys", _for_tests(issued_keys), methods=["GET"]),
        Route("/_simulator/faults", _for_tests(fault_rules), methods=["POST", "DELETE"]),
        Route("/_simulator/variant", _for_tests(variant), methods=["GET", "POST", "DELETE"]),
        Route("/_simulator/changes", _for_tests(changes), methods=["POST"]),
    ]


def _for_tests(endpoint: Endpoint) -> Endpoint:
    async def guarded(request: Request) -> Response:
        if request.client is None or not is_loopback(request.client.host):
            return JSONResponse({"error": "Only for clients on this machine."}, status_code=403)
        try:
            return await endpoint(request)
        except (ValueError, LookupError) as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        except Refusal as refusal:
            return JSONResponse(refusal.body, status_code=refusal.status)

    return guarded


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
