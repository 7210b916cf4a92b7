"""Secrets of ours that GitHub found in public: keys of customers, and tokens that publish."""

from datetime import datetime

from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from billing.notices import tell_owner
from lib.tokens import digest_of
from licenses.leaks import BadReport, Finding, read_report, revoke_leaked_key
from pkgindex.upload_tokens import revoke_leaked_token


@csrf_exempt  # signed by the partner
@require_POST
def leaks(request: HttpRequest) -> HttpResponse:
    """The door of its secret-scanning partner protocol."""
    try:
        findings = read_report(
            request.body,
            key_id=request.headers.get("Github-Public-Key-Identifier", ""),
            signature=request.headers.get("Github-Public-Key-Signature", ""),
        )
    except BadReport as error:
        return JsonResponse({"error": str(error)}, status=400)
    at = timezone.now()
    return JsonResponse([_answer(finding, at) for finding in findings], safe=False)


def _answer(finding: Finding, at: datetime) -> dict[str, str]:
    """Refuse what is ours; the partner learns which findings were real."""
    is_ours = revoke_leaked_key(finding, at=at) or _revoke_token(finding, at)
    return {
        "token_hash": digest_of(finding.token),
        "token_type": finding.type,
        "label": "true_positive" if is_ours else "false_positive",
    }


@transaction.atomic
def _revoke_token(finding: Finding, at: datetime) -> bool:
    """Safe to repeat: one notice for each token."""
    token = revoke_leaked_token(finding.token, at=at)
    if token is None:
        return False
    text = (
        f"The upload token {token} was found in public at {finding.url} and publishes nothing any "
        f"more. Look at what was published since {token.created_at:%Y-%m-%d}, and make a new one."
    )
    tell_owner(f"upload-token-leaked:{token.pk}", text, at=at, needs_him=True)
    return True
