"""Who signed an attestation: the workflow that Sigstore's Fulcio wrote into the certificate."""

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.x509 import Certificate

from pkgindex.models import TrustedPublisher
from pkgindex.trusted.identity import NotTrusted

# https://github.com/sigstore/fulcio/blob/main/docs/oid-info.md; each value is a UTF8String.
_FULCIO = "1.3.6.1.4.1.57264.1"
_ISSUER, _REPOSITORY, _SHA, _REF, _REPOSITORY_ID, _WORKFLOW = (
    x509.ObjectIdentifier(f"{_FULCIO}.{number}") for number in (8, 12, 13, 14, 15, 18)
)
_GITHUB = "https://github.com"


def check_signer(certificate: Certificate, publisher: TrustedPublisher) -> None:
    """Raises NotTrusted unless the certificate names the workflow that *publisher* is.

    The same facts that its token was given for: issuer, repository and its id, and the file of
    the workflow at the commit or the ref that the certificate names.
    """
    _compare("issuer", _claim(certificate, _ISSUER), publisher.issuer)
    repository = _claim(certificate, _REPOSITORY)
    is_github = publisher.kind == TrustedPublisher.Kind.GITHUB
    host = _GITHUB if is_github else publisher.issuer
    _compare("repository", repository.lower(), f"{host}/{publisher.repository}".lower())
    # Whoever takes over a name that its owner gave up has another id.
    _compare("repository's id", _claim(certificate, _REPOSITORY_ID), publisher.repository_id)
    folder = "/.github/workflows/" if is_github else "//"
    known = {
        f"{repository}{folder}{publisher.workflow}@{_claim(certificate, where)}"
        for where in (_SHA, _REF)
    }
    for workflow in (_claim(certificate, _WORKFLOW), _subject(certificate)):
        if workflow not in known:
            raise NotTrusted(f"the certificate is of the workflow {workflow!a:.200}")


def _compare(what: str, claimed: str, expected: str) -> None:
    if claimed != expected:
        raise NotTrusted(f"the certificate's {what} is {claimed!a:.200}, not {expected!a}")


def _claim(certificate: Certificate, oid: x509.ObjectIdentifier) -> str:
    try:
        extension = certificate.extensions.get_extension_for_oid(oid).value
        assert isinstance(extension, x509.UnrecognizedExtension)
        return asn1.decode_der(str, extension.value)
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError) as error:
        raise NotTrusted(f"the certificate has no claim {oid.dotted_string}") from error


def _subject(certificate: Certificate) -> str:
    """The only name in it, a URI."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        (uri,) = names.get_values_for_type(x509.UniformResourceIdentifier)
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError) as error:
        raise NotTrusted("the certificate does not name one workflow") from error
    return uri
