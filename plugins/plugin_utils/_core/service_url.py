# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""The service's URL in normal form, so that two spellings of it name the same service; and loopback hosts."""

from __future__ import annotations

import ipaddress
import re

_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<path>[^?#]*)\Z")
_AUTHORITY = re.compile(r"(?P<host>\[[^\[\]]*\]|[^:\[\]]*)(?::(?P<port>[0-9]*))?\Z")
_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9_](?:[a-z0-9_-]{0,62})(?:\.[a-z0-9_][a-z0-9_-]{0,62})*\Z")
_ZONE = re.compile(r"[A-Za-z0-9._~-]{1,64}\Z")
_DEFAULT_PORTS = {"http": 80, "https": 443}
# The byte order mark, which may begin a file. Python's ``strip`` does not remove it.
_BYTE_ORDER_MARK = "\ufeff"
# RFC 3986, section 2.3; the other characters of a path are in section 3.3.
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_OF_A_PATH = _UNRESERVED | frozenset("!$&'()*+,;=:@/")
_PART_OF_IPV4 = re.compile(r"0[xX][0-9A-Fa-f]*|0[0-7]*|[1-9][0-9]*")


def normalised_url(text: str) -> str:
    """Return the normal form of the service's URL (RFC 3986, section 6).

    Blanks and line ends around it are dropped: a URL that was read from a file ends with a line end. So are slashes at
    its end and repeated slashes in its path, which mean nothing to the service. Raise ValueError for any other text.
    Its message continues a sentence that begins with the option's name, and does not quote the URL, which could contain
    a password.
    """
    url = text.strip().strip(_BYTE_ORDER_MARK).strip()
    if re.search(r"[\s\x00-\x20\x7f-\x9f]", url):
        raise ValueError("holds a blank, a line end or a control character. Write the URL as one word.")
    if "?" in url or "#" in url:
        raise ValueError("is not an http or https URL without query. Leave out what begins with '?' or '#'.")
    found = _URL.match(url)
    scheme = found["scheme"].lower() if found else ""
    if found is None or scheme not in _DEFAULT_PORTS:
        raise ValueError("is not an http or https URL without query. It begins with https:// and a host.")
    if "@" in found["authority"]:
        raise ValueError("holds a user name or password. Give the credential as api_key or api_token.")
    authority = _AUTHORITY.match(found["authority"])
    if authority is None:
        raise ValueError("is not an http or https URL without query. Its host or port is malformed.")
    host, port = _host(authority["host"]), _port(authority["port"] or "", scheme)
    return f"{scheme}://{host}{port}{_path(found['path'])}"


def normalised_or_same(text: str) -> str:
    """Return the normal form of a stored URL, or the text itself if it is no such URL: this never fails."""
    try:
        return normalised_url(text)
    except ValueError:
        return text


def is_loopback(host: str) -> bool:
    """Return whether a URL's host is this machine; an address may have brackets.

    That includes names below ``localhost`` (RFC 6761, section 6.3). No name server is asked.
    """
    plain = host.strip("[]").lower().removesuffix(".")
    if plain == "localhost" or plain.endswith(".localhost"):
        return True
    try:
        address = ipaddress.IPv6Address(plain)
    except ValueError:
        number = _ipv4_number(plain)
        return number is not None and number >> 24 == 127
    return address.is_loopback or (address.ipv4_mapped is not None and address.ipv4_mapped.is_loopback)


def _host(text: str) -> str:
    if text.startswith("["):
        return f"[{_short_ipv6(text[1:-1])}]"
    host = text.lower().removesuffix(".")
    if not host.isascii():
        raise ValueError("has a host with letters beyond ASCII. Write it in its ASCII form, which has 'xn--' in it.")
    if not _NAME.match(host):
        raise ValueError("is not an http or https URL without query. Its host is malformed.")
    return host


def _short_ipv6(text: str) -> str:
    """Return an IPv6 address in its short form (RFC 5952), with its zone if it has one (RFC 6874)."""
    bare, percent, zone = text.partition("%")
    zone = zone.removeprefix("25")
    if percent and not _ZONE.match(zone):
        raise ValueError("is not an http or https URL without query. The zone of its IPv6 address is malformed.")
    try:
        address = ipaddress.IPv6Address(bare)
    except ValueError:
        raise ValueError("is not an http or https URL without query. Its IPv6 address is malformed.") from None
    # Versions of Python differ in how they write IPv4-mapped addresses.
    short = f"::ffff:{address.ipv4_mapped}" if address.ipv4_mapped is not None else address.compressed
    return f"{short}%25{zone}" if percent else short


def _port(text: str, scheme: str) -> str:
    if not text:
        return ""
    # Count the digits first: ``int`` raises an error for thousands of them.
    digits = text.lstrip("0")
    if not 1 <= len(digits) <= 5 or int(digits) > 65535:
        raise ValueError("has a port that is out of range. Give one from 1 to 65535.")
    return "" if int(digits) == _DEFAULT_PORTS[scheme] else f":{int(digits)}"


def _path(text: str) -> str:
    """Return a path without empty, ``.`` and ``..`` segments and without a trailing slash."""
    segments: list[str] = []
    for segment in _percent_encoded(text).split("/"):
        if segment == "..":
            del segments[-1:]
        elif segment not in ("", "."):
            segments.append(segment)
    return "".join(f"/{segment}" for segment in segments)


def _percent_encoded(text: str) -> str:
    """Return a path with only the escapes that it needs, each with upper-case digits."""
    parts: list[str] = []
    for part in re.findall(r"%[0-9A-Fa-f]{2}|.", text, re.DOTALL):
        if len(part) == 3:
            character = chr(int(part[1:], 16))
            parts.append(character if character in _UNRESERVED else part.upper())
        elif part in _OF_A_PATH:
            parts.append(part)
        else:
            try:
                parts.extend(f"%{byte:02X}" for byte in part.encode())
            except UnicodeEncodeError:
                raise ValueError("holds an invalid character. Write the URL in ASCII.") from None
    return "".join(parts)


def _ipv4_number(text: str) -> int | None:
    """Return the address that C's ``inet_aton`` reads: one to four numbers; the last one fills the remaining bytes."""
    parts = text.split(".")
    if len(parts) > 4 or not all(_PART_OF_IPV4.fullmatch(part) and len(part) <= 20 for part in parts):
        return None
    numbers = [_c_number(part) for part in parts]
    *leading, last = numbers
    if any(number > 255 for number in leading) or last >= 256 ** (5 - len(numbers)):
        return None
    return sum(number << (24 - 8 * place) for place, number in enumerate(leading)) + last


def _c_number(text: str) -> int:
    if text[:2] in ("0x", "0X"):
        return int(text[2:] or "0", 16)
    return int(text, 8 if text.startswith("0") else 10)
