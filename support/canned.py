"""Answers that are given again and again, with their variables filled in."""

from django.conf import settings

from support.models import CannedReply, Ticket

# What is said where the owner has deleted the reply that a button sends.
_WITHOUT = {
    "over-quota": "The tickets of this quarter are used up; please ask in public: {tracker_url}",
    "in-public": "The answer is here, where it helps the next one too:\n\n  {public_url}",
}


def say_canned(slug: str, ticket: Ticket) -> str:
    """The text behind one of the desk's buttons."""
    reply = CannedReply.objects.filter(slug=slug).first() or CannedReply(body=_WITHOUT[slug])
    return fill_in(reply, ticket)


def fill_in(reply: CannedReply, ticket: Ticket) -> str:
    """A canned reply with its variables filled in; unknown ones stay as they are."""
    values = {
        "name": ticket.requester_name or "Hello",
        "ticket": str(ticket.pk),
        "subject": ticket.subject,
        "customer": str(ticket.customer),
        "public_url": ticket.public_url,
        "shop_name": settings.SHOP_NAME,
        "base_url": settings.BASE_URL,
        "tracker_url": settings.TRACKER_URL or settings.BASE_URL,
        "docs_url": settings.DOCS_URL or settings.BASE_URL,
        "invoice_min": f"${settings.INVOICE_MIN_YEARLY:,}",
        "security_email": settings.SECURITY_EMAIL,
    }
    text = reply.body
    for name, value in values.items():
        text = text.replace("{" + name + "}", value)
    return text
