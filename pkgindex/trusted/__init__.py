"""Publishing without a stored secret: a job proves by a signed identity (OIDC) which workflow of
which repository it is, and gets an upload token for a quarter of an hour.

`identity` reads and verifies the proof, `issuer_keys` fetches the issuer's keys, `minting` finds
the publisher that the owner configured and makes the token.
"""
