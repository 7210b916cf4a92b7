import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkgindex.index.auth import BadCredentials, read_token
from tests.pkgindex.index_client import basic


def encoded(content: bytes) -> str:
    return "Basic " + base64.b64encode(content).decode()


def test_no_header_is_a_stranger():
    assert read_token(None) is None


@pytest.mark.parametrize("user", ["__token__", "alice", "", "a%40b"])
def test_the_user_name_may_be_anything(user: str):
    assert read_token(basic("secret", user)) == "secret"


def test_a_token_as_the_user_name_without_a_password_is_taken():
    assert read_token(basic("", "secret")) == "secret"


def test_a_password_may_hold_colons():
    assert read_token(basic("a:b:c")) == "a:b:c"


def test_the_scheme_is_written_in_any_case():
    assert read_token(basic("secret").replace("Basic", "bASIC")) == "secret"


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic",
        "Basic ",
        "Basic !!!!",
        "Basic abc",
        "Bearer abc",
        "Basic \xe4\xf6",
        encoded(b"no colon"),
        encoded(b"user:\xff\xfe"),
    ],
)
def test_a_header_that_cannot_be_read_is_a_bad_credential(header: str):
    with pytest.raises(BadCredentials):
        read_token(header)


@given(st.one_of(st.text(), st.binary().map(encoded)))
def test_no_header_raises_anything_else(header: str):
    try:
        token = read_token(header)
    except BadCredentials:
        return

    assert isinstance(token, str)
