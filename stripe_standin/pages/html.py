"""A page around some content; every value is escaped on its way in."""

from html import escape
from pathlib import Path
from string import Template

from ..http import Answer

# No form-action: browsers hold the redirect after a form to it too, and the way back to the shop
# leads to another origin.
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'"
)
STYLE = (Path(__file__).parent / "style.css").read_bytes()
PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>$title</title>
<link rel="stylesheet" href="/c/style.css">
</head>
<body>
<p class="banner">Test mode: a stand-in for Stripe. No money moves.</p>
<main>
$content
</main>
</body>
</html>
""")

ERROR = Template('<p class="error" role="alert">$error</p>')
SECURE = Template("""<h1>Your bank wants to be sure</h1>
<p>3-D Secure test page for a payment of <strong>$total</strong>.</p>
<form method="post" action="$action">
<button name="outcome" value="complete">Complete authentication</button>
<button class="plain" name="outcome" value="fail">Fail authentication</button>
</form>""")


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def fill(template: Template, **values: object) -> Markup:
    """The template with every value escaped; ready HTML comes as `Markup`."""
    ready = {
        key: value if isinstance(value, Markup) else escape(str(value))
        for key, value in values.items()
    }
    return Markup(template.substitute(ready))


def page(title: str, content: str, status: int = 200) -> Answer:
    body = fill(PAGE, title=title, content=Markup(content))
    headers = {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": POLICY,
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }
    return Answer(status, body.encode(), headers)


def error_line(error: str) -> Markup:
    return fill(ERROR, error=error) if error else Markup("")


def secure_page(action: str, total: str) -> Answer:
    """The 3-D Secure question, posted to *action* as `outcome`."""
    return page("3-D Secure", fill(SECURE, action=action, total=total))


def stylesheet() -> Answer:
    return Answer(200, STYLE, {"Content-Type": "text/css; charset=utf-8"})


def redirect(url: str) -> Answer:
    return Answer(303, b"", {"Location": url, "Cache-Control": "no-store"})
