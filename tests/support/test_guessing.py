"""What a ticket might be about."""

import pytest

from support.guessing import guess_cause


@pytest.mark.parametrize(
    ("subject", "words", "cause"),
    [
        ("401 since today", "pip says: Unauthorized. Was our subscription not renewed?", "billing"),
        ("Invoice", "Could you send us a receipt with our VAT number?", "billing"),
        ("It hangs", "Traceback (most recent call last): …", "bug"),
        ("Does not start", "pip: No matching distribution found, behind a proxy", "environment"),
        ("Cron jobs", "How do I run a job every minute? Is there a way?", "how-to"),
        ("Sharding", "It would be great to have support for Valkey.", "feature"),
        ("How do I report this?", "An SQL injection in the dashboard", "security"),
        ("Hello", "Just wanted to say thanks.", ""),
        ("", "", ""),
        ("The pipeline", "An installment of the priceless uvula", ""),
    ],
)
def test_the_words_say_what_it_might_be(subject: str, words: str, cause: str):
    assert guess_cause(subject, words) == cause


def test_a_long_line_costs_nothing():
    assert guess_cause("x " * 200, "how can is there a " * 100_000) == "how-to"
