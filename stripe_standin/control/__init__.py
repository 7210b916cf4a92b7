"""`/_test/`: what a test may do that no Stripe offers. For loopback addresses only."""

from . import deliveries, state
from .door import Control, answer

__all__ = ["Control", "answer", "deliveries", "state"]
