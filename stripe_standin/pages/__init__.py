"""The pages that Stripe hosts, plain HTML without scripts."""
