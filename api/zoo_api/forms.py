"""Forms that say what is wrong with them, where Flask's own take a broken one for an empty one."""

from __future__ import annotations

from typing import Any

from flask import Request
from werkzeug.formparser import FormDataParser

from zoo.errors import InvalidError


def malformed(error: ValueError) -> InvalidError:
    """The refusal of a form that cannot be read."""
    return InvalidError(f"the multipart body is malformed: {error}", code="malformed_multipart")


class _LoudParser(FormDataParser):
    def __init__(self, *args: Any, **options: Any) -> None:  # werkzeug's own
        super().__init__(*args, **options)
        self.silent = False

    def parse(self, *args: Any, **options: Any) -> Any:
        try:
            return super().parse(*args, **options)
        except ValueError as error:
            raise malformed(error) from error


class LoudRequest(Request):
    """A request whose form is read, or refused as `malformed_multipart`."""

    form_data_parser_class = _LoudParser
