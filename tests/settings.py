"""The application's own settings on test values. Nothing else differs but storage and hashing."""

import atexit
import os
import tempfile
from pathlib import Path

# A folder of this process's own, so that any number of test runs go side by side.
_folder = tempfile.TemporaryDirectory(prefix="wheelbarrow-tests-", ignore_cleanup_errors=True)
atexit.register(_folder.cleanup)
_data = Path(_folder.name)

os.environ |= {
    "DEMO": "1",  # allows the stand-in
    "DEBUG": "0",
    "SECRET_KEY": "test-secret-key-" + "k" * 40,
    "BASE_URL": "http://testserver",
    "DATA_DIR": str(_data),
    "STRIPE_SECRET_KEY": "sk_test_canary1234567890",
    "STRIPE_WEBHOOK_SECRET": "whsec_canary1234567890",
    "STRIPE_API_BASE": os.environ.get("STRIPE_API_BASE", "http://127.0.0.1:1"),
    "INDEX_UPSTREAM": "",
    "OWNER_EMAIL": "owner@shop.example",
    "DIGEST_HOUR": "",  # no mail that a test did not ask for
}

from config.settings import *  # noqa: E402, F403
from config.settings import DATABASES, STORAGES  # noqa: E402

OWNER_NEEDS_SECOND_FACTOR = True  # as in production
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # A file, as in production: concurrency tests open it from several processes.
    DATABASES["default"]["TEST"] = {"NAME": str(_data / "test.sqlite3")}
    DATABASES["volatile"]["TEST"] = {"NAME": str(_data / "volatile.sqlite3")}
else:
    DATABASES["volatile"]["TEST"] = {"MIRROR": "default"}
DATABASES["default"]["CONN_MAX_AGE"] = DATABASES["volatile"]["CONN_MAX_AGE"] = 0
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
STATIC_ROOT.mkdir(exist_ok=True)  # noqa: F405
