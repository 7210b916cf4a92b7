"""A mail's words as they are kept in a ticket."""

import hashlib

from support.automatic import automatic_reason
from support.models import InboundMail
from support.reading import ReadMail
from support.sorting import Verdict
from support.tickets import Said


def said_by(mail: ReadMail, row: InboundMail, verdict: Verdict | None = None) -> Said:
    """Under a key that every copy of the mail has too."""
    automatic = automatic_reason(mail.headers, has_null_sender=row.has_null_sender)
    return Said(
        body=mail.text or "(no text; see the attachments or the raw mail)",
        key=f"mail:{_digest(mail) or row.pk}",
        author=mail.sender,
        message_id=mail.message_id,
        files=mail.files,
        verified=verdict.verified if verdict else "",
        is_automatic=bool(automatic),
        mail_id=row.pk,
    )


def _digest(mail: ReadMail) -> str:
    """The same for every copy of a mail; "" for one without a Message-ID, which may be any."""
    if not mail.message_id:
        return ""
    words = [mail.message_id, mail.sender, mail.subject, mail.text]
    parts = [text.encode() for text in words] + [file.content for file in mail.files]
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()
