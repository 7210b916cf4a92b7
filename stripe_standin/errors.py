"""Stripe's errors: the shape, the codes and, where a client shows them, the words."""

from typing import Any

from .contract import Json, Problem

DOCS = "https://docs.stripe.com/error-codes/"


class StripeError(Exception):
    """An answer that is not 2xx. It takes back what the request did, unless `keeps_changes` (a
    declined charge stays on the record)."""

    def __init__(self, status: int, kind: str, message: str, **details: Any) -> None:
        super().__init__(message)
        self.keeps_changes = False
        self.status = status
        self.error = {"type": kind, "message": message}
        self.error |= {key: value for key, value in details.items() if value}

    @property
    def body(self) -> Json:
        return {"error": self.error}


class ContractBrokenError(Exception):
    """The stand-in made something that Stripe would never say: its own bug, answered with 500."""

    def __init__(self, what: str, problems: list[Problem]) -> None:
        super().__init__(f"{what}: " + "; ".join(problems[:5]))


def invalid_request(
    message: str, *, param: str = "", code: str = "", status: int = 400
) -> StripeError:
    doc_url = DOCS + code.replace("_", "-") if code else ""
    return StripeError(
        status, "invalid_request_error", message, param=param, code=code, doc_url=doc_url
    )


def refused_parameter(problem: Problem) -> StripeError:
    """400 for a request that breaks Stripe's description."""
    code = problem.code if problem.code in KEPT_CODES else ""
    return invalid_request(problem.message, param=problem.param, code=code)


# Codes of ours that are Stripe's too; a wrong shape or enum carries none there.
KEPT_CODES = {
    "parameter_missing",
    "parameter_unknown",
    "parameter_invalid_integer",
}


def missing(kind: str, object_id: str, *, param: str = "id", status: int = 404) -> StripeError:
    """404 when the id stands in the path, 400 when it stands in a parameter."""
    word = NAMES.get(kind, kind.replace("_", " "))
    message = f"No such {word}: '{object_id}'"
    return invalid_request(message, param=param, code="resource_missing", status=status)


NAMES = {"checkout.session": "checkout.session", "payment_method": "PaymentMethod"}


def not_built(what: str) -> StripeError:
    """501: Stripe has it, the stand-in does not, and says so instead of inventing an answer."""
    message = f"The stand-in does not do this yet: {what}. Stripe itself would."
    return StripeError(501, "api_error", message, code="standin_not_built")


def card_declined(
    message: str, decline_code: str, *, code: str = "card_declined", **details: Any
) -> StripeError:
    doc_url = DOCS + code.replace("_", "-")
    details = {"code": code, "decline_code": decline_code, "doc_url": doc_url} | details
    return StripeError(402, "card_error", message, **details)
