# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A certificate authority for tests, and all kinds of certificates that must be refused."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_DAY = datetime.timedelta(days=1)


@dataclass(frozen=True)
class Authority:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def file(self, folder: Path) -> Path:
        path = folder / f"{self.certificate.serial_number}.pem"
        path.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))
        return path


def authority(name: str = "authority of a test") -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    built = (
        _builder(name, name, key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return Authority(built.sign(key, hashes.SHA256()), key)


def server_context(
    folder: Path, by: Authority | None, *, host: str = "127.0.0.1", valid_from: int = -1, valid_to: int = 1
) -> ssl.SSLContext:
    """Return the TLS context of a server whose certificate is signed by an authority, or self-signed without one.

    ``valid_from`` and ``valid_to`` are in days from now.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = by.certificate.subject.rfc4514_string().removeprefix("CN=") if by else "server"
    alternative: x509.GeneralName = x509.DNSName(host)
    if host.replace(".", "").isdigit():
        alternative = x509.IPAddress(ipaddress.ip_address(host))
    builder = _builder("server", issuer, key, valid_from, valid_to).add_extension(
        x509.SubjectAlternativeName([alternative]), critical=False
    )
    signing = by.key if by else key
    builder = builder.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False
    )
    signed = builder.sign(signing, hashes.SHA256())
    path = folder / f"server-{signed.serial_number}.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


def _builder(
    subject: str, issuer: str, key: ec.EllipticCurvePrivateKey, valid_from: int = -1, valid_to: int = 1
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.timezone.utc)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + valid_from * _DAY)
        .not_valid_after(now + valid_to * _DAY)
    )
