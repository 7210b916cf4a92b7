"""What of a project somebody may have."""

from dataclasses import dataclass, replace

from lib.versions import is_in_range

NOTHING = -(2**62)  # microseconds; before every release
EVERYTHING = 2**62


@dataclass(frozen=True, slots=True)
class Coverage:
    """All that counts as released up to `until`; for what is newer, `reason` says why not.

    Of that only `versions` (PEP 440) if the key is limited to a range; `not_in_range` says so.
    """

    until: int
    reason: str = ""
    versions: str = ""
    not_in_range: str = ""

    def refusal(self, counts_from: int, version: str) -> str:
        """Why a file may not be had; "" if it may."""
        if counts_from > self.until:
            return self.reason
        return "" if is_in_range(version, self.versions) else self.not_in_range


ALL = Coverage(EVERYTHING)


@dataclass(frozen=True, slots=True)
class Right:
    """What one license gives: the projects of a tier, up to a moment."""

    tier_id: int
    until: int
    reason: str  # why not more; "" if there is no end


@dataclass(frozen=True, slots=True)
class Reader:
    """Whoever sent a key that opens the door."""

    credential_id: int
    expires_at: int | None
    rights: tuple[Right, ...]  # the best reason first
    most: Coverage = ALL  # what the best right gives: less if the key is limited to versions
    networks: tuple[str, ...] = ()  # where the key may be used; empty: everywhere
    elsewhere: str = ""  # what is told in any other network


@dataclass(frozen=True, slots=True)
class Shelf:
    """A project, as far as the right to it and its own facts go."""

    id: int
    normalized_name: str
    name: str
    is_public: bool
    tier_ids: frozenset[int]
    not_covered: str  # what somebody without any right is told
    status: str  # of PEP 792
    status_reason: str
    newest: int  # when its newest file counts from
    digest: bytes  # of all that its pages show


def coverage_of(shelf: Shelf, reader: Reader | None) -> Coverage:
    """The best of the rights decides; a stranger is asked only for public projects."""
    if shelf.is_public or reader is None:
        return ALL
    until, reason = NOTHING, shelf.not_covered
    for right in reversed(reader.rights):
        if right.tier_id in shelf.tier_ids:
            if right.until >= shelf.newest:
                return reader.most
            until, reason = max(until, right.until), right.reason
    return replace(reader.most, until=until, reason=reason)
