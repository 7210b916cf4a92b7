"""The texts of the shop: what purchasing asks, each with an anchor, and files to download."""

from django.conf import settings
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from billing.guarantee import WINDOW
from lib.markdown import headings_of, render_markdown
from lib.money import format_cents
from portal.texts import offered_file, offered_files, text_source


@require_safe
def buying(request: HttpRequest) -> HttpResponse:
    source = text_source("buying", {**policies(), "seller": text_source("seller")})
    context = {
        "text": render_markdown(source),
        "questions": [one for one in headings_of(source) if one.level > 1],
    }
    return render(request, "portal/buying.html", context)


@require_safe
def buying_file(request: HttpRequest, name: str) -> HttpResponseBase:
    """A file that the owner offers to everybody, e.g. a W-9."""
    path = offered_file(name)
    if path is None:
        raise Http404
    return FileResponse(path.open("rb"), as_attachment=True, filename=name)


def policies() -> dict[str, object]:
    """The figures of the shop's rules, for its texts."""
    return {
        "invoice_min": format_cents(settings.INVOICE_MIN_YEARLY * 100),
        "guarantee_days": WINDOW.days,
        "security_email": settings.SECURITY_EMAIL,
        "files": offered_files(),
    }
