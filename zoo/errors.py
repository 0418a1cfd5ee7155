"""The one error tree of FeatureZoo.

    ZooError                    everything that the zoo itself raises
    ├── NotFoundError           a name that does not exist; carries the nearest ones that do
    ├── InvalidError            input that can never work as given
    │   └── ContentError        bytes that cannot be embedded; they fail alone
    │       ├── ImageError      bytes that are not a picture the zoo can read
    │       └── TextError       bytes that are not a text the zoo can read
    ├── ConflictError           right input at the wrong time, or against what exists
    ├── UnavailableError        a part that is needed does not answer; try again later
    ├── DamagedError            a file of record whose checksum no longer holds
    ├── PluginError             plugin code that failed; carries the plugin's name
    │   └── WeightsUnavailableError   weights that are neither on this machine nor obtainable
    ├── ClaimLostError          a claim that was given to somebody else meanwhile
    └── StartError              a process that cannot start as configured

Every error has a `code` from a closed list (see GLOSSARY.md) and a sentence that says what was
wrong, what was given and what would be right. HTTP statuses are the API's business.
"""

import re
from collections.abc import Sequence

_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")
"""What no database keeps in a text: NUL, and halves of surrogate pairs."""


def storable(text: str) -> str:
    """The text as the catalog can keep it; a stranger's message may hold what it cannot."""
    return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text)


class ZooError(Exception):
    """Base of all errors raised by the zoo; `code` is stable, the sentence is for people."""

    code = "internal_error"

    def __init__(self, detail: str, *, code: str | None = None) -> None:
        self.detail = storable(detail)
        super().__init__(self.detail)
        self.code = code or type(self).code


class NotFoundError(ZooError):
    """A name that does not exist; `nearest` holds existing names that look like it."""

    code = "not_found"

    def __init__(
        self, detail: str, *, code: str | None = None, nearest: Sequence[str] = ()
    ) -> None:
        super().__init__(detail, code=code)
        self.nearest = tuple(nearest)


class InvalidError(ZooError):
    """Input that can never work as given; `field` names the offending part where there is one."""

    code = "invalid"

    def __init__(self, detail: str, *, code: str | None = None, field: str | None = None) -> None:
        super().__init__(detail, code=code)
        self.field = field


class ContentError(InvalidError):
    """Bytes that cannot be embedded; what came with them can, all the same."""

    code = "unreadable_content"


class ImageError(ContentError):
    """Bytes that are not a picture the zoo can read; `code` is one of `IMAGE_CODES`."""

    code = "not_an_image"


class TextError(ContentError):
    """Bytes that are not a text the zoo can read; `code` is one of `TEXT_CODES`."""

    code = "not_text"


IMAGE_CODES = frozenset(
    {
        "not_an_image",
        "empty_file",
        "truncated_image",
        "unsupported_format",
        "too_many_pixels",
        "file_too_large",
        "decoder_crashed",
        "decoder_timeout",
        "decoder_out_of_memory",
        "unsafe_path",
        "not_a_file",
        "encrypted",
        "archive_too_large",
        "damaged_archive",
        "damaged_file",
        "file_changed",
        "file_missing",
        "file_unreadable",
        "invalid_manifest",
        "invalid_manifest_row",
        "no_label",
        "unusable_name",
    }
)
"""Why a single input can fail; a job goes on with the others."""

TEXT_CODES = frozenset({"not_text", "empty_text", "text_too_long"})
"""Why a text can fail besides."""


class ConflictError(ZooError):
    """Right input at the wrong time, or against what exists already."""

    code = "conflict"


class UnavailableError(ZooError):
    """A part that is needed does not answer now; `retry_after_s` says when to try again."""

    code = "unavailable"

    def __init__(self, detail: str, *, code: str | None = None, retry_after_s: int = 2) -> None:
        super().__init__(detail, code=code)
        self.retry_after_s = retry_after_s


class DamagedError(ZooError):
    """A file of record that is missing or whose checksum no longer holds."""

    code = "damaged_file"


class PluginError(ZooError):
    """Plugin code that failed; `plugin` is the name of its entry point."""

    code = "plugin_failed"

    def __init__(self, detail: str, *, plugin: str, code: str | None = None) -> None:
        super().__init__(detail, code=code)
        self.plugin = plugin


class WeightsUnavailableError(PluginError):
    """Weights that are not on this machine; the sentence says how to get them."""

    code = "weights_unavailable"


class ClaimLostError(ZooError):
    """A shard that was given to another worker, cancelled or finished meanwhile."""

    code = "claim_lost"


class StartError(ZooError):
    """A process that cannot start as configured; the sentence is all that the user sees."""

    code = "cannot_start"
