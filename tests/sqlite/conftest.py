"""Collected on SQLite only: these tests are about that engine."""

from django.db import connection

if connection.vendor != "sqlite":
    collect_ignore_glob = ["test_*.py"]
