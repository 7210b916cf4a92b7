"""Holds what is asked and what is answered to Stripe's own API description (2026-05-27.dahlia).

    validate_request(method, path, form)             -> [Problem, ...]
    validate_response(method, path, status, body)    -> [Problem, ...]
    validate_object(schema_name, body)               -> [Problem, ...]
    validate_event(body)                             -> [Problem, ...]   (webhook payload)
    missing_defaults(body)                           -> [Problem, ...]   (nulls that were forgotten)
    blank(schema_name, **fields)                     -> a valid object with every default key
    decode_form(pairs)                               -> nested dict      (a[b][0][c]=v)
    read_request(method, path, form)                 -> typed parameters and their problems

`strict=True` (default) treats a property that the description does not list as an error: a
stand-in must not offer fields that the real API has not (`subscription.current_period_end`).
Use `strict=False` on bodies recorded from the real API.

The description states no rules between parameters; those are written by hand in `subjects/`.
"""

from .blanks import blank, missing_defaults
from .events import event_object, event_types, validate_event
from .forms import decode_form
from .requests import read_request, validate_request
from .responses import validate_object, validate_response
from .spec import API_VERSION, Json, Problem, Value, find_operation, schema_for, schemas

__all__ = [
    "API_VERSION",
    "Json",
    "Problem",
    "Value",
    "blank",
    "decode_form",
    "event_object",
    "event_types",
    "find_operation",
    "missing_defaults",
    "read_request",
    "schema_for",
    "schemas",
    "validate_event",
    "validate_object",
    "validate_request",
    "validate_response",
]
