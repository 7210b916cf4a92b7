"""Whether a version lies in a range (PEP 440)."""

from functools import lru_cache

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version


@lru_cache(4096)
def is_in_range(version: str, versions: str) -> bool:
    """Whether *version* is one of *versions*, a specifier such as "<4"; "" is every version.

    Pre-releases count like any other; what is no version is in no range.
    """
    if not versions:
        return True
    try:
        return _specifier(versions).contains(Version(version), prereleases=True)
    except InvalidVersion:
        return False


@lru_cache(256)
def _specifier(versions: str) -> SpecifierSet:
    return SpecifierSet(versions)
