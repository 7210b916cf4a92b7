from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils import timezone

from lib.admin import ReadOnlyAdmin
from pkgindex.models import File, Project, Release, ReservedName, UploadToken
from pkgindex.projects import open_project
from pkgindex.upload_tokens import create_upload_token, revoke_upload_token


class KeptAdmin(admin.ModelAdmin):
    """What was published stays: a deleted name could be taken by somebody else."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Project)
class ProjectAdmin(KeptAdmin):
    list_display = ["name", "is_public", "granted_by", "release_count"]
    list_filter = ["is_public"]
    search_fields = ["name", "normalized_name"]
    filter_horizontal = ["tiers"]
    fields = ["name", "is_public", "tiers"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Project]:
        projects = Project.objects.annotate(releases_made=Count("releases"))
        return projects.prefetch_related("tiers__product")

    def get_readonly_fields(self, request: HttpRequest, obj: Project | None = None) -> list[str]:
        return ["name"] if obj else []

    def save_model(self, request: HttpRequest, obj: Project, form: ModelForm, change: Any) -> None:
        """A name that is there already, in whatever spelling, is opened again."""
        project = obj if change else open_project(obj.name, at=obj.created_at)
        Project.objects.filter(pk=project.pk).update(is_public=obj.is_public)
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

    list_display = ["__str__", "released_at", "backported_to", "yanked_at", "yank_reason"]
    list_filter = ["project", "yanked_at"]
    list_select_related = ["project"]
    search_fields = ["project__name", "version"]
    date_hierarchy = "released_at"
    readonly_fields = ["project", "version", "released_at"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


@admin.register(File)
class FileAdmin(ReadOnlyAdmin):
    list_display = ["filename", "packagetype", "size", "requires_python", "uploaded_at"]
    list_filter = ["packagetype", "release__project"]
    search_fields = ["filename", "sha256"]
    date_hierarchy = "uploaded_at"


@admin.register(ReservedName)
class ReservedNameAdmin(admin.ModelAdmin):
    list_display = ["__str__"]
    search_fields = ["normalized_name"]


@admin.register(UploadToken)
class UploadTokenAdmin(KeptAdmin):
    list_display = ["__str__", "created_at", "expires_at", "revoked_at", "last_used_at"]
    fields = ["name", "projects", "expires_at"]
    filter_horizontal = ["projects"]
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
