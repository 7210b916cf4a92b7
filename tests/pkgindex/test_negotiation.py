import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkgindex.index.negotiation import HTML, JSON, LEGACY_HTML, NotAcceptable, choose_form

SIMPLE = "application/vnd.pypi.simple.v1"
PIP = f"{SIMPLE}+json, {SIMPLE}+html; q=0.1, text/html; q=0.01"
UV = f"{SIMPLE}+json, {SIMPLE}+html;q=0.2, text/html;q=0.01"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"
LATEST = "application/vnd.pypi.simple.latest"


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        (PIP, JSON),
        (UV, JSON),
        ("application/vnd.pypi.simple.v1+json, */*;q=0.1", JSON),
        (BROWSER, LEGACY_HTML),
        (None, LEGACY_HTML),
        ("", LEGACY_HTML),
        ("*/*", LEGACY_HTML),
        ("text/*", LEGACY_HTML),
        ("application/*", JSON),
        (HTML, HTML),
        ("APPLICATION/VND.PYPI.SIMPLE.V1+HTML", HTML),
        (f"{LATEST}+json", JSON),
        (f"{LATEST}+html", HTML),
        (f"text/html;q=0.5, {JSON};q=0.5", LEGACY_HTML),
        (f"text/html;q=0.4, {JSON};q=0.5", JSON),
        ("*/*, text/html;q=0", JSON),
        ("*/*;q=0.1, text/html;q=nonsense", JSON),
    ],
)
def test_the_best_form_that_the_client_takes_is_chosen(accept: str | None, form: str):
    assert choose_form(accept, "") == form


@pytest.mark.parametrize(
    "accept",
    [
        "application/json",
        "application/vnd.pypi.simple.v2+json",
        "image/*",
        "text/html;q=0",
        "*/*;q=0",
        ";;,,",
    ],
)
def test_a_client_that_takes_none_of_our_forms_is_told_so(accept: str):
    with pytest.raises(NotAcceptable):
        choose_form(accept, "")


@pytest.mark.parametrize("plus", ["+", "%2B"])
def test_the_format_in_the_query_wins(plus: str):
    query = f"format=application/vnd.pypi.simple.v1{plus}json"

    assert choose_form("text/html", query) == JSON


def test_an_unknown_format_in_the_query_is_not_acceptable():
    with pytest.raises(NotAcceptable):
        choose_form("text/html", "format=application/json")


@given(st.text(), st.text())
def test_nothing_that_a_client_sends_raises_anything_else(accept: str, query: str):
    try:
        form = choose_form(accept, query)
    except NotAcceptable:
        return

    assert form in {JSON, HTML, LEGACY_HTML}
