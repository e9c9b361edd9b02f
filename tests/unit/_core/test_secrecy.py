# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import html
import json
import os
import re
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core import secrecy
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import (
    InvalidInput,
    LedgerError,
)
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.secrecy import (
    MASK,
    Cipher,
    Redactor,
    create_key_file,
    fingerprint,
    new_fingerprint_key,
    read_key_file,
    split_keys,
)
from cryptography.fernet import Fernet
from hypothesis import example, given
from hypothesis import strategies as st


def new_key() -> str:
    return Fernet.generate_key().decode()


def test_an_encrypted_value_is_decrypted_and_not_readable() -> None:
    cipher = Cipher([new_key()])
    token = cipher.encrypt({"stream_key": "unit-stream-1"})
    assert cipher.decrypt(token) == {"stream_key": "unit-stream-1"}
    assert b"unit-stream-1" not in token


def test_a_value_is_decrypted_with_the_old_key_after_a_rotation() -> None:
    old, new = new_key(), new_key()
    token = Cipher([old]).encrypt({"a": 1})
    assert Cipher([new, old]).decrypt(token) == {"a": 1}


def test_the_first_of_several_keys_encrypts() -> None:
    old, new = new_key(), new_key()
    assert Cipher([new]).decrypt(Cipher([new, old]).encrypt({"a": 1})) == {"a": 1}


def test_the_error_about_a_wrong_key_names_the_option() -> None:
    token = Cipher([new_key()]).encrypt({"a": 1})
    with pytest.raises(LedgerError, match="ledger_key"):
        Cipher([new_key()]).decrypt(token)


def test_a_token_that_was_tampered_with_is_refused() -> None:
    cipher = Cipher([new_key()])
    token = bytearray(cipher.encrypt({"a": 1}))
    token[20] ^= 1
    with pytest.raises(LedgerError):
        cipher.decrypt(bytes(token))


@pytest.mark.parametrize("bad", ["short", "x" * 44, "größe" * 9, "=" * 44])
def test_the_error_about_a_malformed_key_does_not_quote_it(bad: str) -> None:
    with pytest.raises(InvalidInput, match="ledger_key is not a Fernet key") as caught:
        Cipher([bad])
    assert bad not in str(caught.value)
    assert caught.value.__cause__ is None


def test_an_empty_list_of_keys_is_refused() -> None:
    with pytest.raises(InvalidInput, match="ledger_key"):
        Cipher(split_keys(" , "))


def test_keys_are_split_at_commas_and_blanks_are_dropped() -> None:
    assert split_keys(" one, two\n,,three ") == ["one", "two", "three"]


def test_only_the_owner_can_read_a_new_key_file_and_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "a" / "ledger.key"
    before = os.umask(0)
    try:
        key = create_key_file(path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert read_key_file(path) == key
    assert list(path.parent.iterdir()) == [path]
    Cipher([key])


def test_an_existing_key_file_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "ledger.key"
    first = create_key_file(path)
    assert create_key_file(path) == first


def test_concurrent_first_runs_use_the_same_key(tmp_path: Path) -> None:
    path = tmp_path / "ledger.key"
    with ThreadPoolExecutor(16) as pool:
        assert len(set(pool.map(lambda _number: create_key_file(path), range(16)))) == 1


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o610])
def test_the_error_about_a_key_file_that_others_can_read_names_the_remedy(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "ledger.key"
    create_key_file(path)
    path.chmod(mode)
    with pytest.raises(LedgerError, match=f"chmod 600 {path}"):
        read_key_file(path)


def test_an_empty_key_file_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "ledger.key"
    path.touch(0o600)
    with pytest.raises(LedgerError, match="is empty"):
        create_key_file(path)


def test_a_key_file_below_a_regular_file_cannot_be_created(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LedgerError, match=r"ledger_key_file .* cannot be created"):
        create_key_file(tmp_path / "file" / "ledger.key")


def test_a_folder_is_not_a_key_file(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    path.mkdir(0o700)
    with pytest.raises(LedgerError, match="cannot be read"):
        read_key_file(path)


def test_a_missing_key_file_reads_as_none(tmp_path: Path) -> None:
    assert read_key_file(tmp_path / "none") is None


def test_a_fingerprint_differs_by_stream_key_and_by_ledger() -> None:
    one, other = new_fingerprint_key(), new_fingerprint_key()
    assert fingerprint(one, "unit-stream-1") == fingerprint(one, "unit-stream-1")
    assert fingerprint(one, "unit-stream-1") != fingerprint(one, "unit-stream-2")
    assert fingerprint(one, "unit-stream-1") != fingerprint(other, "unit-stream-1")


@given(st.text(st.characters(codec=None, exclude_categories=()), min_size=1))
@example("\ud800")
def test_every_string_of_json_has_a_fingerprint(stream_key: str) -> None:
    assert len(fingerprint("00" * 32, stream_key)) == 19


def test_a_redactor_masks_known_secrets_everywhere_in_a_result() -> None:
    redactor = Redactor(["unit-stream-1", None, ""])
    value = {"a unit-stream-1": ["unit-stream-1", ("xunit-stream-1x", 7, None, True)], "b": {"c": "safe"}}
    shown = redactor.value(value)
    assert shown == {f"a {MASK}": [MASK, [f"x{MASK}x", 7, None, True]], "b": {"c": "safe"}}


def test_a_secret_that_contains_another_one_is_masked_completely() -> None:
    assert Redactor(["unit-stream", "unit-stream-long"]).text("unit-stream-long unit-stream") == f"{MASK} {MASK}"


@given(st.lists(st.text(alphabet="abc-", min_size=6, max_size=12), max_size=4), st.text(alphabet="abc- ", max_size=80))
def test_a_redacted_text_contains_no_known_secret(known: list[str], text: str) -> None:
    shown = Redactor(known).text(text)
    assert not any(secret in shown for secret in known)


def _go_escaped(text: str) -> str:
    return json.dumps(text)[1:-1].replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


QUOTING: dict[str, Callable[[str], str]] = {
    "JSON": lambda secret: json.dumps({"said": f"no {secret}!"}),
    "JSON of Go": _go_escaped,
    "JSON with escaped slashes": lambda secret: json.dumps(secret).replace("/", "\\/"),
    "HTML": html.escape,
    "URL": lambda secret: quote(secret, safe=""),
    "URL in lower case": lambda secret: re.sub("%..", lambda found: found[0].lower(), quote(secret, safe="")),
    "form": quote_plus,
    "hexadecimal": lambda secret: secret.encode().hex(),
    "basic authorization": lambda secret: base64.b64encode(f"user:{secret}".encode()).decode(),
    "base64 at any place": lambda secret: " ".join(
        base64.b64encode(f"{'x' * before}{secret}{'y' * after}".encode()).decode()
        for before in range(4)
        for after in range(4)
    ),
    "base64 for URLs": lambda secret: base64.urlsafe_b64encode(f"\xff{secret}\xff".encode("latin-1")).decode(),
}


@pytest.mark.parametrize("quoted", QUOTING.values(), ids=QUOTING)
@pytest.mark.parametrize("secret", ["unit?/stream+key=<1>&", 'unit "stream" \\key', "unit-stream-1"])
def test_a_secret_is_masked_in_every_encoding(secret: str, quoted: Callable[[str], str]) -> None:
    text = quoted(secret)
    shown = Redactor([secret]).text(text)
    assert MASK in shown
    # Beside the mask, base64 leaves characters that also encode bits of the neighbouring text.
    left = [part for part in re.split(r"[^A-Za-z0-9+/=_-]", shown.replace(MASK, " ")) if len(part) > 8]
    assert not [part for part in left if part in text and _decoded(part) in secret]


def _decoded(part: str) -> str:
    return base64.b64decode(part + "==", altchars=b"-_").decode("latin-1") if len(part) % 4 != 1 else part


@given(st.lists(st.text(alphabet="ab", min_size=3, max_size=6), min_size=1, max_size=6), st.text("ab-x", max_size=60))
def test_keys_with_a_common_prefix_are_told_apart(endings: list[str], text: str) -> None:
    keys = [f"live-{ending}" for ending in endings]
    shown = Redactor(keys).text(f"{text}{' '.join(keys)}{text}")
    assert not any(key in shown for key in keys)


def test_the_time_for_a_text_does_not_grow_with_the_number_of_keys_of_one_prefix() -> None:
    redactor = Redactor(f"live-{number:032x}" for number in range(2000))
    redactor.text("")
    assert max(map(len, redactor._lengths.values())) <= 2


def test_a_secret_that_is_learned_later_is_masked_from_then_on() -> None:
    redactor = Redactor(["unit-stream-one"])
    assert redactor.text("unit-stream-one key+2/x") == f"{MASK} key+2/x"
    redactor.learn("key+2/x")
    assert redactor.text("unit-stream-one key+2/x") == f"{MASK} {MASK}"


def test_a_secret_is_masked_in_a_text_that_was_harmless_before_it_was_learned() -> None:
    redactor = Redactor(["first-secret"])
    texts = ["the key is second-secret", base64.b64encode(b"the key is second-secret").decode(), "no key"]
    assert [redactor.text(text) for text in texts] == texts
    assert [redactor.text(text) for text in texts] == texts
    redactor.learn("second-secret")
    assert "second" not in redactor.text(texts[0])
    assert MASK in redactor.text(texts[1])
    assert redactor.text(texts[2]) == texts[2]


class LearnsWhileItSearches(Redactor):
    late = "second-secret"

    def _found(self, text: str) -> Iterator[tuple[int, int]]:
        yield from super()._found(text)
        late, self.late = self.late, ""
        if late:
            self.learn(late)
            self.text("another text")


def test_a_secret_that_another_thread_learns_during_a_search_is_masked_from_then_on() -> None:
    redactor = LearnsWhileItSearches(["first-secret"])
    redactor.text("the key is second-secret")
    assert redactor.text("the key is second-secret") == f"the key is {MASK}"


@given(
    st.lists(st.text(alphabet="abc-", min_size=6, max_size=12), min_size=2, max_size=4),
    st.lists(st.text(alphabet="abc- ", max_size=40), max_size=4),
)
def test_what_was_masked_before_does_not_change_what_is_masked(known: list[str], texts: list[str]) -> None:
    texts += [f"{texts[0] if texts else ''}{secret}" for secret in known]
    late = Redactor()
    for secret in known:
        for text in texts:
            late.text(text)
        late.learn(secret)
    at_once = Redactor(known)
    assert [late.text(text) for text in texts] == [at_once.text(text) for text in texts]


def test_what_stands_twice_in_a_result_stays_one_object() -> None:
    entry = {"id": "unit-stream-1"}
    shown = Redactor(["unit-stream-1"]).value({"list": [entry], "by name": {"a": entry}})
    assert shown == {"list": [{"id": MASK}], "by name": {"a": {"id": MASK}}}
    assert shown["list"][0] is shown["by name"]["a"]


def test_what_was_remembered_is_returned_as_it_is() -> None:
    redactor = Redactor(["unit-stream-1"])
    shown = redactor.value({"by name": {"a": {"id": "unit-stream-1", "tags": ["one"], "number": 1, "none": None}}})
    redactor.remember(shown)
    redactor.learn("unit-stream-2")
    again = redactor.value({**shown, "new": ["unit-stream-2"]})
    assert again == {**shown, "new": [MASK]}
    assert again["by name"] is shown["by name"]


@pytest.mark.parametrize("quoted", QUOTING.values(), ids=QUOTING)
@pytest.mark.parametrize("place", ["value", "key", "list"])
def test_a_secret_is_masked_in_what_was_remembered_before_it_was_learned(
    quoted: Callable[[str], str], place: str
) -> None:
    # base64 of two secrets that end differently would be the same, but for what is left out.
    secret = "learned-later"
    text = quoted(secret)
    redactor = Redactor(["unit-stream-1"])
    shown = redactor.value(
        {"a": {"value": {"b": text}, "key": {text: 1}, "list": {"b": [text]}}[place], "c": {"d": "e"}}
    )
    redactor.remember(shown)
    redactor.learn(secret)
    assert redactor.value(shown) == Redactor([secret]).value(shown) != shown


def test_what_is_remembered_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrecy, "_MOST_PARTS", 50)
    redactor = Redactor(["unit-stream-1"])
    shown: dict[str, object] = {}
    for number in range(30):
        shown = redactor.value({**shown, f"{number}": {"id": number}})
        redactor.remember(shown)
        assert sum(map(len, redactor._harmless._containers.values())) <= 50
    assert redactor.value(shown) is shown


def test_a_tuple_is_not_remembered() -> None:
    redactor, value = Redactor(["unit-stream-1"]), {"a": ({"b": "learned-later"},)}
    redactor.remember(value)
    redactor.learn("learned-later")
    assert redactor.value(value) == {"a": [{"b": MASK}]}


def test_a_long_text_is_searched_again_wherever_it_stands() -> None:
    redactor = Redactor(["unit-stream-1"])
    long_text = f"{'x' * 1000} unit-stream-2"
    shown = redactor.value({"a": {"b": [long_text]}})
    redactor.remember(shown)
    redactor.learn("unit-stream-2")
    assert "unit-stream-2" not in str(redactor.value(shown))


@given(
    st.lists(st.text(alphabet="abc-", min_size=6, max_size=8), min_size=2, max_size=4),
    st.recursive(
        st.text(alphabet="abc- ", max_size=20) | st.none() | st.integers(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc-", max_size=8), inner, max_size=3),
        max_leaves=8,
    ),
)
def test_what_is_remembered_does_not_change_what_is_masked(known: list[str], value: object) -> None:
    late, shown = Redactor(), value
    for count, secret in enumerate(known, start=1):
        late.learn(secret)
        expected = Redactor(known[:count]).value(shown)
        shown = late.value(shown)
        assert shown == expected
        late.remember(shown)


def test_overlapping_secrets_are_masked_together() -> None:
    assert Redactor(["first-half", "half-second"]).text("<first-half-second>") == f"<{MASK}>"


def test_an_excerpt_does_not_end_within_a_secret() -> None:
    redactor = Redactor(["unit-stream-" + "k" * 500])
    text = ("unit-stream-" + "k" * 500) * 1000
    for length in (10, 100, 60_000, 70_000):
        assert "unit" not in redactor.excerpt(text, length)
    assert redactor.excerpt("a short text", 100) == "a short text"


def test_control_characters_in_a_result_are_replaced() -> None:
    shown = Redactor().value({"title": "a\x1b[2Jb\x9bc\x00\rd\ud800e", "description": "one\r\ntwo\tthree"})
    assert shown == {"title": "a\ufffd[2Jb\ufffdc\ufffd\ufffdd\ufffde", "description": "one\r\ntwo\tthree"}
