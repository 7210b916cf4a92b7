"""Settings from the environment only. The default is production; development is asked for.

Every variable stands in docs/settings.md; combinations that cannot work are in config/checks.py.
"""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from config import databases, env
from lib.colors import parse_color

BASE_DIR = Path(__file__).resolve().parent.parent

# --- what kind of installation this is -------------------------------------------------------
DEBUG = env.flag("DEBUG")
DEMO = env.flag("DEMO")
RELAXED = DEBUG or DEMO

DATA_DIR = env.folder("DATA_DIR", BASE_DIR / "var")
BASE_URL = env.url("BASE_URL", "http://localhost:8000" if RELAXED else "")
if not BASE_URL:
    raise ImproperlyConfigured("BASE_URL must be set in production, e.g. https://shop.example.")
IS_HTTPS = BASE_URL.startswith("https://")
if not IS_HTTPS and not RELAXED:
    raise ImproperlyConfigured(
        f"BASE_URL must begin with https:// in production, not {BASE_URL!r}."
    )
HOST = urlsplit(BASE_URL).hostname or ""

SECRET_KEY = env.secret("SECRET_KEY", dev="only-for-development-" + "x" * 40, relaxed=DEBUG)
SECRET_KEY_FALLBACKS = env.words("SECRET_KEY_FALLBACKS")
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS") or [HOST]
CSRF_TRUSTED_ORIGINS = [BASE_URL]
TRUSTED_PROXIES = env.number("TRUSTED_PROXIES", 0)
ADMIN_PATH = env.text("ADMIN_PATH", "owner").strip("/")
if not ADMIN_PATH.replace("-", "").replace("_", "").isalnum():
    raise ImproperlyConfigured(f"ADMIN_PATH must be one word of a path, not {ADMIN_PATH!r}.")

# --- the shop --------------------------------------------------------------------------------
SHOP_NAME = env.text("SHOP_NAME", "Wheelbarrow")
ACCENT_COLOR = env.text("ACCENT_COLOR")
if ACCENT_COLOR:
    try:
        parse_color(ACCENT_COLOR)
    except ValueError as error:
        raise ImproperlyConfigured(f"ACCENT_COLOR: {error}.") from error
TOKEN_PREFIX = env.text("TOKEN_PREFIX", "wb")
if not (TOKEN_PREFIX.isascii() and TOKEN_PREFIX.isalnum() and len(TOKEN_PREFIX) <= 8):
    raise ImproperlyConfigured(
        f"TOKEN_PREFIX must be 1 to 8 letters or digits, not {TOKEN_PREFIX!r}."
    )
INDEX_UPSTREAM = env.url("INDEX_UPSTREAM", "https://pypi.org/simple/")  # set and empty: off
INVOICE_MIN_YEARLY = env.number("INVOICE_MIN_YEARLY", 10_000)  # whole dollars
MONTHLY_GOAL = env.number("MONTHLY_GOAL", 0)  # whole dollars; 0: none
LICENSE_ROOT_KEY_FILE = env.text("LICENSE_ROOT_KEY_FILE")
NETWORK_OPERATORS_FILE = env.text("NETWORK_OPERATORS_FILE")
GRACE_DAYS = 21  # from the first failed payment to the lapse of the license
STAGE_RELEASES = env.flag("STAGE_RELEASES")
MAX_UPLOAD_BYTES = env.number("MAX_UPLOAD_MB", 100, low=1) * 1024 * 1024

# --- Stripe ----------------------------------------------------------------------------------
STRIPE_SECRET_KEY = env.text("STRIPE_SECRET_KEY")
STRIPE_WEBHOOK_SECRETS = env.words("STRIPE_WEBHOOK_SECRET")  # two while one is being rotated
STRIPE_API_BASE = env.url("STRIPE_API_BASE")
if STRIPE_API_BASE and not RELAXED:
    raise ImproperlyConfigured("STRIPE_API_BASE is only for DEBUG=1 or DEMO=1; unset it.")
STRIPE_LIVEMODE = STRIPE_SECRET_KEY.startswith(("sk_live_", "rk_live_"))
if STRIPE_LIVEMODE and RELAXED:
    raise ImproperlyConfigured("A live STRIPE_SECRET_KEY does not go with DEBUG=1 or DEMO=1.")
STRIPE_TAX = env.flag("STRIPE_TAX")
STRIPE_MANAGED_PAYMENTS = env.flag("STRIPE_MANAGED_PAYMENTS")
ALLOW_PROMOTION_CODES = env.flag("ALLOW_PROMOTION_CODES")
REFUND_FRAUD_WARNINGS = env.flag("REFUND_FRAUD_WARNINGS")

# --- Django ----------------------------------------------------------------------------------
INSTALLED_APPS = [
    "config.apps.ConfigConfig",
    "portal",
    "billing",
    "pkgindex",
    "support",
    "licenses",
    "outbox",
    "config.apps.OwnerAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "django.forms",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "csp",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "anymail",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"  # templates/admin/widgets is ours
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "portal.context.shop",
            ],
        },
    },
]
TEMPLATES.append(
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "NAME": "text",  # mails: nothing in them is HTML, so "Smith & Sons" stays as it is
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {"autoescape": False},
    }
)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "licenses.User"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-us"
USE_I18N = False

# --- database: SQLite with the settings that keep it right, or PostgreSQL by DATABASE_URL ------
DATABASES = {
    "default": databases.durable(DATA_DIR),
    "volatile": databases.volatile(DATA_DIR),
}
DATABASE_ROUTERS = ["licenses.routers.VolatileRouter"]

# --- files -----------------------------------------------------------------------------------
STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
MEDIA_ROOT = DATA_DIR / "files"  # served only by the index, never by URL
STORAGES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
FILE_UPLOAD_PERMISSIONS = 0o600
# Beside the files, so that the move is a rename; /tmp may be memory.
FILE_UPLOAD_TEMP_DIR = DATA_DIR / "uploads"
FILE_UPLOAD_TEMP_DIR.mkdir(exist_ok=True)
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024

# --- mail ------------------------------------------------------------------------------------
ANYMAIL_BACKEND = env.text("ANYMAIL_BACKEND")
ANYMAIL = env.anymail()
SMTP = env.smtp_server("SMTP_URL")
if ANYMAIL_BACKEND and SMTP:
    raise ImproperlyConfigured("Mail leaves by ANYMAIL_BACKEND or by SMTP_URL; set one of them.")
if ANYMAIL_BACKEND:
    EMAIL_BACKEND = f"anymail.backends.{ANYMAIL_BACKEND}.EmailBackend"
elif SMTP:
    EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    EMAIL_HOST, EMAIL_PORT = SMTP.host, SMTP.port
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = SMTP.user, SMTP.password
    EMAIL_USE_TLS, EMAIL_USE_SSL = SMTP.has_starttls, SMTP.has_tls
    EMAIL_TIMEOUT = 30
elif RELAXED:
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    EMAIL_FILE_PATH = DATA_DIR / "mail"
else:
    raise ImproperlyConfigured(
        "ANYMAIL_BACKEND must name your mail provider in production, e.g. postmark, or SMTP_URL "
        "your mail server."
    )
DEFAULT_FROM_EMAIL = env.text("MAIL_FROM", f"{SHOP_NAME} <shop@{HOST}>")
SERVER_EMAIL = DEFAULT_FROM_EMAIL
OWNER_EMAIL = env.text("OWNER_EMAIL")
DIGEST_HOUR = env.hour("DIGEST_HOUR", 6)
SUPPORT_EMAIL = env.text("SUPPORT_EMAIL", f"support@{HOST}").lower()
if SUPPORT_EMAIL.count("@") != 1 or "+" in SUPPORT_EMAIL:
    raise ImproperlyConfigured(f"SUPPORT_EMAIL must be a plain address, not {SUPPORT_EMAIL!r}.")
# Whose webhooks are open: the provider that sends for us, unless others are named.
INBOUND_PROVIDERS = env.words("INBOUND_PROVIDERS") or [ANYMAIL_BACKEND]
MAIL_AUTHSERV_ID = env.text("MAIL_AUTHSERV_ID")
TRACKER_URL = env.url("TRACKER_URL")
TRACKER = urlsplit(TRACKER_URL)
DOCS_URL = env.url("DOCS_URL")
SECURITY_EMAIL = env.text("SECURITY_EMAIL", SUPPORT_EMAIL)

# --- sign-in: a mailed code for customers, a second factor besides for the owner ---------------
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/account/"
ACCOUNT_ADAPTER = "portal.sign_in.AccountAdapter"
ACCOUNT_LOGOUT_REDIRECT_URL = "/"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
# Nobody signs up; without a password here the sign-in form would have none for the owner.
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_LOGIN_BY_CODE_ENABLED = True
ACCOUNT_LOGIN_BY_CODE_TIMEOUT = 15 * 60  # greylisting may hold a mail up for some minutes
ACCOUNT_EMAIL_VERIFICATION = "none"  # the mailed code proves the address
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False  # strangers get no mail from us
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = SHOP_NAME
OWNER_NEEDS_SECOND_FACTOR = not DEMO
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
SESSION_COOKIE_AGE = 60 * 60 * 24 * 30

# --- security --------------------------------------------------------------------------------
SECURE_SSL_REDIRECT = IS_HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$"]  # the load balancer asks over plain HTTP
SECURE_HSTS_SECONDS = 63_072_000 if IS_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = IS_HTTPS
SECURE_HSTS_PRELOAD = IS_HTTPS
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
SESSION_COOKIE_NAME = "__Host-sessionid" if IS_HTTPS else "sessionid"
CSRF_COOKIE_NAME = "__Host-csrftoken" if IS_HTTPS else "csrftoken"
CSRF_COOKIE_HTTPONLY = True
X_FRAME_OPTIONS = "DENY"
if TRUSTED_PROXIES:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],  # the QR code of the second factor is a data: image
        "font-src": [SELF],
        "connect-src": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        # A form's redirect counts too: POST /checkout/ answers with one to Stripe's page.
        "form-action": [
            SELF,
            "https://checkout.stripe.com",
            "https://billing.stripe.com",
            *([STRIPE_API_BASE] if STRIPE_API_BASE else []),
            # The form that searches the public tracker before a ticket is opened.
            *([f"{TRACKER.scheme}://{TRACKER.netloc}"] if TRACKER_URL else []),
        ],
    }
}

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "filters": {"secrets": {"()": "lib.redaction.SecretsFilter"}},
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "line",
            "filters": ["secrets"],
        }
    },
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        "stripe": {"level": "WARNING"},
        "django.server": {"handlers": ["console"], "propagate": False},
    },
}
