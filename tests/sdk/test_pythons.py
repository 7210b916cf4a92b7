"""What the client promises holds under the oldest and the newest Python of this machine."""

import json
import os
import re
import subprocess
import uuid
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from licenses.documents import armour, sign_document
from licenses.lease_answers import sign_answer
from licenses.lease_requests import read_request
from licenses.leases import acquire_leases
from licenses.models import License
from licenses.root_key import public_key_text
from tests.licenses.leasing import BOTH, limited
from tests.sdk.documents import make_key, public_text, sign
from tests.sdk.pythons import find_pythons

pytestmark = [
    pytest.mark.django_db(databases=BOTH),
    pytest.mark.usefixtures("root_key", "socket_enabled"),
]
HERE = Path(__file__).parent
CHECKS = re.findall(r"^def (check_\w+)", (HERE / "any_python.py").read_text(), re.MULTILINE)


@pytest.fixture
def seller(tmp_path: Path) -> Path:
    """A document, others that are not ours, and answers of a server that lies."""
    license = limited(100)
    license.tier.features = ["batches"]
    document = sign_document(license, at=timezone.now())
    given = {
        "document": document,
        "armoured": armour(document),
        "roots": [public_key_text(), public_text(make_key())],
        "spoiled": [*flipped(document), sign(make_key())],
        "replayed": old_answer(license),
        "forged": sign(make_key(), {"code": "OK", "firm": 1}, assertion=b"wheelbarrow-lease-v1"),
    }
    file = tmp_path / "given.json"
    file.write_text(json.dumps(given))
    return file


def flipped(document: str) -> list[str]:
    """Another letter in every seventeenth place."""
    places = range(0, len(document), 17)
    return [
        document[:at] + ("B" if document[at] != "B" else "C") + document[at + 1 :] for at in places
    ]


def old_answer(license: License) -> str:
    """Genuine, and of another process's question."""
    asked = read_request(b'{"v": 1, "threads": 50, "nonce": "once", "seq": 1}', iid=uuid.uuid4())
    at = timezone.now() - timedelta(minutes=5)
    return sign_answer(license, asked, acquire_leases(license, asked.wishes, at=at), at=at)


@pytest.mark.parametrize("which", ["oldest", "newest"])
def test_every_promise_of_the_client_holds_under_it(seller: Path, which: str):
    pythons = find_pythons()
    python = pythons[0] if which == "oldest" else pythons[-1]
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(seller.parent),
        "PYTHONPATH": str(HERE.parents[1] / "sdk" / "src"),
    }

    done = subprocess.run(
        [python, str(HERE / "any_python.py"), str(seller)],
        env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert sorted(re.findall(r"^ok (check_\w+)", done.stdout, re.MULTILINE)) == sorted(CHECKS)
