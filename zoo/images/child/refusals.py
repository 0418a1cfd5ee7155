"""Why a picture is not read: the one exception of the child, and what its sentences share."""

from __future__ import annotations

LONGEST_REASON = 200


class Refused(Exception):  # noqa: N818 - an answer, not a fault
    """A picture that cannot be read; `code` is one of `IMAGE_CODES`."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def damaged(reason: str) -> Refused:
    """The refusal of a picture that is not whole."""
    return Refused("truncated_image", f"the picture is cut off or damaged: {reason}")


def unread(kind: str, reason: str) -> Refused:
    """The refusal of a picture of one of our formats in a variant that is not read."""
    return Refused(
        "unsupported_format",
        f"this kind of {kind} is not read: {reason}; save it as an 8-bit PNG or JPEG",
    )


def first_line(error: Exception) -> str:
    """An error's text, short and on one line."""
    return (str(error).splitlines() or [type(error).__name__])[0][:LONGEST_REASON]
