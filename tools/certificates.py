"""The certificate of the compose stack's Keycloak, signed by an authority that exists for this one signature.

The authority's private key is never written: nothing else can be signed with it, so trusting `ca.crt` trusts one
certificate only. When it runs out, delete the files and make new ones.
"""

import os
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY: Final = "ca.crt"
CERTIFICATE: Final = "keycloak.crt"
KEY: Final = "keycloak.key"
VALID_DAYS: Final = 825
NAMES: Final = ("keycloak", "localhost")
_SIGNING: Final = {"digital_signature": True, "key_cert_sign": False, "crl_sign": False}
_CERTIFYING: Final = {"digital_signature": False, "key_cert_sign": True, "crl_sign": True}
_OTHER_USES: Final = (
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "encipher_only",
    "decipher_only",
)


def write_certificates(directory: Path, at: datetime | None = None) -> bool:
    """Write the three files, valid from `at` (now); False, and nothing is touched, where all of them are there."""
    if all((directory / name).exists() for name in (AUTHORITY, CERTIFICATE, KEY)):
        return False
    at = at or datetime.now(UTC)
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = _authority(authority_key, at)
    certificate = _certificate(key, authority, authority_key, at)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    _write(directory / KEY, pem)
    _write(directory / CERTIFICATE, certificate.public_bytes(Encoding.PEM))
    _write(directory / AUTHORITY, authority.public_bytes(Encoding.PEM))
    return True


def _authority(key: ec.EllipticCurvePrivateKey, at: datetime) -> x509.Certificate:
    name = _name("Caseladder, this installation")
    builder = _builder(name, name, key.public_key(), key.public_key(), at)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    return builder.add_extension(_usage(_CERTIFYING), critical=True).sign(key, SHA256())


def _certificate(
    key: ec.EllipticCurvePrivateKey,
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
    at: datetime,
) -> x509.Certificate:
    names = [
        *(x509.DNSName(name) for name in NAMES),
        x509.IPAddress(ip_address("127.0.0.1")),
    ]
    builder = _builder(_name("keycloak"), authority.subject, key.public_key(), authority_key.public_key(), at)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    return builder.add_extension(_usage(_SIGNING), critical=True).sign(authority_key, SHA256())


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    issuer_key: ec.EllipticCurvePublicKey,
    at: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - timedelta(minutes=5))  # for a clock that is a little behind
        .not_valid_after(at + timedelta(days=VALID_DAYS))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _usage(uses: dict[str, bool]) -> x509.KeyUsage:
    return x509.KeyUsage(**uses, **dict.fromkeys(_OTHER_USES, False))


def _write(path: Path, content: bytes) -> None:
    """Readable for the containers' users; the directory around it is closed (0700)."""
    with os.fdopen(os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o644), "wb") as file:
        file.write(content)
    path.chmod(0o644)  # whatever the umask
