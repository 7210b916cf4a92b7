"""What the page tells people to install is what they can install."""

import pytest

from pkgindex.projects import set_project_status
from portal.installing import install_guide
from tests.make import make_tier
from tests.pkgindex.make import make_project


def named(tier) -> set[str]:
    guide = install_guide(tier, key=None)
    assert guide is not None
    (uv,) = (snippet for snippet in guide.snippets if snippet.client == "uv")
    command = uv.blocks[-1].text.splitlines()[-1]
    return set(command.removeprefix("uv add ").split())


@pytest.mark.django_db
def test_what_is_in_quarantine_is_in_no_command():
    tier = make_tier("pro")
    make_project("hare", is_public=True)
    make_project("hare-pro", tiers=[tier])
    sick = make_project("sick", is_public=True)
    assert named(tier) == {"hare", "hare-pro", "sick"}

    set_project_status(sick.pk, "quarantined", reason="it was tampered with")

    assert named(tier) == {"hare", "hare-pro"}


def pdm_table(tier) -> str:
    guide = install_guide(tier, key=None)
    assert guide is not None
    return next(one.blocks[0].text for one in guide.snippets if one.client == "pdm")


@pytest.mark.django_db
def test_pdm_asks_one_index_alone_where_ours_passes_on_and_binds_our_names_elsewhere(settings):
    tier = make_tier("pro")
    make_project("hare-pro", tiers=[tier])

    settings.INDEX_UPSTREAM = "https://pypi.org/simple"
    assert 'name = "pypi"' in pdm_table(tier)

    settings.INDEX_UPSTREAM = ""
    assert 'name = "hare"' in pdm_table(tier)
    assert 'include_packages = ["hare-pro"]' in pdm_table(tier)
