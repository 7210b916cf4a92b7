import base64
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wheelbarrow_client import InvalidLicense, verify
from wheelbarrow_client import tokens as client
from wheelbarrow_client.document import BEGIN, END
from wheelbarrow_client.tokens import key_id

from tests.sdk.documents import base64url, make_claims, make_key, pae, public_text, sign

KEY = make_key()
PUBLIC = [public_text(KEY)]


@pytest.fixture(params=["cryptography", "pure Python"])
def either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test runs twice: with `cryptography`, and as where it is not installed."""
    if request.param == "pure Python":
        monkeypatch.setitem(sys.modules, "cryptography.exceptions", None)


def refusal_of(document: str, keys: list[str] = PUBLIC) -> str:
    with pytest.raises(InvalidLicense) as refused:
        verify(document, keys)
    return refused.value.reason


@pytest.mark.usefixtures("either_way")
def test_a_genuine_document_says_what_was_sold():
    license = verify(sign(KEY, make_claims(limits={"threads": 300})), PUBLIC)

    assert license.organization == "Müller & Søn"
    assert (license.product, license.products, license.plan) == ("hare", ("hare",), "pro")
    assert (license.threads, license.limit) == (300, "300 threads")
    assert license.has_feature("batches")
    assert not license.has_feature("schedules")
    assert (license.license_id, license.rev, license.customer_id) == ("7", 3, "5")
    assert license.paid_through == datetime(2027, 1, 1, tzinfo=UTC)
    assert license.updates_until == datetime(2027, 1, 1, 0, 0, 0, 500_000, tzinfo=UTC)


def test_no_limit_is_said_in_words():
    assert verify(sign(KEY), PUBLIC).limit == "unlimited threads"


def test_spaces_and_line_ends_around_a_document_do_not_matter():
    assert verify(f"\n {sign(KEY)}\r\n", PUBLIC).plan == "pro"


@pytest.mark.parametrize("line_end", ["\n", "\r\n", " ", "\n    ", "\\n"])
def test_armour_may_come_with_its_lines_folded(line_end: str):
    """As YAML folds them, or JSON and .env files write them: nobody can see that in a secret."""
    token = sign(KEY)
    lines = [token[at : at + 64] for at in range(0, len(token), 64)]
    text = line_end.join([BEGIN, *lines, END, ""])

    assert verify(text, PUBLIC).plan == "pro"


def test_any_of_several_keys_may_have_signed():
    other = make_key()

    assert verify(sign(other), [*PUBLIC, public_text(other)]).plan == "pro"


@pytest.mark.usefixtures("either_way")
def test_every_flipped_byte_is_refused():
    document = sign(KEY).encode()

    for position in range(len(document)):
        flipped = bytearray(document)
        flipped[position] ^= 0x01
        assert refusal_of(flipped.decode("latin-1"))


def test_every_other_character_is_refused_at_every_position():
    document = sign(KEY)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.+/= \n\0é"

    for position, character in enumerate(document):
        for other in alphabet.replace(character, ""):
            assert refusal_of(document[:position] + other + document[position + 1 :])


def test_a_document_that_was_cut_off_anywhere_is_refused():
    document = sign(KEY)

    for length in range(len(document)):
        assert refusal_of(document[:length])


def test_characters_put_in_anywhere_are_refused():
    document = sign(KEY)

    for position in range(1, len(document)):
        for extra in ("=", "A", "\n", "!"):
            assert refusal_of(document[:position] + extra + document[position:])


@pytest.mark.usefixtures("either_way")
def test_the_signature_of_another_key_is_refused():
    ours = json.dumps({"kid": key_id(KEY.public_key().public_bytes_raw())}).encode()

    assert "does not know" in refusal_of(sign(make_key()))
    assert "signature is wrong" in refusal_of(sign(make_key(), footer=ours))


@pytest.mark.usefixtures("either_way")
def test_the_footer_is_signed_along():
    other = make_key()
    keys = [*PUBLIC, public_text(other)]
    body = sign(KEY).rsplit(".", 1)[0]

    swapped = f"{body}.{sign(other).rsplit('.', 1)[1]}"
    spaced = f"{body}.{base64url(json.dumps({'kid': kid_of(KEY), 'x': 1}).encode())}"

    assert "signature is wrong" in refusal_of(swapped, keys)
    assert "signature is wrong" in refusal_of(spaced, keys)


def kid_of(key) -> str:
    return key_id(key.public_key().public_bytes_raw())


def test_what_the_key_signed_for_another_purpose_is_no_license():
    assert "signature is wrong" in refusal_of(sign(KEY, assertion=b"wheelbarrow-lease-v1"))


@pytest.mark.parametrize("claims", [{}, make_claims(v=2), make_claims(v=None)])
def test_a_document_of_a_later_version_asks_for_an_upgrade(claims):
    assert "upgrade the package" in refusal_of(sign(KEY, claims))


@pytest.mark.parametrize(
    "change",
    [
        {"limits": None},
        {"limits": {}},
        {"products": 7},
        {"rev": "x"},
        {"paid_through": "soon"},
        {"paid_through": 7},
    ],
)
def test_a_malformed_claim_is_a_refusal_and_not_a_crash(change):
    assert "upgrade the package" in refusal_of(sign(KEY, make_claims(**change)))


@pytest.mark.parametrize("keys", [[], ["not base64!"], [base64.b64encode(b"short").decode()]])
def test_a_release_with_broken_keys_refuses_and_does_not_crash(keys: list[str]):
    assert refusal_of(sign(KEY), keys)


def test_a_footer_that_nests_deeply_is_refused():
    assert "damaged" in refusal_of(sign(KEY, footer=b"[" * 5000))


@given(st.text(max_size=80))
def test_no_text_is_a_license(text: str):
    assert refusal_of(text)
    assert refusal_of(f"v4.public.{text}.{text}")


def test_our_encoding_is_that_of_paseto():
    # Test vector 4-S-3 of https://github.com/paseto-standard/test-vectors
    payload = b'{"data":"this is a signed message","exp":"2022-01-01T00:00:00+00:00"}'
    footer = b'{"kid":"zVhMiPBP9fRf2snEcT7gFTioeA9COcNy9DfgL1W60haN"}'
    public_key = "1eb9dbbbbc047c03fd70604e0071f0987e16b28b757225c11f00415d0e20b1a2"
    token = (
        "v4.public.eyJkYXRhIjoidGhpcyBpcyBhIHNpZ25lZCBtZXNzYWdlIiwiZXhwIjoiMjAyMi0wMS0wMVQwMDowMDow"
        "MCswMDowMCJ9NPWciuD3d0o5eXJXG5pJy-DiVEoyPYWs1YSTwWHNJq6DZD3je5gf-0M4JR9ipdUSJbIovzmBECeaWm"
        "aqcaP0DQ.eyJraWQiOiJ6VmhNaVBCUDlmUmYyc25FY1Q3Z0ZUaW9lQTlDT2NOeTlEZmdMMVc2MGhhTiJ9"
    )
    assertion = b'{"test-vector":"4-S-3"}'

    found, signature, found_footer = client.split(token)
    signed = client.pae(b"v4.public.", payload, footer, assertion)

    assert (found, found_footer) == (payload, footer)
    assert signed == pae(b"v4.public.", payload, footer, assertion)
    assert client.is_signed(bytes.fromhex(public_key), signature, signed)


def sources() -> Iterator[Path]:
    root = Path(client.__file__).parent
    return root.rglob("*.py")


def test_the_sources_are_those_of_python_3_9():
    import ast

    read = [ast.parse(path.read_text(), feature_version=(3, 9)) for path in sources()]

    assert len(read) > 5


def test_the_client_imports_nothing_but_the_standard_library_and_itself():
    import ast

    for path in sources():
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            tops = {name.split(".")[0] for name in names}
            assert tops <= sys.stdlib_module_names | {"__future__", "cryptography"}
