"""`/_test/`: what a test may do that no Stripe offers. For this machine only, never a browser.

    POST reset                                          forget everything, back to as started
    GET  state                                          the time, the mode, how many of what
    GET  clock         POST clock {advance_s | to}      what falls due on the way is done in order
    POST webhooks {mode: push|hold, url, secret, livemode, api_version, retries_exhausted}
    GET  deliveries                                     what waits
    POST deliveries/take, deliveries/send {order, seed, copies, types, drop, signed_at, limit}
    POST faults {method, path, kind: 500|429|reset|hang, when: before|after, times}
    POST objects/{id} {fields}                          an edit as in the Dashboard, told as such
    POST events {type, object}                          any valid event

`livemode` and `api_version` change what the envelope of new events claims, not their content.
"""

from . import deliveries, money, state, tax
from .door import Control, answer

__all__ = ["Control", "answer", "deliveries", "money", "state", "tax"]
