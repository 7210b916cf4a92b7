"""A mail when something new is released, for whoever asked; one click and it stops (RFC 8058)."""

from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST
from packaging.version import Version

from licenses import news
from licenses.models import NewsReader, Product
from outbox.mail import queue_mail
from pkgindex.models import Project, Release
from portal.visitors import visitor_of

WAITS = timedelta(hours=1)  # what is released together is one mail; and for a yank
TOO_OLD = timedelta(days=7)  # no news any more


@login_required
@require_POST
def follow(request: HttpRequest, slug: str) -> HttpResponse:
    """Mail me, or do not; by the button that was pressed."""
    product, user = get_object_or_404(_on_pages(), slug=slug), visitor_of(request)
    if request.POST.get("follow") == "1":
        news.follow(user, product, at=timezone.now())
    else:
        news.unfollow(user.pk, product.pk)
    return redirect("portal:changelog", slug)


@csrf_exempt  # the reader's mail provider presses it for him, without any page of ours
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def stop(request: HttpRequest, token: str) -> HttpResponse:
    """GET shows the button (scanners follow links), POST stops it."""
    found = news.read_stop(token)
    if found is None:
        return render(request, "404.html", status=404)
    user_id, product = found
    if request.method == "POST":
        news.unfollow(user_id, product.pk)
    context = {"product": product, "is_over": request.method == "POST"}
    return render(request, "portal/stop_news.html", context)


def announce_releases(at: datetime) -> int:
    """Mail what was released an hour ago and more, once; how many releases were dealt with."""
    waiting = Release.objects.filter(announced_at=None, is_staged=False)
    if not waiting.filter(released_at__lte=at - WAITS).exists():
        return 0
    with transaction.atomic():
        rows = list(waiting.select_for_update(of=("self",)).select_related("project"))
        Release.objects.filter(pk__in=[row.pk for row in rows]).update(announced_at=at)
        for product in _on_pages():
            _announce(product, [row for row in rows if _is_news(row, at)])
    return len(rows)


def _on_pages() -> QuerySet[Product]:
    """Also what is given up: it has customers still, and releases for them."""
    return Product.objects.exclude(status=Product.Status.DRAFT)


def _is_news(release: Release, at: datetime) -> bool:
    is_current = release.released_at > at - TOO_OLD and release.yanked_at is None
    return (
        is_current
        and not Version(release.version).is_prerelease
        and release.project.status != Project.Status.QUARANTINED
    )


def _announce(product: Product, releases: list[Release]) -> None:
    of_it = set(Project.objects.filter(tiers__product=product).values_list("pk", flat=True))
    releases = sorted((one for one in releases if one.project_id in of_it), key=str)
    if not releases:
        return
    for reader in NewsReader.objects.filter(product=product).select_related("user"):
        new = [release for release in releases if release.released_at >= reader.since]
        if new:
            _mail(product, reader, new)


def _mail(product: Product, reader: NewsReader, releases: list[Release]) -> None:
    url = f"{settings.BASE_URL}{reverse('portal:stop_news', args=[news.sign_stop(reader)])}"
    queue_mail(
        f"news:{product.pk}:{max(release.pk for release in releases)}:{reader.user_id}",
        template="portal/news",
        to=[reader.user.email],
        context={"product": product, "releases": releases, "stop_url": url},
        headers={
            "List-Unsubscribe": f"<{url}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        },
    )
