"""What a content is, and what a model forwards of it: pixels or a text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoo.backbone import IMAGE, TEXT
from zoo.errors import TextError
from zoo.images.formats import media_type
from zoo.texts import decode_text, is_text

if TYPE_CHECKING:
    from zoo.images.sandbox import Decoded, PictureDecoder
    from zoo.inference.models import LoadedModel


def read_content(content: bytes, *, model: LoadedModel, sandbox: PictureDecoder) -> Decoded | str:
    """The picture's pixels or the text, as the model takes; raises `ContentError`.

    A model of one tower takes everything for its own kind. One of both takes for a picture what
    begins like one and cannot be read as a text.
    """
    if tower_for(content, model=model) == IMAGE:
        return sandbox.decode(content, model.image_preprocessing)
    if not content:
        raise TextError("the file is empty", code="empty_file")
    return decode_text(content)


def tower_for(content: bytes, *, model: LoadedModel) -> str:
    """The tower that a content goes through."""
    towers = model.detail.towers
    if TEXT not in towers:
        return IMAGE
    if IMAGE not in towers:
        return TEXT
    return IMAGE if media_type(content) and not is_text(content) else TEXT
