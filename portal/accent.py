"""The shop's own colour, as a stylesheet of two rules: a strict policy allows none in the page."""

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from lib.colors import format_color, parse_color, readable_on, text_on

# The darkest and the lightest ground that the colour must be read on (--raised in shop.css).
DAY, NIGHT = parse_color("#f6f7f9"), parse_color("#181c21")


@require_safe
@cache_control(public=True, max_age=365 * 24 * 3600, immutable=True)
def accent(request: HttpRequest, color: str) -> HttpResponse:
    """Only for the colour that is set, so that nobody fills a cache with others."""
    if color != settings.ACCENT_COLOR.lstrip("#").lower():
        raise Http404
    wanted = parse_color(color)
    rules = [
        _rule(format_color(one), format_color(text_on(one)))
        for one in (readable_on(wanted, DAY), readable_on(wanted, NIGHT))
    ]
    text = f"{rules[0]}\n@media screen and (prefers-color-scheme: dark) {{ {rules[1]} }}\n"
    return HttpResponse(text, content_type="text/css; charset=utf-8")


def _rule(color: str, on_it: str) -> str:
    return f":root {{ --accent: {color}; --on-accent: {on_it}; }}"
