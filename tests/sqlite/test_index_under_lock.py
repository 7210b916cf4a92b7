"""SQLite has one write lock; whoever holds it must not hold the index up."""

import contextlib
import time

import pytest
from django.db import connection

from tests.make import make_credential, make_license
from tests.pkgindex.index_client import IndexClient


@pytest.mark.django_db(transaction=True)
def test_a_locked_database_holds_no_install_up():
    _, key = make_credential(make_license().customer)
    other = connection.copy()
    with contextlib.closing(other), other.cursor() as cursor:
        cursor.execute("BEGIN IMMEDIATE")
        started = time.monotonic()

        assert IndexClient(key).get("/simple/").status == 200

        assert time.monotonic() - started < 2
        cursor.execute("ROLLBACK")
