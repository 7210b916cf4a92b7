"""The commands that customers paste: one source for every page and every test."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models import Count
from django.utils import timezone

from licenses.documents import NoRootKey, sign_document
from licenses.models import License, Product, Tier
from pkgindex.models import Project

KEY_PLACEHOLDER = "YOUR_KEY"


@dataclass(frozen=True)
class Snippet:
    client: str
    text: str
    note: str = ""


@dataclass(frozen=True)
class InstallGuide:
    project: str
    index_url: str  # without the key
    snippets: tuple[Snippet, ...]


def index_url(key: str | None = None) -> str:
    """The one URL for pip and uv; with a key it can be pasted as it is."""
    parts = urlsplit(settings.BASE_URL)
    user = f"__token__:{key}@" if key else ""
    return f"{parts.scheme}://{user}{parts.netloc}/simple/"


def install_guide(tier: Tier, *, key: str | None) -> InstallGuide | None:
    """Commands that install what *tier* is about; None while nothing was published for it."""
    project = _project_of(tier)
    if project is None:
        return None
    url = index_url(key or KEY_PLACEHOLDER)
    return InstallGuide(
        project,
        index_url(),
        (
            Snippet("pip", f"pip install --index-url {url} {project}"),
            Snippet("uv", f"uv pip install --index-url {url} {project}"),
            Snippet(
                "netrc",
                f"machine {settings.HOST}\nlogin __token__\npassword {key or KEY_PLACEHOLDER}",
                note="In ~/.netrc it keeps the key out of your requirements.",
            ),
        ),
    )


def _project_of(tier: Tier) -> str | None:
    """The project that sets this tier apart: of those it grants, the one the fewest tiers do."""
    granted = Project.objects.filter(pk__in=Project.objects.filter(tiers=tier))
    narrowest = granted.annotate(breadth=Count("tiers")).order_by("is_public", "breadth", "pk")
    return narrowest.values_list("name", flat=True).first()


def free_projects_of(product: Product) -> list[str]:
    """Names of the product's public projects."""
    public = Project.objects.filter(is_public=True, tiers__product=product)
    return list(public.distinct().order_by("pk").values_list("name", flat=True))


def signed_document(license: License) -> str | None:
    """The license as one signed line; None for one that allows nothing (suspended, revoked),
    and where the shop has no root key (see the checks).
    """
    if license.status not in {License.Status.ACTIVE, License.Status.LAPSED}:
        return None
    try:
        return sign_document(license, at=timezone.now())
    except NoRootKey:
        return None
