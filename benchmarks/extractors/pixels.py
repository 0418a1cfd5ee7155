"""Files to pixels without torch and without a sandbox: what decoding costs at the least."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoo.images.child.preparing import prepare
from zoo.images.child.serving import read

UNLIMITED = 1 << 40


def decoded(content: bytes, preprocessing: dict[str, Any]) -> NDArray[np.uint8]:
    """A picture `(height, width, 3)` by Pillow, the same pixels as in the service's sandbox."""
    image = read(content, max_pixels=UNLIMITED)
    return np.asarray(prepare(image, preprocessing, max_pixels=UNLIMITED))
