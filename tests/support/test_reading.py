"""Whatever the bytes are, reading them gives a result and never an exception."""

import os
import random
import sysconfig
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.addresses import organization_of, sender_of
from support.reading import MAX_BODY_CHARS, MAX_FILES_BYTES, MAX_PARTS, read_mail, safe_filename
from tests.support.cost import at_most
from tests.support.mails import POISON, bomb, mail, mutated, nested, with_file

PASTED = """\
>>> import hare_pro
>>> hare_pro.run(
...     "x")
Traceback (most recent call last):
  File "a.py", line 1, in <module>
    raise KeyError("x")
KeyError: 'x'

From: 10.0.0.1
To: 10.0.0.2
> quoted? No: a redirect
--
\tindented by a tab, and 中文
"""


@pytest.mark.parametrize("name", POISON)
def test_poison_is_read_without_an_exception(name: str):
    """Scenario 32, the reading: whatever comes, the answer is a result that can be stored."""
    with at_most(15):
        read = read_mail(POISON[name])

    for text in (read.sender, read.sender_name, read.subject, read.text, *read.problems):
        assert "\x00" not in text
        text.encode()
    assert len(read.sender) <= 320
    assert len(read.subject) <= 200


def corpus() -> list[Path]:
    """The mails that Python's own e-mail package is tested with, where they are installed."""
    folder = Path(sysconfig.get_path("stdlib")) / "test/test_email/data"
    return sorted(folder.glob("msg_*.txt"))


@pytest.mark.parametrize("file", corpus(), ids=lambda file: file.name)
def test_pythons_own_corpus_is_read(file: Path):
    read = read_mail(file.read_bytes())

    assert read.parsed is not None
    for value in (read.text, read.subject, read.sender):
        value.encode()


# In CI a few hundred; the long run is FUZZ_MAILS=200000.
@settings(max_examples=int(os.environ.get("FUZZ_MAILS", "300")), deadline=None)
@given(
    name=st.sampled_from(sorted(POISON)), seed=st.integers(0, 2**32), piece=st.binary(max_size=20)
)
def test_mutated_mails_are_read_without_an_exception(name: str, seed: int, piece: bytes):
    read = read_mail(mutated(POISON[name], random.Random(seed), piece))

    for value in (read.text, read.subject, read.sender, read.message_id, *read.answers):
        assert "\x00" not in value
        value.encode()


def test_pasted_code_keeps_every_character():
    """Scenario 20, the reading."""
    assert read_mail(mail(PASTED)).text == PASTED


def test_a_bomb_of_parts_is_read_to_a_limit_and_says_so():
    read = read_mail(bomb(200))

    assert read.text.count("part ") == MAX_PARTS
    assert "structure: 200 parts, the first 20 were read" in read.problems


def test_levels_are_read_to_a_limit():
    assert any("deeper than 10" in problem for problem in read_mail(nested(50)).problems)


@pytest.mark.parametrize(
    "raw",
    [
        mail(headers={"X-Huge": "a" * 10_000_000}),
        mail("--b\r\n\r\n" * 300_000, headers={"Content-Type": "multipart/mixed; boundary=b"}),
        nested(20_000),
        mail("\r\n" * 5_000_000),
        mail("(" * 1_000_000, sender="(" * 100_000 + "<a@b.example>"),
        mail("<!--" * 500_000, headers={"Content-Type": "text/html"}),
    ],
    ids=["headers", "parts", "levels", "lines", "comments", "html"],
)
def test_a_mail_that_was_built_to_cost_costs_little(raw: bytes):
    with at_most(80):
        read = read_mail(raw)

    assert len(read.text) <= MAX_BODY_CHARS + 200  # and a line that says what was left out


def test_attachments_above_ten_megabytes_stay_in_the_raw_mail():
    read = read_mail(with_file("big.bin", "x" * (MAX_FILES_BYTES + 1)))

    assert read.files == []
    assert "see the raw mail" in read.problems[0]


def test_html_alone_becomes_text_without_scripts():
    html = (
        "<style>p{}</style><script>alert(1)</script><p>Hello &amp; welcome</p>"
        "<ul><li>one</li></ul><img src=http://x.example/p.gif><a href='http://a.example/'>there</a>"
        "<pre>a\n  b</pre>"
    )

    text = read_mail(mail(html, headers={"Content-Type": "text/html; charset=utf-8"})).text

    assert "alert" not in text
    assert "Hello & welcome" in text
    assert "- one" in text
    assert "there <http://a.example/>" in text
    assert "a\n  b" in text
    assert "p.gif" not in text


@pytest.mark.parametrize(
    ("header", "address"),
    [
        ("dev@Company.example", "dev@company.example"),
        ("Dev <dev@company.example>", "dev@company.example"),
        ('"Doe, Jane" <dev@company.example>', "dev@company.example"),
        ("<dev@company.example>", "dev@company.example"),
        ("dev@company.example (Dev)", "dev@company.example"),
        ('"a@b.example" <dev@company.example>', "dev@company.example"),
        ("a@company.example, b@company.example", ""),
        ("<a@company.example> <b@company.example>", ""),
        ("dev@company.example)evil@evil.example", ""),
        ("evil@evil.example<dev@company.example", ""),
        ("undisclosed-recipients:;", ""),
        ("", ""),
        ("no address", ""),
        ("a@b@c.example", ""),
        ("dev@\ufffd.example", ""),
        ("d\u00e9v@company.example", ""),
    ],
)
def test_a_sender_is_one_address_or_nobody(header: str, address: str):
    assert sender_of(header)[0] == address


@pytest.mark.parametrize(
    ("address", "organization"),
    [
        ("dev@company.example", "company.example"),
        ("dev@mail.eu.company.co.uk", "company.co.uk"),
        ("dev@gmail.com", ""),
        ("dev@mail.gmail.com", ""),
        ("dev@co.uk", ""),
        ("dev@someone.github.io", "someone.github.io"),
        ("dev@localhost", ""),
    ],
)
def test_an_organization_is_a_registrable_domain_but_no_freemail(address: str, organization: str):
    assert organization_of(address) == organization


def test_filenames_hold_nothing_surprising():
    assert safe_filename("..\\..\\a/b/\u202eevil\r\n.exe") == "_evil .exe"
    assert safe_filename("...") == ""
    assert len(safe_filename("x" * 900)) == 150
