"""Is a webhook's body signed by Stripe?"""

import stripe


def is_signed(text: str, signature: str, secret: str) -> bool:
    """Whether *signature* (the Stripe-Signature header) is that of *text* by *secret*.

    The time in it is the caller's to check.
    """
    try:
        return bool(secret) and bool(
            stripe.WebhookSignature.verify_header(text, signature, secret)  # type: ignore[no-untyped-call]
        )
    except (stripe.SignatureVerificationError, TypeError, ValueError):
        return False  # TypeError: a signature that is not ASCII
