"""Keeps secrets out of the logs, whoever writes them."""

import logging
import re

from django.conf import settings

_SECRET = re.compile(
    r"""(?x)
    \b(?:sk|rk)_(?:live|test)_[0-9A-Za-z]{4,}      # Stripe's keys
    | \bwhsec_[0-9A-Za-z]{4,}
    | \b[0-9A-Za-z]{1,8}_(?:ix|ls|up)_[0-9A-Za-z]{36}  # our credentials
    | (?<=Basic\ )[0-9A-Za-z+/=_-]{8,}             # an Authorization header
    | (?<=://)[^\s/@:]+:[^\s/@]+(?=@)              # user:password of a URL
    """
)
_NAMES_A_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSWORD")
_SHORTEST = 6  # a shorter value would take words out of every line


def redact(text: str) -> str:
    """The same text without our own secrets, and without anything of a secret's form."""
    for value in _own_secrets():
        text = text.replace(value, "[secret]")
    return _SECRET.sub("[secret]", text)


def _own_secrets() -> list[str]:
    values = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS, settings.STRIPE_SECRET_KEY]
    values += [
        str(value) for name, value in settings.ANYMAIL.items() if _NAMES_A_SECRET.search(name)
    ]
    return [value for value in values if len(value) >= _SHORTEST]


class SecretsFilter(logging.Filter):
    """Redacts the finished message and the traceback of each log record."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redact(record.getMessage()), None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = redact(record.exc_text)
        return True
