"""Give the job of a trusted workflow an upload token, and take it back when it is done."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q

from lib.tokens import digest_of
from pkgindex.models import TrustedPublisher, UploadToken
from pkgindex.trusted.identity import Identity, NotTrusted, read_identity
from pkgindex.upload_tokens import create_upload_token, revoke_upload_token

LIFETIME = timedelta(minutes=15)
# A workflow that this starts runs with the owner's rights on what a stranger proposed.
_FOREIGN_EVENTS = {"pull_request_target"}
_ID_CLAIMS = {"github": "repository_id", "gitlab": "project_id"}


def mint_upload_token(proof: str, *, at: datetime) -> str:
    """The secret of an upload token for what the identity in *proof* may publish.

    Each identity is good once. Raises NotTrusted, or KeysUnavailable; then there is no token.
    """
    publishers = TrustedPublisher.objects.usable()
    issuers = {publisher.issuer: publisher.keys_url for publisher in publishers}
    identity = read_identity(proof, issuers=issuers, audience=settings.HOST, at=at)
    for publisher in publishers:
        if _is_of(publisher, identity):
            return _mint(publisher, identity, at)
    raise NotTrusted(
        f"No trusted publisher is configured for {_shown(identity)}. Its repository, workflow"
        " and environment must be those of one that the shop's owner has set up."
    )


@transaction.atomic
def _mint(publisher: TrustedPublisher, identity: Identity, at: datetime) -> str:
    _check_repository_id(publisher, identity)
    project_ids = list(publisher.projects.values_list("pk", flat=True))
    try:
        with transaction.atomic():
            _, secret = create_upload_token(
                f"{publisher}"[:80],
                at=at,
                project_ids=project_ids,
                expires_at=at + LIFETIME,
                publisher=publisher,
                minted_from=identity.digest,
            )
    except IntegrityError as error:
        raise NotTrusted("This identity was used before; a job must ask for a new one.") from error
    return secret


def burn_upload_token(secret: str, *, at: datetime) -> None:
    """The job is done; its token opens nothing from now on. Others are left as they are."""
    minted = UploadToken.objects.filter(digest=digest_of(secret), publisher__isnull=False)
    for token in minted:
        revoke_upload_token(token.pk, at=at)


@transaction.atomic
def revoke_publisher(publisher_id: int, *, at: datetime) -> None:
    """Trust it no more, nor the tokens that it has. Told twice, the first moment stands."""
    publishers = TrustedPublisher.objects.filter(pk=publisher_id, revoked_at__isnull=True)
    publishers.update(revoked_at=at)
    tokens = UploadToken.objects.filter(publisher_id=publisher_id, revoked_at__isnull=True)
    tokens.update(revoked_at=at)


def _check_repository_id(publisher: TrustedPublisher, identity: Identity) -> None:
    """The first job fixes the repository's id, for good."""
    number = identity.text(_ID_CLAIMS[publisher.kind])
    if not number:
        raise NotTrusted("The identity does not say the id of its repository.")
    same = Q(repository_id="") | Q(repository_id=number)
    if (
        not TrustedPublisher.objects.usable()
        .filter(same, pk=publisher.pk)
        .update(repository_id=number)
    ):
        raise NotTrusted(
            f"{publisher.repository} is another repository than it was, though of the same name."
        )


def _is_of(publisher: TrustedPublisher, identity: Identity) -> bool:
    if publisher.issuer != identity.issuer:
        return False
    environment = identity.text("environment").lower()
    if publisher.environment and publisher.environment.lower() != environment:
        return False
    if publisher.kind == TrustedPublisher.Kind.GITHUB:
        return _is_of_github(publisher, identity)
    return _is_of_gitlab(publisher, identity)


def _is_of_github(publisher: TrustedPublisher, identity: Identity) -> bool:
    """`owner/name/.github/workflows/release.yml@refs/heads/main`, compared as a whole: a file's
    name may have an @ in it, too.
    """
    repository = identity.text("repository")
    path = f"{repository}/.github/workflows/{publisher.workflow}"
    return (
        repository.lower() == publisher.repository.lower()
        and identity.text("job_workflow_ref") in _at_refs(path, identity, "ref", "sha")
        and identity.text("event_name") not in _FOREIGN_EVENTS
    )


def _is_of_gitlab(publisher: TrustedPublisher, identity: Identity) -> bool:
    """`gitlab.example/group/project//.gitlab-ci.yml@refs/heads/main`."""
    project = identity.text("project_path")
    path = f"{publisher.issuer.partition('://')[2]}/{project}//{publisher.workflow}"
    return project.lower() == publisher.repository.lower() and identity.text(
        "ci_config_ref_uri"
    ) in _at_refs(path, identity, "ref_path", "sha")


def _at_refs(path: str, identity: Identity, *names: str) -> set[str]:
    return {f"{path}@{identity.text(name)}" for name in names if identity.text(name)}


def _shown(identity: Identity) -> str:
    names = ("repository", "project_path", "job_workflow_ref", "ci_config_ref_uri", "environment")
    said = [f"{name} {identity.text(name)!a}" for name in names if identity.text(name)]
    return ", ".join(said)[:500] or "this identity"
