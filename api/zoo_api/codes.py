"""Which error codes an answer may have, by status: what each part of a contract adds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from zoo.errors import IMAGE_CODES, TEXT_CODES

Codes: TypeAlias = Mapping[int, Sequence[str]]

ALWAYS: Codes = {
    400: ("bad_request",),
    403: ("foreign_host", "foreign_origin"),
    500: ("internal_error", "damaged_database"),
    503: ("database_busy", "database_unavailable", "wrong_schema"),
}
KEYED: Codes = {401: ("key_required", "invalid_key", "session_ended"), 403: ("scope_missing",)}
LIMITED: Codes = {429: ("rate_limited",)}
WRITES: Codes = {409: ("concurrent_change",)}
NAMES: Codes = {404: ("unknown_route",), 422: ("value_not_storable",)}
FIELDS: Codes = {422: ("invalid", "value_not_storable")}
BODY: Codes = {
    408: ("request_timeout",),
    413: ("request_too_large",),
    415: ("unsupported_media_type",),
}
JSON: Codes = {400: ("malformed_json",), 422: ("not_finite",)}
PICTURES: Codes = {
    422: (
        "images_not_supported",
        "invalid_data_uri",
        "no_files",
        "text_not_supported",
        "too_many_images",
        "unknown_field",
        *sorted(IMAGE_CODES),
    )
}
TEXTS: Codes = {422: sorted(TEXT_CODES)}
FILES: Codes = {
    400: ("malformed_multipart",),
    422: ("no_files",),
    503: ("content_collected", "storage_unavailable"),
    507: ("disk_full",),
}
KEPT: Codes = {500: ("damaged_file",), 503: ("storage_unavailable",)}
"""Reading a file of record."""
REFERRED: Codes = {409: ("file_changed",), 410: ("file_missing",)}
"""Reading an original by reference."""
PAGES: Codes = {422: ("invalid_cursor",)}
ONCE: Codes = {422: ("idempotency_key_reused", "invalid_idempotency_key")}
QUEUED: Codes = {429: ("queue_full",)}
MODEL: Codes = {
    404: ("unknown_model",),
    422: ("plugin_failed",),
    503: ("plugin_pending",),
}
"""What a name of the registry may end with."""
PREDICTED: Codes = {
    503: (
        "decoder_unavailable",
        "model_crashed",
        "predictor_busy",
        "predictor_incomplete",
        "predictor_unavailable",
    )
}
BUILT: Codes = {
    404: (*MODEL[404], "unknown_architecture", "unknown_weights"),
    422: (*MODEL[422], "duplicate_plugin", "plugin_not_installed", "weights_unavailable"),
    503: (*MODEL[503], *PREDICTED[503]),
}
"""What a backbone that has to be built may end with."""
STOOD_ON: Codes = {**BUILT, 404: (*BUILT[404], "unknown_alias", "unknown_version")}
"""The same, where the network of a version of one's own is meant too."""
OWN_OR_BUILT: Codes = {**STOOD_ON, 409: ("incompatible_space",)}
"""The same, where the version's head is meant with it."""


def merge(*groups: Codes) -> dict[int, list[str]]:
    """All codes of all groups, each once, by status."""
    statuses = sorted({status for group in groups for status in group})
    return {
        status: sorted({code for group in groups for code in group.get(status, ())})
        for status in statuses
    }
