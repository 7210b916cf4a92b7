from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Count, ManyToManyField, QuerySet
from django.forms import CheckboxSelectMultiple, ModelForm
from django.http import HttpRequest
from django.utils import timezone

from lib.admin import ReadOnlyAdmin
from licenses.generation import raise_generation
from pkgindex import yanking
from pkgindex.models import (
    Download,
    File,
    Project,
    Release,
    ReservedName,
    TrustedPublisher,
    UploadToken,
)
from pkgindex.projects import open_project
from pkgindex.staging import release_staged
from pkgindex.trusted.minting import revoke_publisher
from pkgindex.upload_tokens import create_upload_token, revoke_upload_token


class IndexedAdmin(admin.ModelAdmin):
    """What is edited here is on the pages of the index: each change goes into its snapshot."""

    # Django's two boxes of names cannot be used with a screen reader.
    formfield_overrides: ClassVar[dict[Any, Any]] = {
        ManyToManyField: {"widget": CheckboxSelectMultiple}
    }

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: Any) -> None:
        """The last step of adding and changing, in the page's transaction."""
        super().save_related(request, form, formsets, change)
        raise_generation()

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        super().delete_model(request, obj)
        raise_generation()

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        with transaction.atomic():
            super().delete_queryset(request, queryset)
            raise_generation()


class KeptAdmin(IndexedAdmin):
    """What was published stays: a deleted name could be taken by somebody else."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Project)
class ProjectAdmin(KeptAdmin):
    list_display = ["name", "is_public", "granted_by", "status", "release_count"]
    list_filter = ["is_public", "status"]
    search_fields = ["name", "normalized_name"]
    fields = ["name", "is_public", "tiers", "status", "status_reason"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Project]:
        projects = Project.objects.annotate(releases_made=Count("releases"))
        return projects.prefetch_related("tiers__product")

    def get_readonly_fields(self, request: HttpRequest, obj: Project | None = None) -> list[str]:
        return ["name"] if obj else []

    def save_model(self, request: HttpRequest, obj: Project, form: ModelForm, change: Any) -> None:
        """A name that is there already, in whatever spelling, is opened again."""
        project = obj if change else open_project(obj.name, at=obj.created_at)
        Project.objects.filter(pk=project.pk).update(
            is_public=obj.is_public, status=obj.status, status_reason=obj.status_reason
        )
        obj.pk = project.pk
        obj.refresh_from_db()

    @admin.display(description="granted by")
    def granted_by(self, project: Project) -> str:
        return ", ".join(str(tier) for tier in project.tiers.all())

    @admin.display(description="releases")
    def release_count(self, project: Any) -> int:
        count: int = project.releases_made
        return count


@admin.register(Release)
class ReleaseAdmin(KeptAdmin):
    """Yank a release by giving it the moment, and the reason that installers print."""

    list_display = [
        "__str__", "is_staged", "released_at", "backported_to", "yanked_at", "yank_reason",
    ]  # fmt: skip
    list_filter = ["is_staged", "project", "yanked_at"]
    list_select_related = ["project"]
    search_fields = ["project__name", "version"]
    date_hierarchy = "released_at"
    readonly_fields = ["project", "version", "is_staged", "released_at"]
    actions = ["release", "yank", "unyank"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    @admin.action(description="Release what is staged of the selected")
    def release(self, request: HttpRequest, queryset: QuerySet[Release]) -> None:
        for row in queryset:
            if release_staged(row.pk, at=timezone.now()):
                self.log_change(request, row, "released")

    @admin.action(description="Yank the selected releases")
    def yank(self, request: HttpRequest, queryset: QuerySet[Release]) -> None:
        for release in queryset:
            yanking.yank_release(release.pk, reason=release.yank_reason, at=timezone.now())
            self.log_change(request, release, "yanked")

    @admin.action(description="Offer the selected releases again")
    def unyank(self, request: HttpRequest, queryset: QuerySet[Release]) -> None:
        for release in queryset:
            yanking.unyank_release(release.pk)
            self.log_change(request, release, "offered again")


@admin.register(File)
class FileAdmin(KeptAdmin):
    """Yank a single file by giving it the moment, and the reason that installers print."""

    list_display = ["filename", "packagetype", "size", "yanked_at", "uploaded_at"]
    list_filter = ["packagetype", "yanked_at", "release__project"]
    search_fields = ["filename", "sha256"]
    date_hierarchy = "uploaded_at"
    readonly_fields = [
        "release", "filename", "packagetype", "size", "sha256", "blake2_256", "requires_python",
        "metadata_sha256", "uploaded_at",
    ]  # fmt: skip

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


@admin.register(Download)
class DownloadAdmin(ReadOnlyAdmin):
    """Who fetched what, with which installer: filter by project, search for the customer."""

    list_display = ["day", "customer", "file", "client", "count"]
    list_filter = ["file__release__project"]
    list_select_related = ["customer", "file"]
    search_fields = ["customer__name", "customer__contacts__email", "file__filename", "client"]
    date_hierarchy = "day"


@admin.register(ReservedName)
class ReservedNameAdmin(IndexedAdmin):
    list_display = ["__str__"]
    search_fields = ["normalized_name"]


@admin.register(UploadToken)
class UploadTokenAdmin(KeptAdmin):
    list_display = ["__str__", "created_at", "expires_at", "revoked_at", "last_used_at"]
    fields = ["name", "projects", "expires_at"]
    actions = ["revoke"]

    def has_change_permission(self, request: HttpRequest, obj: UploadToken | None = None) -> bool:
        """A token is made and revoked; what it may do is never changed under its users."""
        return obj is None

    def save_model(
        self, request: HttpRequest, obj: UploadToken, form: ModelForm, change: Any
    ) -> None:
        row, secret = create_upload_token(obj.name, at=timezone.now(), expires_at=obj.expires_at)
        obj.pk = row.pk
        obj.refresh_from_db()
        messages.success(request, f"The token, shown now and never again: {secret}")

    @admin.action(description="Revoke the selected tokens")
    def revoke(self, request: HttpRequest, queryset: QuerySet[UploadToken]) -> None:
        for token in queryset:
            revoke_upload_token(token.pk, at=timezone.now())


@admin.register(TrustedPublisher)
class TrustedPublisherAdmin(KeptAdmin):
    """A workflow that publishes without a stored secret. It is made and revoked, never changed."""

    list_display = ["__str__", "kind", "environment", "repository_id", "created_at", "revoked_at"]
    fields = ["kind", "issuer", "repository", "workflow", "environment", "projects"]
    actions = ["revoke"]

    def has_change_permission(
        self, request: HttpRequest, obj: TrustedPublisher | None = None
    ) -> bool:
        return obj is None

    @admin.action(description="Revoke the selected publishers and the tokens they have")
    def revoke(self, request: HttpRequest, queryset: QuerySet[TrustedPublisher]) -> None:
        for publisher in queryset:
            revoke_publisher(publisher.pk, at=timezone.now())
            self.log_change(request, publisher, "revoked")
