"""Events on their way to the endpoints: signed, queued, pushed with retries or taken by a test."""
