"""The commands that customers paste: one source for every page and every test."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models import Count, Q
from django.utils import timezone

from licenses.documents import NoRootKey, sign_document
from licenses.models import License, Product, Tier
from pkgindex.models import Project

KEY_PLACEHOLDER = "YOUR_KEY"
SHELL = "In a shell"


@dataclass(frozen=True)
class Block:
    """What is pasted in one place, e.g. a shell or `pyproject.toml`."""

    where: str
    text: str


@dataclass(frozen=True)
class Snippet:
    """How one tool installs. `client` is one word, for ids."""

    client: str
    title: str
    blocks: tuple[Block, ...]
    note: str = ""


@dataclass(frozen=True)
class InstallGuide:
    project: str
    index_url: str  # without the key
    snippets: tuple[Snippet, ...]


@dataclass(frozen=True)
class _Facts:
    """What every snippet is made of."""

    key: str
    project: str  # the one to install
    projects: tuple[str, ...]  # it and all others that come from our index
    name: str  # of the index, in the tools' files: the product's slug

    @property
    def variable(self) -> str:
        """The environment variable that holds the key where it must not be written down."""
        return f"{self.upper}_KEY"

    @property
    def upper(self) -> str:
        return self.name.upper().replace("-", "_")

    @property
    def url_of_variable(self) -> str:
        return index_url(f"${{{self.variable}}}")


def index_url(key: str | None = None) -> str:
    """The one URL for pip and uv; with a key it can be pasted as it is."""
    parts = urlsplit(settings.BASE_URL)
    user = f"__token__:{key}@" if key else ""
    return f"{parts.scheme}://{user}{parts.netloc}/simple/"


def install_guide(tier: Tier, *, key: str | None) -> InstallGuide | None:
    """Commands that install what *tier* is about; None while nothing was published for it."""
    names = _projects_of(tier)
    if not names:
        return None
    facts = _Facts(key or KEY_PLACEHOLDER, names[0], tuple(names), tier.product.slug)
    makers = (_pip, _uv, _poetry, _pdm, _docker, _actions, _netrc, _keyring)
    return InstallGuide(names[0], index_url(), tuple(make(facts) for make in makers))


def _pip(facts: _Facts) -> Snippet:
    once = f"pip install --index-url {index_url(facts.key)} {facts.project}"
    kept = f"--index-url {facts.url_of_variable}\n{facts.project}"
    secret = f"pip fills in {facts.variable} from the environment, so the file holds no secret."
    alone = " Whatever else you need comes through this URL too: name no other index beside it."
    return Snippet(
        "pip",
        "pip",
        (Block(SHELL, once), Block("Or in requirements.txt", kept)),
        note=secret + (alone if settings.INDEX_UPSTREAM else ""),
    )


def _uv(facts: _Facts) -> Snippet:
    sources = "\n".join(f'{name} = {{ index = "{facts.name}" }}' for name in facts.projects)
    table = (
        f'[[tool.uv.index]]\nname = "{facts.name}"\nurl = "{index_url()}"\nexplicit = true\n\n'
        f"[tool.uv.sources]\n{sources}"
    )
    commands = (
        f"export UV_INDEX_{facts.upper}_USERNAME=__token__\n"
        f"export UV_INDEX_{facts.upper}_PASSWORD={facts.key}\n"
        f"uv add {' '.join(facts.projects)}"
    )
    return Snippet(
        "uv",
        "uv",
        (Block("In pyproject.toml", table), Block(SHELL, commands)),
        note="Only what is named here comes from this index; the key is in no file.",
    )


def _poetry(facts: _Facts) -> Snippet:
    commands = (
        f"export POETRY_HTTP_BASIC_{facts.upper}_USERNAME=__token__\n"
        f"export POETRY_HTTP_BASIC_{facts.upper}_PASSWORD={facts.key}\n"
        f"poetry source add --priority=explicit {facts.name} {index_url()}\n"
        f"poetry add --source {facts.name} {' '.join(facts.projects)}"
    )
    return Snippet("poetry", "Poetry", (Block(SHELL, commands),))


def _pdm(facts: _Facts) -> Snippet:
    """A source named pypi takes PyPI's place, so that no other index is asked. Where ours passes
    nothing on, PyPI stays beside it, and never for what is named here.
    """
    if settings.INDEX_UPSTREAM:
        name, more = "pypi", ""
        note = "This index takes the place of PyPI and sends PDM there for whatever else you need."
    else:
        names = ", ".join(f'"{name}"' for name in facts.projects)
        name, more = facts.name, f"\ninclude_packages = [{names}]"
        note = "Only what is named here comes from this index."
    table = f'[[tool.pdm.source]]\nname = "{name}"\nurl = "{facts.url_of_variable}"{more}'
    commands = f"export {facts.variable}={facts.key}\npdm add {facts.project}"
    blocks = (Block("In pyproject.toml", table), Block(SHELL, commands))
    return Snippet("pdm", "PDM", blocks, note)


def _docker(facts: _Facts) -> Snippet:
    step = (
        f"RUN --mount=type=secret,id={facts.variable},env={facts.variable} \\\n"
        f'    pip install --index-url "{facts.url_of_variable}" {facts.project}'
    )
    commands = (
        f"export {facts.variable}={facts.key}\n"
        f"docker build --secret id={facts.variable},env={facts.variable} ."
    )
    return Snippet(
        "docker",
        "Docker",
        (Block("In the Dockerfile", step), Block(SHELL, commands)),
        note="A secret mount leaves nothing in the image; an ARG would stay in its history.",
    )


def _actions(facts: _Facts) -> Snippet:
    step = (
        f'- run: pip install --index-url "{facts.url_of_variable}" {facts.project}\n'
        f"  env:\n    {facts.variable}: ${{{{ secrets.{facts.variable} }}}}"
    )
    return Snippet(
        "actions",
        "GitHub Actions",
        (Block("In the workflow", step),),
        note=f"Save the key as the repository's secret {facts.variable}.",
    )


def _netrc(facts: _Facts) -> Snippet:
    lines = f"machine {settings.HOST}\nlogin __token__\npassword {facts.key}"
    return Snippet(
        "netrc",
        ".netrc",
        (Block("In ~/.netrc", lines),),
        note="pip and uv find the key there, for an index URL without one.",
    )


def _keyring(facts: _Facts) -> Snippet:
    url = index_url().replace("://", "://__token__@")
    commands = (
        f"keyring set {index_url()} __token__\n"
        f"pip install --keyring-provider subprocess --index-url {url} {facts.project}"
    )
    uv = f"uv pip install --keyring-provider subprocess --default-index {url} {facts.project}"
    return Snippet(
        "keyring",
        "Keyring",
        (Block(SHELL, commands), Block("Or with uv", uv)),
        note="keyring asks for the key once and keeps it where your system keeps passwords.",
    )


def _projects_of(tier: Tier) -> list[str]:
    """What the tier grants and what everybody may have, but nothing that is quarantined;
    first what sets the tier apart: the private one the fewest tiers have. Explicit sources must
    name what comes along, too.
    """
    theirs = Q(tiers=tier) | Q(is_public=True, tiers=None)
    offered = Project.objects.exclude(status=Project.Status.QUARANTINED)
    granted = offered.filter(pk__in=Project.objects.filter(theirs))
    narrowest = granted.annotate(breadth=Count("tiers")).order_by("is_public", "breadth", "pk")
    return list(narrowest.values_list("name", flat=True))


def free_projects_of(products: Sequence[Product]) -> dict[int, list[str]]:
    """Names of the public projects of each product, by its id."""
    public = Project.objects.filter(is_public=True, tiers__product__in=products).distinct()
    found: dict[int, list[str]] = {product.pk: [] for product in products}
    for name, product_id in public.order_by("pk").values_list("name", "tiers__product"):
        if name not in found.setdefault(product_id, []):
            found[product_id].append(name)
    return found


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
