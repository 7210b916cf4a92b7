from pathlib import Path

import pytest

from licenses.models import License, Tier
from pkgindex.models import Project
from tests.make import make_credential, make_license, make_tier
from tests.pkgindex.index_client import IndexClient
from tests.pkgindex.jobs import ISSUER, make_job
from tests.pkgindex.make import make_project, make_upload_token
from tests.pkgindex.uploader import Uploader


@pytest.fixture(autouse=True)
def _own_storage(settings, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    settings.MEDIA_ROOT = tmp_path / "files"


@pytest.fixture
def stranger() -> IndexClient:
    return IndexClient()


@pytest.fixture
def pro(db: None) -> Tier:
    return make_tier("pro")


@pytest.fixture
def enterprise(db: None) -> Tier:
    return make_tier("enterprise")


@pytest.fixture
def license(pro: Tier) -> License:
    return make_license(tier=pro)


@pytest.fixture
def holder(license: License) -> IndexClient:
    """Whoever holds an active license of Pro."""
    return IndexClient(make_credential(license.customer)[1])


@pytest.fixture
def uploader(db: None) -> Uploader:
    return Uploader(make_upload_token()[1])


@pytest.fixture
def project(pro: Tier) -> Project:
    return make_project("hare-pro", tiers=[pro])


@pytest.fixture
def job(project: Project) -> Uploader:
    """A job at GitLab that has its token."""
    return make_job(project, issuer=ISSUER, kind="gitlab", workflow=".gitlab-ci.yml", number="42")
