"""Signed answers: a fake server, a replayed answer or another process's are told apart by them."""

from datetime import datetime
from typing import Any

from licenses.documents import GRACE
from licenses.granting import FREE_TIMES
from licenses.lease_requests import VERSION, LeaseRequest
from licenses.models import License, SigningKey
from licenses.signing_keys import signer_for, unix
from licenses.usage import threads_url
from licenses.wishes import Answer, Outcome

PURPOSE = b"wheelbarrow-lease-v1"
LATE = 86_400  # seconds after the paid time, from when the customer is told; renewals take an hour


def sign_answer(license: License, request: LeaseRequest, outcome: Outcome, *, at: datetime) -> str:
    """The answer for one process. Raises NoRootKey."""
    (answer,) = outcome.answers
    claims = _common(license, request, outcome, at) | _of_process(license, request, answer)
    claims |= {"ttl_s": answer.ttl_s, "next_s": answer.next_s, "msg": _message(license, answer, at)}
    return _sign(claims, at)


def sign_batch(license: License, request: LeaseRequest, outcome: Outcome, *, at: datetime) -> str:
    """The answers for all members, under one signature. Raises NoRootKey."""
    answers = outcome.answers
    worst = max(answers, key=lambda answer: answer.code == "OVER_LIMIT")
    members = [_of_process(license, request, answer) for answer in answers]
    claims = _common(license, request, outcome, at) | {
        "members": members,
        "ttl_s": min(answer.ttl_s for answer in answers),
        "next_s": min(answer.next_s for answer in answers),
        "msg": _message(license, worst, at),
    }
    return _sign(claims, at)


def _sign(claims: dict[str, Any], at: datetime) -> str:
    return signer_for(SigningKey.Use.LEASE, at).sign(claims, purpose=PURPOSE)


def _common(
    license: License, request: LeaseRequest, outcome: Outcome, at: datetime
) -> dict[str, Any]:
    pool = outcome.pool
    return {
        "v": VERSION,
        "lid": str(license.pk),
        "nonce": request.nonce,
        "seq": request.seq,
        "iat": unix(at),
        "grace_s": int(GRACE.total_seconds()),
        "lic_rev": license.rev,
        "pool": {
            "limit": pool.limit,
            "firm": pool.firm,
            "surge": pool.surge,
            "leases": pool.leases,
        },
        "url": threads_url(license.pk),
    }


def _of_process(license: License, request: LeaseRequest, answer: Answer) -> dict[str, Any]:
    is_old = request.version < VERSION and license.is_active
    return {
        "iid": str(answer.iid),
        "code": "UPGRADE_CLIENT" if is_old else answer.code,
        "firm": answer.grant.firm,
        "surge": answer.grant.surge,
        "surge_s": answer.surge_s,
    }


def _message(license: License, answer: Answer, at: datetime) -> str:
    if answer.code == "OVER_LIMIT":
        return _over_limit(license, answer)
    if answer.code == "LAPSED":
        return f"The license ended; releases up to {license.updates_until:%Y-%m-%d} go on running."
    if answer.code == "SUSPENDED":
        return "The license is suspended while a payment is disputed."
    if answer.code == "REVOKED":
        return "The license was revoked."
    if unix(at) > unix(license.paid_through) + LATE:
        return "The last payment has not arrived; nothing stops for now."
    return ""


def _over_limit(license: License, answer: Answer) -> str:
    if answer.is_counted or license.threads is None:
        return f"The license allows {license.threads} threads; all of them are in use."
    free = FREE_TIMES * license.threads
    return f"Outside production {free} threads may run; all of them are in use."
