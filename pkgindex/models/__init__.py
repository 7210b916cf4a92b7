"""What is in the index, and who may publish it."""

from pkgindex.models.catalog import (
    Download,
    File,
    Project,
    Release,
    ReservedName,
    UsageSpool,
    UsedFilename,
    counting_moment,
    is_normalized,
    normalize_name,
)
from pkgindex.models.publishing import TrustedPublisher, UploadToken

__all__ = [
    "Download",
    "File",
    "Project",
    "Release",
    "ReservedName",
    "TrustedPublisher",
    "UploadToken",
    "UsageSpool",
    "UsedFilename",
    "counting_moment",
    "is_normalized",
    "normalize_name",
]
