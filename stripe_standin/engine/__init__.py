"""What happens behind the API: money, time and the life of a subscription.

`subjects/` and `pages/` import from here; nothing here knows a request or a parameter name.
"""
