"""From the Authorization header to the token that it carries."""

import base64
import binascii


class BadCredentials(Exception):
    """There is an Authorization header, but it can open no door: answer 401 with the sentence."""


def read_token(header: str | None) -> str | None:
    """The token in a header of HTTP Basic (RFC 7617); None if there is no header at all.

    The user name may be anything. A token as the user name, without a password, is taken too:
    some tools know only one field. Raises BadCredentials for whatever cannot be read.
    """
    if header is None:
        return None
    scheme, _, encoded = header.strip().partition(" ")
    if scheme.lower() != "basic":
        raise BadCredentials("The header Authorization is not Basic")
    user, colon, password = _decode(encoded).partition(":")
    if not colon:
        raise BadCredentials("There is no colon between user name and password")
    return password or user


def _decode(encoded: str) -> str:
    try:
        return base64.b64decode(encoded.strip().encode("ascii"), validate=True).decode()
    except (binascii.Error, UnicodeError) as error:
        raise BadCredentials("User name and password are not base64 of UTF-8") from error
