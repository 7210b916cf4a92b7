"""A certificate for 127.0.0.1 and the authority that signed it, for a day and for tests only."""

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID


def write_certificates(folder: Path) -> tuple[Path, Path, Path]:
    """The authority's certificate, the server's, and the server's key, as PEM files."""
    folder.mkdir(parents=True, exist_ok=True)
    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root_name, name = _name("Test authority"), _name("127.0.0.1")
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    # rustls refuses an authority that is also the server's own certificate.
    root = _begin(root_name, root_name, root_key.public_key()).add_extension(
        x509.BasicConstraints(ca=True, path_length=0), critical=True
    )
    leaf = _begin(name, root_name, key.public_key()).add_extension(
        x509.SubjectAlternativeName([address]), critical=False
    )
    texts = {
        "authority.pem": root.sign(root_key, hashes.SHA256()).public_bytes(Encoding.PEM),
        "server.pem": leaf.sign(root_key, hashes.SHA256()).public_bytes(Encoding.PEM),
        "server.key": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    }
    for filename, text in texts.items():
        (folder / filename).write_bytes(text)
    return folder / "authority.pem", folder / "server.pem", folder / "server.key"


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _begin(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return x509.CertificateBuilder(
        issuer_name=issuer,
        subject_name=subject,
        public_key=key,
        serial_number=x509.random_serial_number(),
        not_valid_before=now - timedelta(minutes=5),
        not_valid_after=now + timedelta(days=1),
    )
