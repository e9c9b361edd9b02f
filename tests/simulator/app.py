# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The simulator as one ASGI application: the API, the ingest's callbacks, and the routes for tests."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.routing import Mount

from .admin import admin_routes
from .api import Api
from .faults import Faults
from .ingest import ingest_routes
from .journal import Journal
from .state import Service


def make_app(service: Service, faults: Faults, journal: Journal) -> Starlette:
    return Starlette(
        routes=[
            *ingest_routes(service),
            *admin_routes(service, faults, journal),
            # Last, and at the root, so that the API also handles and records paths that are not in the contract.
            Mount("", app=Api(service, faults, journal)),
        ]
    )
