"""`/_test/`: what a test may do that no Stripe offers. For this machine only, never a browser.

    POST reset                                          forget everything, back to as started
    GET  state                                          the time, the mode, how many of what
    GET  clock         POST clock {advance_s | to}      what falls due on the way is done in order
    POST webhooks {mode: push|hold|mute, url, secret, livemode, api_version}
    POST settings {retries_exhausted: canceled|unpaid|past_due, cancel_on_dispute, upcoming_days,
        will_be_due_days, overdue_makes_past_due, overdue_days,
        portal_cancel: cancel_at_period_end|cancel_at}  (one door with `webhooks`)
    POST tax {percent, fails}                           for what has automatic tax on
    GET  deliveries                                     what waits
    POST deliveries/take, deliveries/send
        {order, seed, copies, types, drop, signed_at, limit, corrupt: body|signature|utf8}
    POST outage {seconds, lost}                         nothing is delivered for so long
    GET, DELETE faults
    POST faults {method, path, kind: 500|429|reset|timeout, when: before|after, times, seconds}
    POST objects/{id} {fields}                          an edit as in the Dashboard, told as such
    POST dashboard {method, path, params}               an operation as from the Dashboard
    POST cards/{pm} {number, exp_month, exp_year, automatic}
    POST disputes {payment_intent|charge, status, reason, amount}
        status: needs_response | warning_needs_response (an inquiry) | prevented
    POST disputes/{id} {outcome: won|lost|prevented|warning_closed|escalated}
    POST disputes/{id} {status_unchecked}               shown in answers and events, marked
    POST early_fraud_warnings {payment_intent|charge, fraud_type, actionable}
    POST refunds {next: succeeded|pending|failed, times, failure_reason, pending_reason}
    POST refunds/{id} {status: succeeded|pending|failed, failure_reason, pending_reason}
    POST events {type, object}                          any valid event

`mode: mute` makes no events at all: what happens is not even in the list of events. `livemode` and
`api_version` change what the envelope of new events claims, not their content.
"""

from . import dashboard, deliveries, failures, money, state, tax
from .door import Control, answer

__all__ = ["Control", "answer", "dashboard", "deliveries", "failures", "money", "state", "tax"]
