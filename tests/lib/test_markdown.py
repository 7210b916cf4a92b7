import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.markdown import headings_of, render_markdown


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("plain", "<p>plain</p>"),
        ("two\nlines", "<p>two\nlines</p>"),
        ("a\n\nb", "<p>a</p>\n<p>b</p>"),
        ("## By card {#card}", '<h2 id="card">By card</h2>'),
        ("# A title", '<h1 id="a-title">A title</h1>'),
        ("# A\ntext", '<h1 id="a">A</h1>\n<p>text</p>'),
        ("- one\n- two\n  goes on", "<ul><li>one</li><li>two\ngoes on</li></ul>"),
        ("text\n- one", "<p>text</p>\n<ul><li>one</li></ul>"),
        ("1. one\n2. two", "<ol><li>one</li><li>two</li></ol>"),
        ("**b** *e* `c`", "<p><strong>b</strong> <em>e</em> <code>c</code></p>"),
        ("[in](/buying/) it", '<p><a href="/buying/">in</a> it</p>'),
        (
            "```\n# no heading\n\n<b>\n```\nafter",
            '<pre tabindex="0"># no heading\n\n&lt;b&gt;</pre>\n<p>after</p>',
        ),
        ("2 * 3 * 4", "<p>2 * 3 * 4</p>"),
        ("", ""),
    ],
)
def test_the_forms_that_our_texts_use(text: str, html: str):
    assert render_markdown(text) == html


@pytest.mark.parametrize(
    "text",
    ["<script>alert(1)</script>", "[x](javascript:alert(1))", '[x](/"onclick=)', "[x](//evil)"],
)
def test_no_html_and_no_script_passes(text: str):
    html = render_markdown(text)

    assert "<script" not in html
    assert 'href="javascript' not in html
    assert '"onclick' not in html
    assert 'href="//' not in html


@given(st.text(alphabet="#*`[]()-1. {}\nab<>/&\"'", max_size=80))
def test_any_text_is_rendered_and_balanced(text: str):
    html = render_markdown(text)

    for tag in ("p", "ul", "ol", "li", "h1", "h2", "strong", "em", "code", "a", "pre"):
        opened = html.count(f"<{tag}>") + html.count(f"<{tag} ")
        assert opened == html.count(f"</{tag}>")


def test_a_table_of_contents_knows_every_anchor():
    found = headings_of("# Buying\n\ntext\n\n## Cards only {#card}\n```\n# no\n```\n")

    assert [(one.level, one.text, one.anchor) for one in found] == [
        (1, "Buying", "buying"),
        (2, "Cards only", "card"),
    ]
