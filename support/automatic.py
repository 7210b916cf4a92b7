"""Whether a mail was written by a machine (RFC 3834, and what machines really send).

It only decides about *our* automatic sending, the quota and the clock. Never does it throw a
customer's mail away.
"""

import re
from collections.abc import Mapping

_PRECEDENCES = {"bulk", "junk", "list", "auto_reply"}
_SUPPRESSING = {"all", "autoreply", "oof"}
_TELLING = (
    "x-autoreply",
    "x-autorespond",
    "x-autoresponder",
    "x-autoresponse",
    "x-mail-autoreply",
    "x-autoreply-from",
    "list-id",
    "list-unsubscribe",
    "feedback-id",
    "x-loop",
)
_SUBJECT = re.compile(
    r"""(?xi) \s* (?:
      automatic\ reply | auto[- ]?reply | auto:\  | out\ of\ (?:the\ )?office | autoresponse
    | automatische\ antwort | abwesenheits(?:notiz|nachricht)? \b | abwesend
    | r[ée]ponse\ automatique | absence\ du\ bureau | absent\ du\ bureau
    | respuesta\ autom[áa]tica | fuera\ de\ (?:la\ )?oficina
    | risposta\ automatica | fuori\ sede | automatisch\ antwoord | afwezig\b
    | resposta\ autom[áa]tica | fora\ do\ escrit[óo]rio | autosvar | automatisk\ svar
    | automaattinen\ vastaus | automatyczna\ odpowied[źz] | автоматический\ ответ | автоответ
    | automatick[áa]\ odpov[ěe][ďd] | otomatik\ yan[\u0131i]t | 自动回复 | 自動回覆 | 自動応答
    ) (?: \s*[:\uff1a] | \s*$ | \s+[-\u2013(] | \ [^:]*: ) """
)


def automatic_reason(headers: Mapping[str, list[str]], *, has_null_sender: bool = False) -> str:
    """Why the mail is a machine's, in a few words; "" for a person's.

    *headers* are by lower-case name, each with all its values.
    """
    return (
        _by_auto_submitted(headers)
        or _by_precedence(headers)
        or _by_suppression(headers)
        or next((name for name in _TELLING if name in headers), "")
        or _by_form(headers, has_null_sender=has_null_sender)
        or _by_subject(headers)
    )


def _by_auto_submitted(headers: Mapping[str, list[str]]) -> str:
    for value in headers.get("auto-submitted", []):
        token = re.split(r"[;\s]", value.strip().lower(), maxsplit=1)[0]
        if token and token != "no":  # noqa: S105  RFC 3834: "no" is said by people
            return f"auto-submitted: {token[:40]}"
    return ""


def _by_precedence(headers: Mapping[str, list[str]]) -> str:
    for name in ("precedence", "x-precedence"):
        for value in headers.get(name, []):
            if value.strip().lower() in _PRECEDENCES:
                return f"{name}: {value.strip().lower()}"
    return ""


def _by_suppression(headers: Mapping[str, list[str]]) -> str:
    for value in headers.get("x-auto-response-suppress", []):
        if _SUPPRESSING & set(re.split(r"[,;\s]+", value.lower())):
            return "x-auto-response-suppress"
    return ""


def _by_form(headers: Mapping[str, list[str]], *, has_null_sender: bool) -> str:
    types = headers.get("content-type", [])
    if any(value.lower().startswith("multipart/report") for value in types):
        return "multipart/report"
    if has_null_sender or any(value.strip() == "<>" for value in headers.get("return-path", [])):
        return "null sender"
    for value in headers.get("delivered-to", []):
        if value.strip().strip("<>").lower().partition("@")[0] == "autoresponder":
            return "delivered-to: autoresponder"
    return ""


def _by_subject(headers: Mapping[str, list[str]]) -> str:
    return "subject" if any(_SUBJECT.match(value) for value in headers.get("subject", [])) else ""
