"""What a ticket might be about, guessed by its words. For the owner's eye only: nothing counts
or closes by it, and it is stored nowhere.
"""

import re

from support.models import Ticket

Cause = Ticket.Cause
# In the order in which they win when the words speak for several.
_SIGNS = {
    Cause.SECURITY: r"""vulnerab\w+ | cve-\d+ | exploit\w* | xss | rce | injection
        | security\ (?:issue|hole|bug|report|flaw)""",
    Cause.BILLING: r"""invoices? | receipts? | refunds? | vat | purchase\ order | credit\ card
        | payments? | charged | renewals? | renew(?:ed|s)? | subscription | billing | prices?
        | pricing | quote | password | 401 | unauthori[sz]ed | (?:licen[sc]e|access)\ key
        | log\ ?in | sign\ ?in""",
    Cause.BUG: r"""traceback | \w*exception | crash\w* | segfaults? | deadlocks? | regression
        | hangs? | leaks? | bugs? | broken | stopped\ working | wrong\ result
        | since\ (?:version|the\ update)""",
    Cause.ENVIRONMENT: r"""install(?:s|ed|ing|ation)? | pip | uv | poetry | docker\w* | kubernetes
        | heroku | proxy | certificates? | ssl | no\ matching\ distribution | windows | alpine
        | modulenotfounderror | importerror""",
    Cause.FEATURE: r"""feature\ request | would\ be\ (?:nice|great|useful|helpful) | please\ add
        | (?:could|can)\ you\ add | support\ for | roadmap | plans?\ to""",
    Cause.HOW_TO: r"""how\ (?:do|can|to|should|would)\ \w+ | is\ (?:it|there)\ (?:possible|a\ way)
        | best\ (?:way|practices?) | recommended | examples? | documentation | docs""",
}
_PATTERNS = {cause: re.compile(rf"(?xi) \b (?: {signs} ) \b") for cause, signs in _SIGNS.items()}


def guess_cause(subject: str, words: str) -> Ticket.Cause:
    """The cause that most different words speak for; those of the subject count twice."""
    scores = {
        cause: len(_found(pattern, subject)) + len(_found(pattern, f"{subject}\n{words}"))
        for cause, pattern in _PATTERNS.items()
    }
    if scores[Cause.SECURITY]:
        return Cause.SECURITY  # to have overlooked one is worse than ten false ones
    best = max(scores, key=lambda cause: scores[cause])
    return best if scores[best] else Cause.UNKNOWN


def _found(pattern: re.Pattern[str], text: str) -> set[str]:
    return {found.lower() for found in pattern.findall(text)}
