# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of connection and ledger in a task: TLS, credentials, time-outs, retries, the place of the keys."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import select
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.integration.conftest import PRESET, SESSION
from tests.integration.controller import Controller, Run
from tests.simulator.server import Simulator


def certificate(folder: Path) -> tuple[Path, Path]:
    """Make a self-signed certificate for 127.0.0.1; return its file and the file of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "simulator")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "certificate.pem", folder / "private.pem"
    public.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    private.write_bytes(key.private_bytes(pem, pkcs8, serialization.NoEncryption()))
    return public, private


@contextlib.contextmanager
def behind_tls(port: int, public: Path, private: Path) -> Iterator[int]:
    """Serve the plain HTTP of a loopback port over TLS on another port; yield that port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.1)
    stop = threading.Event()

    def relay(client: socket.socket) -> None:
        with (
            contextlib.suppress(OSError),
            context.wrap_socket(client, server_side=True) as secure,
            socket.create_connection(("127.0.0.1", port)) as plain,
        ):
            while not stop.is_set():
                ready, _writable, _failed = select.select([secure, plain], [], [], 0.1)
                for source, target in ((secure, plain), (plain, secure)):
                    if source in ready:
                        data = source.recv(65536)
                        if not data:
                            return
                        target.sendall(data)

    def accept() -> None:
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                client = listener.accept()[0]
                threading.Thread(target=relay, args=(client,), daemon=True).start()

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        stop.set()
        thread.join()
        listener.close()


def keynote(controller: Controller, environment: dict[str, str] | None = None, **options: Any) -> Run:
    task = {SESSION: {"room": "Main stage", "title": "Keynote", "preset_id": PRESET, "retries": 0, **options}}
    play = {"hosts": "localhost", "gather_facts": False, "tasks": [task]}
    return controller.plays([play], environment=environment)


def test_the_options_decide_which_certificates_are_trusted(
    simulator: Simulator, controller: Controller, tmp_path: Path
) -> None:
    public, private = certificate(tmp_path)
    with behind_tls(simulator.port, public, private) as port:
        url = f"https://127.0.0.1:{port}/v1/webinar"
        refused = keynote(controller, api_url=url)
        assert refused.returncode != 0
        assert "TLS failed" in refused.result(SESSION)["msg"]
        assert "ca_path" in refused.result(SESSION)["msg"]
        assert len(simulator.journal) == 0
        # The environment variables of requests do not override the task's options.
        system = {"REQUESTS_CA_BUNDLE": "/etc/ssl/certs/ca-certificates.crt"}
        assert keynote(controller, system, api_url=url, ca_path=str(public)).returncode == 0
        assert keynote(controller, system, api_url=url, validate_certs=False).returncode == 0
        wrong_host = keynote(controller, api_url=url.replace("127.0.0.1", "localhost"), ca_path=str(public))
        assert "TLS failed" in wrong_host.result(SESSION)["msg"]


def test_plain_http_to_another_host_needs_allow_http(simulator: Simulator, controller: Controller) -> None:
    url = "http://webinar.invalid/v1/webinar"
    assert "allow_http" in keynote(controller, api_url=url).result(SESSION)["msg"]
    assert "no connection to" in keynote(controller, api_url=url, allow_http=True).result(SESSION)["msg"]


def test_a_token_in_the_task_overrides_an_api_key_in_the_environment(
    simulator: Simulator, controller: Controller
) -> None:
    user = simulator.service.users[0]
    # The environment holds an API key; with the task's token these are not two credentials.
    run = keynote(controller, {"TENBYTE_API_KEY": "sim-api-key-of-nobody"}, api_token=user.token)
    assert run.returncode == 0, run.output
    assert user.token not in run.output
    assert {entry.credential for entry in simulator.journal} == {"host"}


def test_timeout_limits_each_request(simulator: Simulator, controller: Controller) -> None:
    simulator.faults.add("latency", method="GET", seconds=5, times=None)
    run = keynote(controller, timeout=1)
    assert "no response within 1 seconds (timeout)" in run.result(SESSION)["msg"]


@pytest.mark.parametrize("retries", [0, 2])
def test_retries_sets_how_often_a_get_is_retried(simulator: Simulator, controller: Controller, retries: int) -> None:
    simulator.faults.add("status", method="GET", path="/rooms/my", status=503, times=None)
    assert keynote(controller, retries=retries).returncode != 0
    assert len(simulator.journal) == retries + 1


def test_an_event_is_provisioned_with_concurrency_1(simulator: Simulator, controller: Controller) -> None:
    sessions = [{"title": f"Talk {number}", "preset_id": PRESET} for number in range(5)]
    event = {"tenbyte.webinar.event": {"rooms": [{"title": "Main stage", "sessions": sessions}], "concurrency": 1}}
    run = controller.plays([{"hosts": "localhost", "gather_facts": False, "tasks": [event]}])
    assert run.returncode == 0, run.output
    assert len(simulator.service.sessions) == 5


def test_the_task_may_have_the_ledger_and_its_key(controller: Controller, tmp_path: Path) -> None:
    elsewhere: dict[str, Any] = {"ledger_url": f"sqlite:///{tmp_path}/team/keys.db"}
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    assert keynote(controller, **elsewhere, ledger_key=old).result(SESSION)["changed"] is True
    assert not (tmp_path / "team" / "keys.key").exists()
    assert not controller.ledger_file.exists()
    for keys in (old, f"{new},{old}"):
        run = keynote(controller, **elsewhere, ledger_key=keys)
        assert run.result(SESSION)["session"]["stream_key_available"] is True
        assert old not in run.output
    assert "ledger_key" in keynote(controller, **elsewhere, ledger_key=new).result(SESSION)["msg"]
    key_file = tmp_path / "secrets" / "fernet"
    assert keynote(controller, ledger_key_file=str(key_file), room="Hall").result(SESSION)["changed"] is True
    assert key_file.stat().st_mode & 0o777 == 0o600


def test_different_spellings_of_the_url_mean_the_same_service(simulator: Simulator, controller: Controller) -> None:
    first = keynote(controller)
    assert first.returncode == 0, first.output
    base = f"127.0.0.1:{simulator.port}"
    for url in (f"HTTP://{base}/v1/webinar/", f" http://{base}//v1/./webinar\n", f"http://{base}/v1/%77ebinar"):
        again = keynote(controller, api_url=url).result(SESSION)
        assert again["changed"] is False
        assert again["session"]["stream_key_fingerprint"] == first.result(SESSION)["session"]["stream_key_fingerprint"]
    assert len(simulator.service.sessions) == 1


@pytest.mark.parametrize("host", ["localhost.", "LOCALHOST", "127.1", "2130706433", "[::ffff:127.0.0.1]"])
def test_plain_http_to_this_machine_is_allowed_under_all_its_names(
    simulator: Simulator, controller: Controller, host: str
) -> None:
    run = keynote(controller, api_url=f"http://{host}:{simulator.port}/v1/webinar", timeout=5)
    # Not every machine has each kind of address; the test only needs the attempt.
    assert "allow_http" not in str(run.result(SESSION).get("msg"))


def test_an_unknown_key_in_a_refusal_is_not_shown(simulator: Simulator, controller: Controller) -> None:
    keys = ("ab12-cd34-ef56-gh78", "9b2f6a0e-7c1d-4e3f-8a5b-0c1d2e3f4a5b")
    said = f"the stream {keys[0]} is on-air, and so is {keys[1]}; there is no preset {PRESET}"
    simulator.faults.add("status", method="POST", path="/sessions$", status=422, body={"success": False, "error": said})
    run = keynote(controller)
    assert f"there is no preset {PRESET}" in str(run.result(SESSION))
    assert "on-air" in str(run.result(SESSION))
    assert not any(key in run.output + str(run.records) for key in keys)


def test_a_list_that_changes_while_it_is_read_is_read_again(simulator: Simulator, controller: Controller) -> None:
    sessions = [{"title": f"Talk {number}", "preset_id": PRESET} for number in range(101)]
    event = {"tenbyte.webinar.event": {"rooms": [{"title": "Main stage", "sessions": sessions}]}}
    play = {"hosts": "localhost", "gather_facts": False, "tasks": [event]}
    assert controller.plays([play]).returncode == 0
    simulator.journal.clear()
    # The second page of the sessions is delayed while somebody deletes a session of the first.
    simulator.faults.add("latency", method="GET", path="/sessions$", skip=1, seconds=2)
    newest = list(simulator.service.sessions.values())[-1]
    gone: list[bool] = []

    def delete_meanwhile() -> None:
        while not any(entry.path.endswith("/sessions") for entry in simulator.journal):
            if stop.wait(0.01):
                return
        simulator.service.delete_session(newest)
        gone.append(True)

    stop = threading.Event()
    thread = threading.Thread(target=delete_meanwhile)
    thread.start()
    try:
        run = controller.plays([play])
    finally:
        stop.set()
        thread.join()
    assert gone, "nothing was deleted while the list was read"
    assert run.returncode == 0, run.output
    # Only the deleted session is created again: the one that moved to the first page was seen.
    assert len(simulator.journal.writes()) == 1
    assert len(simulator.service.sessions) == 101
