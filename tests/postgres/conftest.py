"""Collected on PostgreSQL only: these tests are about that engine."""

from django.db import connection

if connection.vendor != "postgresql":
    collect_ignore_glob = ["test_*.py"]
