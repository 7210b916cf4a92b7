from datetime import timedelta

import pytest
from django.utils import timezone
from time_machine import TimeMachineFixture

from outbox.claims import LEASE
from outbox.mail import queue_mail
from outbox.models import Mail


@pytest.mark.django_db
def test_whoever_holds_on_to_a_row_has_it_for_another_lease(time_machine: TimeMachineFixture):
    time_machine.move_to(timezone.now(), tick=False)
    context = {"tier": "Hare Pro", "updates_until": timezone.now()}
    row = queue_mail("ended:1", template="billing/ended", to=["dev@example.com"], context=context)
    claim = Mail.objects.claim(row.pk, timezone.now())
    almost = LEASE - timedelta(seconds=1)

    time_machine.shift(almost)
    assert claim.keep(last_error="")
    time_machine.shift(almost)

    assert Mail.objects.claim(row.pk, timezone.now()) is None
    assert claim.update(due_at=None)


@pytest.mark.django_db
def test_a_lease_begins_when_the_row_is_taken(time_machine: TimeMachineFixture):
    time_machine.move_to(timezone.now(), tick=False)
    context = {"tier": "Hare Pro", "updates_until": timezone.now()}
    row = queue_mail("ended:1", template="billing/ended", to=["dev@example.com"], context=context)
    began = timezone.now()

    time_machine.shift(2 * LEASE)  # on the rows before it
    Mail.objects.claim(row.pk, began)

    assert Mail.objects.claim(row.pk, timezone.now()) is None
