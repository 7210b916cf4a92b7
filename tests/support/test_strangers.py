"""Who gets no pointer: our machine writes to nobody whose name was only used."""

import pytest

from support.models import InboundMail
from tests.support.desk import sent_to, take
from tests.support.mails import mail

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("monday")]
STRANGER = "who@elsewhere.example"


@pytest.mark.parametrize(
    ("headers", "is_pointed"),
    [
        ({"X-Spam-Flag": "YES"}, False),
        ({"X-Spam-Status": "Yes, score=8.1 required=5.0"}, False),
        ({"X-Spam-Flag": "NO", "X-Spam-Status": "No, score=0.1"}, True),
        ({"Authentication-Results": "mx.shop.example; spf=fail; dkim=none"}, False),
        ({"Authentication-Results": "mx.shop.example; dmarc=fail"}, False),
        ({"Authentication-Results": "mx.shop.example; dmarc=pass"}, True),
        ({"Authentication-Results": "mx.evil.example; dmarc=fail"}, True),
        ({}, True),
    ],
)
def test_spam_and_forged_senders_get_no_pointer(settings, headers, is_pointed: bool):
    settings.MAIL_AUTHSERV_ID = "mx.shop.example"

    row = take(mail(sender=STRANGER, headers=headers))

    assert bool(sent_to(STRANGER)) is is_pointed
    assert row.outcome == InboundMail.Outcome.STRANGER  # it is kept, and shown, in any case
