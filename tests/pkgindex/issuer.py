"""An issuer of identities on loopback: it signs what a test claims, and shows its keys."""

import base64
import http.server
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

KEY_ID = "test-1"


@lru_cache
def key(name: str) -> rsa.RSAPrivateKey:
    """One key for each name, for the whole run: making one takes a while."""
    return rsa.generate_private_key(65537, 2048)


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sign(
    claims: dict[str, Any], *, by: str = "issuer", header: dict[str, Any] | None = None
) -> str:
    """The claims as a JSON web token."""
    head = {"alg": "RS256", "typ": "JWT", "kid": KEY_ID} | (header or {})
    signed = ".".join(encode(json.dumps(part).encode()) for part in (head, claims))
    signature = key(by).sign(signed.encode(), padding.PKCS1v15(), SHA256())
    return f"{signed}.{encode(signature)}"


def public_key() -> dict[str, str]:
    """As RFC 7517 writes it."""
    numbers = key("issuer").public_key().public_numbers()
    n, e = numbers.n.to_bytes(256), numbers.e.to_bytes(3)
    return {"kty": "RSA", "kid": KEY_ID, "use": "sig", "n": encode(n), "e": encode(e)}


@dataclass
class Issuer:
    url: str
    fetched: list[str] = field(default_factory=list)

    def gitlab(self, **claims: Any) -> dict[str, Any]:
        """What GitLab says about a job of the project hare/hare-pro on its main branch."""
        host = self.url.partition("://")[2]
        return {
            "iss": self.url,
            "aud": "127.0.0.1",
            "iat": int(time.time()),
            "exp": int(time.time()) + 300,
            "project_path": "hare/hare-pro",
            "project_id": "42",
            "ref_path": "refs/heads/main",
            "ci_config_ref_uri": f"{host}/hare/hare-pro//.gitlab-ci.yml@refs/heads/main",
            "jti": str(time.time_ns()),
        } | claims

    def github(self, **claims: Any) -> dict[str, Any]:
        workflow = "Hare/hare-pro/.github/workflows/release.yml@refs/tags/v1"
        return {
            "iss": self.url,
            "aud": "127.0.0.1",
            "iat": int(time.time()),
            "exp": int(time.time()) + 300,
            "repository": "Hare/hare-pro",
            "repository_id": "74",
            "ref": "refs/tags/v1",
            "sha": "0" * 40,
            "job_workflow_ref": workflow,
            "event_name": "push",
            "environment": "pypi",
            "jti": str(time.time_ns()),
        } | claims


@contextmanager
def running_issuer() -> Iterator[Issuer]:
    issuer = Issuer("")

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.fetched.append(self.path)
            path, _, query = self.path.partition("?audience=")
            # Jobs at GitHub ask for their identity by HTTP; those at GitLab find it in a variable.
            asked = {"value": sign(issuer.github(aud=query))}
            answer = asked if path == "/identity" else {"keys": [public_key()]}
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        issuer.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield issuer
        server.shutdown()
        thread.join()
