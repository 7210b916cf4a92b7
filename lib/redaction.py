"""Keeps secrets out of the logs, whoever writes them."""

import logging
import re

_SECRET = re.compile(
    r"""(?x)
    \b(?:sk|rk)_(?:live|test)_[0-9A-Za-z]{4,}      # Stripe's keys
    | \bwhsec_[0-9A-Za-z]{4,}
    | \b[0-9A-Za-z]{1,8}_(?:ix|ls|up)_[0-9A-Za-z]{36}  # our credentials
    | (?<=Basic\ )[0-9A-Za-z+/=_-]{8,}             # an Authorization header
    | (?<=://)[^\s/@:]+:[^\s/@]+(?=@)              # user:password of a URL
    """
)


def redact(text: str) -> str:
    """The same text with every secret we know the form of replaced."""
    return _SECRET.sub("[secret]", text)


class SecretsFilter(logging.Filter):
    """Redacts the finished message and the traceback of each log record."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redact(record.getMessage()), None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = redact(record.exc_text)
        return True
