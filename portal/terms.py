"""The license text: as it is now, and each version that somebody bought under."""

import hashlib

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from billing.models import LicenseText
from lib.markdown import render_markdown
from portal.questions import policies
from portal.texts import text_source


def current_terms() -> str:
    """What whoever presses Buy now agrees to, in Markdown."""
    return text_source("license", policies())


@require_safe
def license_text(request: HttpRequest) -> HttpResponse:
    text = current_terms()
    row = LicenseText.objects.filter(digest=hashlib.sha256(text.encode()).hexdigest()).first()
    older = LicenseText.objects.exclude(pk=row.pk) if row else LicenseText.objects.all()
    context = {"text": render_markdown(text), "row": row, "older": older, "is_current": True}
    return render(request, "portal/license_text.html", context)


@require_safe
def license_version(request: HttpRequest, version: str) -> HttpResponse:
    """A version by the first twelve digits of its digest; 404 if nobody bought under it."""
    row = get_object_or_404(LicenseText.objects.of_version(version))
    context = {"text": render_markdown(row.text), "row": row}
    return render(request, "portal/license_text.html", context)
