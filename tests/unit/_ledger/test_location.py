# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import pwd
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.ledger_location import ledger_settings_from
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.paths import default_ledger_url
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core import secrecy
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import (
    InvalidInput,
    LedgerError,
    WebinarError,
)
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.model import StreamKey
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.secrecy import Redactor
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger import containers, keys, location
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.lease_owner import new_owner
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.location import LedgerSettings
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.store import Ledger, open_ledger
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._operations.ledger_maintenance import LedgerMaintenance
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._operations.stream_keys import stream_keys_of
from cryptography.fernet import Fernet

from ..ledger_cases import SLOT, claimed, new_key, opened
from ..other_process import import_path, start_python

OpenRun = Callable[..., Ledger]


def test_the_default_ledger_is_below_the_data_home() -> None:
    assert default_ledger_url({"XDG_DATA_HOME": "/data"}) == "sqlite:////data/tenbyte-webinar/ledger.sqlite3"
    home = default_ledger_url({})
    assert home.endswith("/home/.local/share/tenbyte-webinar/ledger.sqlite3")
    # A relative path must be ignored (XDG Base Directory Specification).
    assert default_ledger_url({"XDG_DATA_HOME": "data"}) == home
    location.check_settings(LedgerSettings(home))


@pytest.mark.parametrize("name", ["event.db", "event.sqlite3", "event", "event.key", ".event"])
def test_the_key_file_has_the_whole_name_of_the_ledger_unless_it_is_given(tmp_path: Path, name: str) -> None:
    url = f"sqlite:///{tmp_path}/{name}"
    assert location.key_file(LedgerSettings(url)) == tmp_path / f"{name}.key"
    assert location.key_file(LedgerSettings(url, key_file="/x")) == Path("/x")


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///", "sqlite:///:memory:"])
def test_a_ledger_in_memory_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput, match=r"ledger_url .*sqlite:////ABSOLUTE/PATH"):
        location.check_settings(LedgerSettings(url))


@pytest.mark.parametrize("url", ["ledger", "", "://", "sqlite:/x:", "//srv:me@x"])
def test_a_text_that_is_not_a_database_url_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput, match=r"ledger_url .*sqlite:////ABSOLUTE/PATH"):
        location.check_settings(LedgerSettings(url))


@pytest.mark.parametrize("path", ["/srv/ledger.db", "~/ledger.db"])
def test_a_path_instead_of_a_url_is_refused_with_the_right_url(path: str) -> None:
    with pytest.raises(InvalidInput, match=f"ledger_url is not a database URL. For a file, write sqlite:///{path}"):
        location.check_settings(LedgerSettings(path))
    location.check_settings(LedgerSettings(f"sqlite:///{path}"))


@pytest.mark.parametrize(
    ("url", "suggested"),
    [
        ("sqlite:///srv/keys/ledger.db", "sqlite:////srv/keys/ledger.db"),
        ("sqlite://srv/keys/ledger.db", "sqlite:////srv/keys/ledger.db"),
        ("sqlite://srv//keys/ledger.db", "sqlite:////srv//keys/ledger.db"),
        ("sqlite:///ledger.db", "sqlite:////ledger.db"),
        ("sqlite:///./ledger.db", "sqlite:////./ledger.db"),
        ("sqlite:///../ledger.db", "sqlite:////../ledger.db"),
        ("sqlite+pysqlite:///ledger.db", "sqlite:////ledger.db"),
        ("sqlite:///file:store.db", "sqlite:////file:store.db"),
        ("sqlite:////~/ledger.db", "sqlite:///~/ledger.db"),
    ],
)
def test_a_relative_path_is_refused_with_a_url_of_four_slashes(url: str, suggested: str) -> None:
    with pytest.raises(InvalidInput, match="ledger_url") as caught:
        location.check_settings(LedgerSettings(url))
    assert suggested in str(caught.value)


@pytest.mark.parametrize("url", ["sqlite:////srv/keys/", "sqlite:///~/", "sqlite:////srv/x.db?timeout=5"])
def test_a_url_of_a_folder_or_with_parameters_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput, match=r"ledger_url (names the folder|has parameters)"):
        location.check_settings(LedgerSettings(url))


def test_blanks_and_line_ends_around_a_url_are_ignored(tmp_path: Path) -> None:
    settings = LedgerSettings(f" sqlite:///{tmp_path}/x.db\n")
    location.check_settings(settings)
    assert location.database_file(settings) == tmp_path / "x.db"


def test_a_relative_key_file_is_refused(tmp_path: Path) -> None:
    for url in (f"sqlite:///{tmp_path}/x.db", "postgresql+psycopg://me@db/x"):
        with pytest.raises(
            InvalidInput, match=r"ledger_key_file keys/x\.key is relative.* Give the whole path, here /"
        ):
            location.check_settings(LedgerSettings(url, key_file="keys/x.key"))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg2://me:unit-secret@db/x",
        "mysql://me:unit-secret@db/x",
        "sqlite+aiosqlite:///x",
        "sqlite+none:///x",
    ],
)
def test_an_unsupported_database_is_refused_without_showing_its_password(url: str) -> None:
    with pytest.raises(InvalidInput, match="ledger_url") as caught:
        location.check_settings(LedgerSettings(url))
    assert "unit-secret" not in str(caught.value)


def test_the_representation_of_the_settings_shows_no_secret() -> None:
    assert "unit-secret" not in repr(LedgerSettings("postgresql://me:unit-secret@db/x", key="unit-secret"))


def test_the_files_of_a_new_ledger_are_private(open_run: OpenRun, ledger_settings: LedgerSettings) -> None:
    ledger = open_run()
    ledger.rows("api", [])
    folder = location.database_file(ledger_settings).parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert set(modes) >= {"keys.sqlite3", "keys.sqlite3-wal", "keys.sqlite3-shm", "keys.sqlite3.key"}
    assert set(modes.values()) == {0o600}


def test_every_connection_has_wal_full_sync_and_secure_delete(open_run: OpenRun) -> None:
    engine = open_run()._database.engine
    with engine.connect() as one, engine.connect() as other:
        for connection in (one, other):
            values = {
                name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                for name in ("journal_mode", "synchronous", "secure_delete")
            }
            assert values == {"journal_mode": "wal", "synchronous": 2, "secure_delete": 1}


def test_no_key_file_is_created_for_a_given_key(ledger_settings: LedgerSettings) -> None:
    settings = LedgerSettings(ledger_settings.url, key=Fernet.generate_key().decode())
    ledger = open_ledger(settings, Redactor(), new_owner())
    assert ledger is not None
    ledger.close()
    assert not location.key_file(settings).exists()


def test_ledger_keys_are_masked_after_they_are_read(ledger_settings: LedgerSettings) -> None:
    redactor = Redactor()
    found = keys.prepare_keys(ledger_settings, redactor, create=True)
    assert redactor.text(found[0]) == secrecy.MASK


def test_a_ledger_without_its_key_file_does_not_get_a_new_key(
    open_run: OpenRun, ledger_settings: LedgerSettings
) -> None:
    open_run().close()
    key_file = location.key_file(ledger_settings)
    key_file.unlink()
    with pytest.raises(LedgerError, match="Restore that file, or give the key as ledger_key"):
        open_ledger(ledger_settings, Redactor(), new_owner())
    assert not key_file.exists()


def test_a_ledger_that_another_run_creates_at_the_same_time_is_opened(
    ledger_settings: LedgerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = keys.keys_in

    def read_before_another_run_creates_the_ledger(path: Path) -> list[str] | None:
        monkeypatch.setattr(keys, "keys_in", real)
        found = real(path)
        other = open_ledger(ledger_settings, Redactor(), new_owner())
        assert other is not None
        other.close()
        return found

    monkeypatch.setattr(keys, "keys_in", read_before_another_run_creates_the_ledger)
    ledger = open_ledger(ledger_settings, Redactor(), new_owner())
    assert ledger is not None
    ledger.close()


@pytest.mark.parametrize("writable", [True, False])
def test_a_ledger_that_cannot_be_created_is_refused_in_check_mode_too(tmp_path: Path, writable: bool) -> None:
    (tmp_path / "file").touch()
    settings = LedgerSettings(f"sqlite:///{tmp_path}/file/deep/ledger.sqlite3", key=Fernet.generate_key().decode())
    with pytest.raises(LedgerError, match=r"ledger_url: the ledger .* cannot be written"):
        open_ledger(settings, Redactor(), new_owner(), writable=writable)


def test_a_folder_is_refused_as_a_ledger(tmp_path: Path) -> None:
    settings = LedgerSettings(f"sqlite:///{tmp_path}")
    for writable in (True, False):
        with pytest.raises(LedgerError, match=f"ledger_url names the folder {tmp_path}. Name a file in it"):
            open_ledger(settings, Redactor(), new_owner(), writable=writable)
    with pytest.raises(LedgerError, match="ledger_url: /dev/null is not a file"):
        open_ledger(LedgerSettings("sqlite:////dev/null"), Redactor(), new_owner())


def test_a_folder_is_refused_as_a_key_file(tmp_path: Path) -> None:
    settings = LedgerSettings(f"sqlite:///{tmp_path}/x.db", key_file=str(tmp_path))
    for writable in (True, False):
        with pytest.raises(LedgerError, match=f"ledger_key_file {tmp_path} is a folder. Name the file in it"):
            open_ledger(settings, Redactor(), new_owner(), writable=writable)


def test_an_invalid_key_is_refused_in_check_mode_too(tmp_path: Path) -> None:
    settings = LedgerSettings(f"sqlite:///{tmp_path}/x.db", key="not a key")
    for writable in (False, True):
        with pytest.raises(InvalidInput, match="ledger_key is not a Fernet key"):
            open_ledger(settings, Redactor(), new_owner(), writable=writable)


def made_with(settings: LedgerSettings, title: str) -> StreamKey:
    """Store one session in a ledger. Return its key."""
    ledger, key = opened(settings), new_key()
    ledger.keep(claimed(ledger, replace(SLOT, title=title)), "created", title, key)
    ledger.close()
    return key


def key_of(settings: LedgerSettings, session_id: str) -> StreamKey | None:
    ledger = opened(settings, writable=False)
    row = ledger.row_of_session(session_id)
    ledger.close()
    return row.key if row else None


def test_a_ledger_opens_with_the_key_file_of_the_first_version_which_keeps_its_name(tmp_path: Path) -> None:
    settings = LedgerSettings(f"sqlite:///{tmp_path}/event.db")
    key = made_with(settings, "a")
    (tmp_path / "event.db.key").rename(tmp_path / "event.key")
    assert key_of(settings, "a") == key
    other = made_with(settings, "b")
    assert (key_of(settings, "a"), key_of(settings, "b")) == (key, other)
    assert sorted(path.name for path in tmp_path.glob("*.key")) == ["event.key"]


def test_a_new_ledger_does_not_share_the_key_of_one_with_a_similar_name(tmp_path: Path) -> None:
    for name in ("event.db", "event.sqlite3"):
        made_with(LedgerSettings(f"sqlite:///{tmp_path}/{name}"), name)
    assert sorted(path.name for path in tmp_path.glob("*.key")) == ["event.db.key", "event.sqlite3.key"]
    (tmp_path / "event.db.key").rename(tmp_path / "event.key")
    made_with(LedgerSettings(f"sqlite:///{tmp_path}/event.new"), "new")
    assert (tmp_path / "event.new.key").exists()


def test_a_restored_ledger_opens_with_its_older_key_file_beside_a_newer_one(tmp_path: Path) -> None:
    old, new = (LedgerSettings(f"sqlite:///{tmp_path}/{folder}/ledger.sqlite3") for folder in ("old", "new"))
    key = made_with(old, "a")
    made_with(new, "b")
    shutil.copy(tmp_path / "old" / "ledger.sqlite3", tmp_path / "new" / "ledger.sqlite3")
    shutil.copy(tmp_path / "old" / "ledger.sqlite3.key", tmp_path / "new" / "ledger.key")
    assert key_of(new, "a") == key


def test_another_file_with_the_older_name_is_not_used_as_a_key_file(tmp_path: Path) -> None:
    settings = LedgerSettings(f"sqlite:///{tmp_path}/event.db")
    certificate = tmp_path / "event.key"
    for content, mode in ((b"-----BEGIN PRIVATE KEY-----\nabc\n", 0o600), (b"\xff\x00", 0o600), (b"x", 0o644)):
        certificate.write_bytes(content)
        certificate.chmod(mode)
        key = made_with(settings, str(mode) + str(len(content)))
        assert key_of(settings, str(mode) + str(len(content))) == key


def test_a_key_file_may_have_a_key_on_each_line(tmp_path: Path) -> None:
    settings = LedgerSettings(f"sqlite:///{tmp_path}/event.db")
    key = made_with(settings, "a")
    path = tmp_path / "event.db.key"
    path.write_text(f"{Fernet.generate_key().decode()}\r\n{path.read_text()}\n\n")
    assert key_of(settings, "a") == key
    path.write_text("\n")
    with pytest.raises(LedgerError, match=r"ledger_key_file .*event.db.key is empty"):
        opened(settings)


@pytest.fixture
def nameless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run as a user without a name and without HOME, as in many containers."""

    def unknown(_uid: int) -> None:
        raise KeyError

    monkeypatch.delenv("HOME")
    monkeypatch.setattr(pwd, "getpwuid", unknown)


@pytest.mark.usefixtures("nameless")
def test_a_missing_home_is_an_error_only_for_the_default_ledger(tmp_path: Path) -> None:
    settings = ledger_settings_from({}, {})
    assert not location.may_exist(settings)
    for writable in (True, False):
        with pytest.raises(LedgerError, match=r"Give ledger_url .* or set HOME or XDG_DATA_HOME"):
            open_ledger(settings, Redactor(), new_owner(), writable=writable)
    with pytest.raises(LedgerError, match=r"Give ledger_url .* or set HOME or XDG_DATA_HOME"):
        LedgerMaintenance(settings, Redactor(), check_mode=False).entries()
    with pytest.raises(WebinarError, match=r"Give ledger_url .* or set HOME or XDG_DATA_HOME"):
        stream_keys_of(settings, ["00000000-0000-4000-8000-000000000001"], Redactor())
    opened(ledger_settings_from({}, {"XDG_DATA_HOME": str(tmp_path)})).close()
    opened(LedgerSettings(f"sqlite:///{tmp_path}/x.db")).close()


@pytest.mark.parametrize("home", ["", "relative"])
def test_an_invalid_home_is_replaced_by_that_of_the_system(monkeypatch: pytest.MonkeyPatch, home: str) -> None:
    monkeypatch.setenv("HOME", home)
    expected = pwd.getpwuid(os.getuid()).pw_dir
    assert default_ledger_url({}) == f"sqlite:///{expected}/.local/share/tenbyte-webinar/ledger.sqlite3"


AS_NOBODY = """
import os, sys
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core import errors, secrecy
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger import store, location
import sqlalchemy.dialects.sqlite
os.setgroups([]); os.setgid(65534); os.setuid(65534)
settings = location.LedgerSettings(sys.argv[1], key=sys.argv[2] or None)
for writable in (True, False):
    try:
        store.open_ledger(settings, secrecy.Redactor(), "me", writable=writable)
    except errors.LedgerError as error:
        print(error)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can create files that another user may not read")
@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize("folder", [0o700, 0o755])
def test_an_error_names_the_owner_of_files_that_root_created(given: bool, folder: int) -> None:
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        (Path(place) / "ledger").mkdir(folder)
        key = Fernet.generate_key().decode() if given else None
        settings = LedgerSettings(f"sqlite:///{place}/ledger/keys.db", key=key)
        opened(settings).close()
        process = start_python(AS_NOBODY, settings.url, key or "")
        printed, _errors = process.communicate(timeout=60)
    lines = printed.splitlines()
    assert len(lines) == 2, printed
    for line in lines:
        assert "permission denied" in line
        assert re.search(r"/ledger\S* belongs to user root, and this run to user nobody.*become", line), line


MOUNTS = """\
20 1 0:30 / / rw,relatime - {root} {root} rw
21 20 0:31 / /proc rw - proc proc rw
22 20 254:1 /data /{volume} rw - ext4 /dev/vda rw
"""


@pytest.mark.parametrize(
    ("root", "volume", "mark", "warned"),
    [
        ("overlay", "elsewhere", False, True),
        ("fuse.fuse-overlayfs", "elsewhere", False, True),
        ("aufs", "elsewhere", True, True),
        ("ext4", "elsewhere", False, False),
        ("ext4", "elsewhere", True, True),
        ("overlay", "home\\040folder", True, False),
        ("overlay", "home\\040folder/of", False, False),
        ("overlay", "home", False, True),
    ],
)
def test_a_default_ledger_inside_a_container_gets_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root: str, volume: str, mark: bool, warned: bool
) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS.format(root=root, volume=volume))
    monkeypatch.setattr(containers, "MOUNTS", mounts)
    monkeypatch.setattr(containers, "MARKER_FILES", (str(mounts),) if mark else ())
    monkeypatch.setenv("HOME", "/home folder/of/mine")
    settings = ledger_settings_from({}, {})
    warning = location.container_warning(settings)
    assert (warning is not None) == warned
    if warning:
        assert "ledger_url" in warning
    given = LedgerSettings("sqlite:////home folder/of/mine/other.sqlite3")
    assert location.container_warning(given) is None


@pytest.mark.usefixtures("nameless")
def test_the_container_warning_needs_no_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS.format(root="overlay", volume="elsewhere"))
    monkeypatch.setattr(containers, "MOUNTS", mounts)
    assert location.container_warning(ledger_settings_from({}, {})) is None
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert location.container_warning(ledger_settings_from({}, dict(os.environ))) is not None


def test_the_container_warning_appears_only_with_the_new_ledger(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS.format(root="overlay", volume="elsewhere"))
    monkeypatch.setattr(containers, "MOUNTS", mounts)
    settings = ledger_settings_from({}, {})
    for count in (1, 0):
        ledger = opened(settings)
        assert len(ledger.notes) == count
        ledger.close()


def test_an_unreadable_list_of_mounts_causes_no_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text("nonsense\n1 2 - x\n\n - \n")
    monkeypatch.setattr(containers, "MOUNTS", mounts)
    monkeypatch.setattr(containers, "MARKER_FILES", ())
    assert not containers.is_in_container_layer(tmp_path)
    monkeypatch.setattr(containers, "MOUNTS", tmp_path / "absent")
    assert not containers.is_in_container_layer(tmp_path)


OVERLAY = """
set -e
mount -t tmpfs none "$1"
mkdir "$1/lower" "$1/upper" "$1/work" "$1/merged"
mount -t overlay overlay -o "lowerdir=$1/lower,upperdir=$1/upper,workdir=$1/work" "$1/merged"
exec "$2" -c "$3" "$1/merged/home"
"""
IN_OVERLAY = """
import os, sys
os.environ["HOME"] = sys.argv[1]
os.environ.pop("XDG_DATA_HOME", None)
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible import ledger_location
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger import containers, location
containers.MARKER_FILES = ()
print(location.container_warning(ledger_location.ledger_settings_from({}, {})))
"""


def test_a_real_overlay_is_recognised(tmp_path: Path) -> None:
    command = ["unshare", "--mount", "--map-root-user", "sh", "-c", OVERLAY, "sh", str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": import_path()}
    ran = subprocess.run(
        [*command, sys.executable, IN_OVERLAY], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    if ran.returncode != 0 and "Traceback" not in ran.stderr:
        pytest.skip(f"no overlay can be mounted here: {ran.stderr.strip()[-200:]}")
    assert ran.returncode == 0, ran.stderr
    assert f"The new ledger {tmp_path}/merged/home/.local/share/tenbyte-webinar/ledger.sqlite3" in ran.stdout


def test_a_folder_on_a_read_only_file_system_is_refused() -> None:
    if not Path("/proc/self").exists():
        pytest.skip("there is no /proc, a file system in which even root cannot create files")
    settings = LedgerSettings("sqlite:////proc/self/ledger.sqlite3", key=Fernet.generate_key().decode())
    with pytest.raises(LedgerError, match="ledger_url"):
        open_ledger(settings, Redactor(), new_owner())


def test_check_mode_creates_no_ledger_and_no_key(ledger_settings: LedgerSettings) -> None:
    assert open_ledger(ledger_settings, Redactor(), new_owner(), writable=False) is None
    assert not location.database_file(ledger_settings).parent.exists()
