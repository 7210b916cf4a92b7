"""Years of business in minutes: people buy, cancel and dispute, cards fail, webhooks get lost."""
