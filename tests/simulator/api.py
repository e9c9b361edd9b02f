# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The API as an ASGI application: checks each request in a fixed order, and responds or produces a fault."""

from __future__ import annotations

import asyncio
import json
import logging
import time
import traceback
from dataclasses import replace
from typing import Any

from starlette.types import Receive, Scope, Send

from . import refusals
from .accounts import user_of_api_key, user_of_token
from .dashboard import make_change
from .faults import DECIDING, Faults, Rule, change_data
from .journal import Journal
from .operations import Call, Operation, operations_at, target_of
from .records import Json, Room, User
from .refusals import Refusal
from .showing import as_variant, with_timestamp
from .state import Service
from .validation import Listing, checked_body, checked_id, checked_query
from .wire import Answer, Request, body_of, crash, send_answer, until_gone, wait

BASE_PATH = "/v1/webinar"
LARGEST_BODY = 1 << 20
PROXY_PAGE = "<html><head><title>{status}</title></head><body><h1>{status}</h1><hr>proxy</body></html>\r\n"
log = logging.getLogger(__name__)


class Api:
    """The ASGI application of the contract's paths."""

    def __init__(self, service: Service, faults: Faults, journal: Journal) -> None:
        self.service = service
        self.faults = faults
        self.journal = journal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if path.startswith(f"{BASE_PATH}/"):
            path = path[len(BASE_PATH) :]
        body = await body_of(receive)
        if body is None:
            return
        headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"])
        request, arrived = Request(scope["method"], path, scope["query_string"], headers, body), time.monotonic()
        credential = self._credential(request)
        rules = self.faults.due(request.method, path, request.page())
        await crash(rules, "received")
        await wait(rules, after_commit=False)
        answer = self._answer_amid_changes(request, rules)
        await crash(rules, "committed")
        await wait(rules, after_commit=True)
        self.journal.record(request.method, path, answer.status if answer else None, credential, arrived)
        if answer is not None:
            await send_answer(send, answer, rules)
            return
        if not any(rule.options.get("hold") for rule in rules):
            # ASGI cannot close a connection without a response; ``server.PlainConnection`` provides the transport.
            scope["state"]["transport"].abort()
        await until_gone(receive)

    def _answer_amid_changes(self, request: Request, rules: list[Rule]) -> Answer | None:
        """Handle a request, with the changes of the dashboard before and after it."""
        try:
            self._make_changes(rules, after_commit=False)
            answer = self._answer(request, rules)
            self._make_changes(rules, after_commit=True)
        except (LookupError, ValueError, Refusal) as error:
            # The test must fail, because the change has not happened.
            log.error("A change of the dashboard failed: %s", getattr(error, "body", error))
            return Answer(500, refusals.with_error(500, "The requested change failed").body)
        return answer

    def _make_changes(self, rules: list[Rule], after_commit: bool) -> None:
        for rule in rules:
            if rule.action == "change" and rule.after_commit() == after_commit:
                make_change(rule.options["change"], self.service)
                rule.struck = True

    def _answer(self, request: Request, rules: list[Rule]) -> Answer | None:
        """Handle a request and return the response, None to close the connection without one."""
        deciding = next((rule for rule in rules if rule.action in DECIDING - {"truncate"}), None)
        if deciding is None:
            return self.execute(request, rules)
        if deciding.action == "delay_commit":
            self._execute_later(request, deciding.options["seconds"])
        elif deciding.after_commit():
            self.execute(request, rules)
        match deciding.action:
            case "status" | "rate_limit":
                answer = _fault_answer(deciding.options)
                # A body in the rule is sent unchanged.
                return answer if "body" in deciding.options else self._refusal_as_variant(answer, request)
            case "html":
                status = deciding.options["status"]
                return Answer(status, PROXY_PAGE.format(status=status))
            case _:
                return None

    def _execute_later(self, request: Request, seconds: float) -> None:
        self.faults.late_commits += 1
        asyncio.get_running_loop().call_later(seconds, self._execute_late, request)

    def _execute_late(self, request: Request) -> None:
        self.execute(request, [])
        self.faults.late_commits -= 1

    def execute(self, request: Request, rules: list[Rule]) -> Answer:
        """Check and execute a request. The order of checks: path, method, credentials, query, id, host, body, state."""
        try:
            operations, id_in_path = operations_at(request.path)
            if not operations:
                raise refusals.with_error(404, "The path is not in the contract")
            operation = operations.get(request.method)
            if operation is None:
                raise refusals.with_error(405, headers={"Allow": ", ".join(sorted(operations))})
            with self.service.lock:
                call = self._call(operation, request, id_in_path, rules)
                data = operation.answer(call)
            if not self.service.variant.is_strict():
                data = as_variant(data, self.service.variant)
            if rules:
                data = change_data(json.loads(json.dumps(data)), rules)
            body = {"success": True, "data": data, "timestamp": int(time.time())}
            return Answer(operation.status, with_timestamp(body, self.service.variant))
        except Refusal as refusal:
            answer = Answer(refusal.status, refusal.body, tuple(refusal.headers.items()))
            return self._refusal_as_variant(answer, request)
        except Exception as error:  # noqa: BLE001 - any bug of the simulator must become a response with 500
            # Log only the place: the message of an exception may contain secrets of the request.
            places = "".join(traceback.format_tb(error.__traceback__))
            log.error("The simulator failed at %s: %s\n%s", request.method, type(error).__name__, places)
            return Answer(500, refusals.with_error(500, "Internal server error").body)

    def _call(self, operation: Operation, request: Request, id_in_path: str | None, rules: list[Rule]) -> Call:
        user = None if operation.public else self._authenticated(request)
        variant = self.service.variant
        listing = checked_query(request.query, operation.pages, variant.largest_limit, variant.larger_limit)
        listing = _with_faults(listing, rules)
        target = None if id_in_path is None else target_of(operation, self.service, checked_id(id_in_path))
        if operation.host_only and target is not None:
            room = target if isinstance(target, Room) else target.room
            if user is not room.host:
                if variant.stranger_status == 404:
                    raise refusals.not_found("Room" if target is room else "Session")
                raise refusals.forbidden("Only the host of the room may do this.")
        fields = _fields(operation, request)
        return Call(self.service, user, target, fields, listing)

    def _authenticated(self, request: Request) -> User:
        authorizations, keys = request.header("authorization"), request.header("x-api-key")
        if len(authorizations) + len(keys) > 1:
            raise refusals.ambiguous_credentials()
        split = [value.partition(" ") for value in authorizations]
        bearers = [token.strip() for scheme, _blank, token in split if scheme.lower() == "bearer"]
        if not bearers and not keys:
            raise refusals.missing_credentials()
        users = self.service.users
        user = user_of_token(users, bearers[0]) if bearers else user_of_api_key(users, keys[0])
        if user is None:
            raise refusals.wrong_credentials()
        return user

    def _refusal_as_variant(self, refusal: Answer, request: Request) -> Answer:
        if not isinstance(refusal.body, dict):
            return refusal
        body = with_timestamp(refusal.body, self.service.variant)
        quoted = self._quoted(request)
        member = next((name for name in ("message", "error") if isinstance(body.get(name), str)), None)
        if quoted and member:
            body = {**body, member: f"{body[member]} ({', '.join(quoted)})"}
        return replace(refusal, body=body)

    def _quoted(self, request: Request) -> list[str]:
        """Return what the variant's error messages quote: values that the client must not show to its user."""
        service = self.service
        _operations, wanted = operations_at(request.path)
        quoted: list[str] = []
        for what in service.variant.refusals_quote:
            if what == "credential":
                quoted += [*request.header("authorization"), *request.header("x-api-key")]
            elif wanted is not None and what == "id":
                quoted.append(wanted)
            elif wanted is not None:
                quoted += service.known_keys(wanted)
        return quoted

    def _credential(self, request: Request) -> str:
        try:
            return self._authenticated(request).username
        except Refusal:
            offered = request.header("authorization") or request.header("x-api-key")
            return "invalid" if offered else "anonymous"


def _fields(operation: Operation, request: Request) -> Json:
    if operation.body is None:
        return checked_body(_json(request.body), {}) if request.body.strip() else {}
    if not request.body.strip():
        raise refusals.bad_request("The request has no body")
    kinds = request.header("content-type")
    if len(kinds) != 1 or kinds[0].partition(";")[0].strip().lower() != "application/json":
        raise refusals.with_code(415, "unsupported_media_type", "The body must be application/json.")
    return checked_body(_json(request.body), operation.body)


def _json(body: bytes) -> Any:
    if len(body) > LARGEST_BODY:
        raise refusals.with_error(413, "The body is too large")
    try:
        return json.loads(body.decode(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise refusals.bad_request("The body is not JSON") from None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _with_faults(listing: Listing, rules: list[Rule]) -> Listing:
    for rule in rules:
        match rule.action:
            case "lagging_list":
                listing = replace(listing, lag=rule.options["seconds"])
            case "ignore_page":
                listing = replace(listing, page=1, whole=rule.options.get("whole", False))
            case "repeat_page":
                listing = replace(listing, repeat=True)
            case "short_page":
                listing = replace(listing, most_items=rule.options["items"])
    return listing


def _fault_answer(options: Json) -> Answer:
    body = options.get("body", refusals.for_status(options["status"]).body)
    return Answer(options["status"], body, tuple(options.get("headers", {}).items()))
