"""How often a customer may make us write to an address that is not his."""

from django.core.cache import cache


def may_again(what: str, *, most: int, seconds: int) -> bool:
    """Count one more of *what*; False when it was done more than *most* times in the span.

    Counted by each process for itself: a bound on nuisance, not a promise.
    """
    key = f"limit:{what}"
    cache.add(key, 0, seconds)
    try:
        return cache.incr(key) <= most
    except ValueError:  # it ran out between the two lines
        return True
