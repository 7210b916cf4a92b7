"""Who gets no pointer: our machine writes to nobody whose name was only used."""

from datetime import timedelta

import pytest

from support.models import InboundMail
from tests.support.desk import end_licenses, make_licensed, sent_to, take
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


def test_who_was_pointed_and_then_bought_is_acknowledged(monday):
    take(mail("Do you support PyPy?", sender=STRANGER, number=1))
    make_licensed(STRANGER)
    monday.shift(timedelta(hours=1))

    for number in (2, 3):
        take(mail("It does not start.", sender=STRANGER, number=number))

    pointer, acknowledgement = sent_to(STRANGER)
    assert "customers only" in pointer.body
    assert "it is ticket #" in acknowledgement.body


def test_who_was_acknowledged_and_then_lapsed_is_not_pointed_on_the_same_day(monday):
    customer = make_licensed(STRANGER)
    take(mail(sender=STRANGER, number=1))
    end_licenses(customer)

    take(mail(sender=STRANGER, number=2))

    assert len(sent_to(STRANGER)) == 1
