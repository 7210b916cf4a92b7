"""What is new in a product: a page and an Atom feed, from the releases' own words."""

from datetime import UTC, datetime

from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.feedgenerator import Atom1Feed
from django.views.decorators.http import require_safe

from lib.markdown import render_markdown
from licenses.models import Product
from licenses.news import follows
from pkgindex.models import Project, Release
from portal.visitors import visitor_of

SHOWN = 50


@require_safe
def changelog(request: HttpRequest, slug: str) -> HttpResponse:
    product = _product(slug)
    entries = [
        (release, render_markdown(release.changelog, under=2)) for release in releases_of(product)
    ]
    is_reader = request.user.is_authenticated and follows(visitor_of(request), product)
    context = {"product": product, "entries": entries, "follows": is_reader}
    return render(request, "portal/changelog.html", context)


@require_safe
def changelog_feed(request: HttpRequest, slug: str) -> HttpResponse:
    product = _product(slug)
    page = f"{settings.BASE_URL}{reverse('portal:changelog', args=[slug])}"
    feed = _Feed(
        title=f"{product.name}: what is new",
        link=page,
        description=product.summary,
        feed_url=f"{settings.BASE_URL}{reverse('portal:changelog_feed', args=[slug])}",
    )
    for release in releases_of(product):
        feed.add_item(
            title=str(release),
            link=f"{page}#{anchor_of(release)}",
            unique_id=f"tag:{settings.HOST},{release.released_at:%Y-%m-%d}:release-{release.pk}",
            description=render_markdown(release.changelog, under=2) or "No notes.",
            pubdate=release.released_at,
            updateddate=release.released_at,
        )
    return HttpResponse(feed.writeString("utf-8"), content_type=feed.content_type)


def _product(slug: str) -> Product:
    """Of a draft nobody is told; what was sold once keeps its page."""
    return get_object_or_404(Product.objects.exclude(status=Product.Status.DRAFT), slug=slug)


class _Feed(Atom1Feed):
    def latest_post_date(self) -> datetime:
        """Of an empty feed: the same on every request, or readers would fetch it for ever."""
        dates = [item["updateddate"] for item in self.items]
        return max(dates, default=datetime(2000, 1, 1, tzinfo=UTC))


def anchor_of(release: Release) -> str:
    return f"{release.project.normalized_name}-{release.version}"


def releases_of(product: Product) -> QuerySet[Release]:
    """The newest first; what nobody may install for its own good is left out."""
    projects = Project.objects.filter(tiers__product=product).exclude(
        status=Project.Status.QUARANTINED
    )
    found = Release.objects.filter(project__in=projects.values("pk"), is_staged=False)
    return found.select_related("project").order_by("-released_at", "-pk")[:SHOWN]
