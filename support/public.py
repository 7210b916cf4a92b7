"""A draft of a ticket for the public tracker, with everything left out that names somebody."""

import re
from collections.abc import Iterable

from django.conf import settings
from django.utils.http import urlencode

from lib.redaction import redact
from licenses.models import Contact
from support.addresses import FREEMAIL, organization_of
from support.models import Message, Ticket

MAX_QUERY = 7_000  # characters; GitHub refuses longer ones
_GITHUB = re.compile(r"https://github\.com/[\w.-]+/[\w.-]+")
_MIN_NAME = 3  # letters; shorter ones would take half of the words along
# Each begins where a run begins and gives nothing back: a customer's long line costs no minute.
_ADDRESS = re.compile(r"(?<![\w.+-])[\w.+-]++@[\w-]++(?:\.[\w-]++)+")
_IPV4 = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b")
_IPV6 = re.compile(r"(?<![\w:])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?![\w:])", re.IGNORECASE)
_USER_OF_URL = re.compile(r"(?<=://)[^\s/@]+@")
# Long and mixed of letters and digits: a key, a digest, a session.
_KEY = re.compile(r"(?<![\w-])(?=[\w-]*\d)(?=[\w-]*[A-Za-z])[\w-]{20,}+")
_SIGNATURE = re.compile(r"\n-- ?\n.*\Z", re.DOTALL)
_QUOTED = re.compile(r"^>(?!>>(?: |$)).*\n?", re.MULTILINE)
_WORDS_OF_COMPANIES = {
    "company", "corp", "corporation", "customer", "gmbh", "group", "inc", "limited", "llc", "ltd",
    "software", "solutions", "systems", "the", "and", "dev", "info", "support", "hello", "office",
}  # fmt: skip


def public_draft(ticket: Ticket) -> str:
    """Question and answers for the owner to post. It is a draft: he reads it before he does."""
    said = ticket.messages.filter(
        kind__in=[Message.Kind.CUSTOMER, Message.Kind.OWNER], is_automatic=False
    )
    parts = [f"# {ticket.subject}"]
    for message in said:
        who = "Question" if message.kind == Message.Kind.CUSTOMER else "Answer"
        words = _QUOTED.sub("", _SIGNATURE.sub("\n", message.body)).strip()
        parts.append(f"**{who}**\n\n{words}")
    return anonymous("\n\n".join(parts), ticket)


def issue_form(draft: str) -> str:
    """GitHub's form for a new issue with the draft filled in; "" where the tracker is no GitHub's,
    or the draft is too long for an address.
    """
    tracker = _GITHUB.match(settings.TRACKER_URL)
    title, _, body = draft.removeprefix("# ").partition("\n\n")
    query = urlencode({"title": title, "body": body})
    return f"{tracker[0]}/issues/new?{query}" if tracker and len(query) <= MAX_QUERY else ""


def tracker_search() -> tuple[str, str] | None:
    """Where the public tracker is searched by a form, and by which field; None where it is neither
    GitHub's nor GitLab's.
    """
    url: str = settings.TRACKER_URL
    if repository := _GITHUB.match(url):
        return f"{repository[0]}/issues", "q"
    project, is_gitlab, _ = url.partition("/-/issues")
    return (f"{project}/-/issues", "search") if is_gitlab else None


def anonymous(text: str, ticket: Ticket) -> str:
    """The text without names, addresses, domains, IP addresses and keys."""
    text = redact(text).replace("[secret]", "[key]")
    text = _USER_OF_URL.sub("[user]@", text)
    text = _ADDRESS.sub("[address]", text)
    addresses = _addresses(ticket)
    for domain in sorted(_domains(addresses), key=len, reverse=True):
        hosts = rf"(?i)(?<![\w-])(?:[\w-]{{1,63}}\.){{0,10}}{re.escape(domain)}\b"
        text = re.sub(hosts, "[domain]", text)
    for name in sorted(_names(ticket, addresses), key=len, reverse=True):
        text = re.sub(rf"(?i)(?<!\w){re.escape(name)}(?!\w)", "[name]", text)
    text = _KEY.sub("[key]", text)
    return _IPV6.sub(_ipv6, _IPV4.sub("[ip]", text))


def _ipv6(found: re.Match[str]) -> str:
    """Not every "::" is one: slices and times look alike."""
    groups = [group for group in found[0].split(":") if group]
    is_time = all(group.isdigit() and len(group) <= 2 for group in groups)
    return found[0] if is_time or len(groups) < 2 else "[ip]"


def _addresses(ticket: Ticket) -> list[str]:
    contacts = Contact.objects.filter(customer_id=ticket.customer_id)
    return [ticket.requester, *contacts.values_list("email", flat=True)]


def _domains(addresses: Iterable[str]) -> set[str]:
    whole = {address.rpartition("@")[2] for address in addresses}
    registrable = {organization_of(address) for address in addresses}
    own = settings.SUPPORT_EMAIL.rpartition("@")[2]
    return {one for one in whole | registrable if one and one != own and one not in FREEMAIL}


def _names(ticket: Ticket, addresses: Iterable[str]) -> set[str]:
    """Whole names and their parts: of the customer, the writers, and their addresses."""
    whole = [ticket.customer.name, ticket.requester_name]
    whole += [organization_of(address).partition(".")[0] for address in addresses]
    whole += [address.partition("@")[0] for address in addresses]
    parts = {part for name in whole for part in re.split(r"[\W_]+", name)}
    names = {name.strip() for name in whole} | parts
    return {
        name
        for name in names
        if len(name) >= _MIN_NAME and name.lower() not in _WORDS_OF_COMPANIES and not name.isdigit()
    }
