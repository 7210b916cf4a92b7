"""A stateful stand-in for Stripe over HTTP; `python -m stripe_standin` starts it.

It imports nothing of the project, and nothing of the project imports it: the two meet over HTTP,
through the real `stripe` library, as the project and Stripe would.
"""
