"""Our few lines of PASETO v4.public against a token that pyseto made (1.10.0)."""

import base64
import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from wheelbarrow_client.tokens import InvalidLicense, read_token

from licenses import paseto

PURPOSE = b"wheelbarrow-license-v1"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
ROOT = KEY.public_key().public_bytes_raw()
CLAIMS = {
    "lid": "7",
    "org": "Größe & Söhne 株式会社",
    "limits": {"threads": None},
    "features": ["batches"],
}
FOOTER = {"kid": hashlib.sha256(ROOT).hexdigest()[:16]}
BY_PYSETO = (
    "v4.public.eyJsaWQiOiI3Iiwib3JnIjoiR3LDtsOfZSAmIFPDtmhuZSDmoKrlvI_kvJrnpL4iLCJsaW"
    "1pdHMiOnsidGhyZWFkcyI6bnVsbH0sImZlYXR1cmVzIjpbImJhdGNoZXMiXX2EoeiJxUvytWWW_Dmeei"
    "2VqkiSyhQIZbFfXe2-r2FvHr8cuHz8igSzBa_5YVwte0ng4J-LPf_2TyScI6v3EG0G.eyJraWQiOiI1N"
    "jQ3NWFhNzU0NjM0NzRjIn0"
)


def test_we_sign_byte_for_byte_what_pyseto_signs():
    """Ed25519 has no chance in it."""
    assert paseto.sign(KEY, CLAIMS, footer=FOOTER, purpose=PURPOSE) == BY_PYSETO


def test_the_client_reads_what_pyseto_signed_and_only_for_its_purpose():
    roots = [base64.b64encode(ROOT).decode()]

    assert read_token(BY_PYSETO, roots, purpose=PURPOSE, use="license") == CLAIMS
    with pytest.raises(InvalidLicense):
        read_token(BY_PYSETO, roots, purpose=b"wheelbarrow-lease-v1", use="license")
