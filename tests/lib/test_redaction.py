import logging

import pytest

from lib.redaction import SecretsFilter, redact
from lib.tokens import TokenKind, mint_token

SECRETS = [
    "sk_live_4242abcd",
    "whsec_abcdef123",
    *(mint_token(kind, entropy=b"e" * 32) for kind in TokenKind),
]


@pytest.mark.parametrize("secret", SECRETS)
def test_every_kind_of_secret_is_taken_out(secret):
    assert secret not in redact(f"GET https://x/?k={secret} failed")


def test_a_key_in_a_url_or_a_header_is_taken_out():
    line = redact("http://__token__:hunter22@shop/simple/ Authorization: Basic X19rZXk6c2VjcmV0")

    assert "hunter22" not in line
    assert "X19rZXk6c2VjcmV0" not in line


def test_a_traceback_is_redacted_too(caplog):
    log = logging.getLogger("tests.redaction")
    record = None
    try:
        raise ValueError("whsec_verysecret99")
    except ValueError:
        record = log.makeRecord("x", 40, "f", 1, "failed %s", ("sk_test_1234abcd",), None)
        import sys

        record.exc_info = sys.exc_info()

    SecretsFilter().filter(record)

    text = logging.Formatter().format(record)
    assert "whsec_verysecret99" not in text
    assert "sk_test_1234abcd" not in text
    assert "ValueError" in text
