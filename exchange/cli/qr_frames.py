"""QR texts as pictures made of characters, for a terminal that a camera looks at.

Rules:
    * Drawn outside the cold room: the library loads code that knows sockets, so whoever draws holds no key.
    * All frames of a series have the same size, or the picture would jump.

Example:
    for frame in frames(split(raw, 800)): terminal.write(frame)
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import segno

from custody.primitives.errors import LimitExceeded

MAX_VERSION = 40


def frames(texts: Sequence[str]) -> tuple[str, ...]:
    """Draw each text as a QR code of two lines of dots to a line of text, error correction L.

    Raises:
        LimitExceeded: A text is longer than the largest code holds.
    """
    try:
        version = max((int(segno.make_qr(text, error="l", boost_error=False).version) for text in texts), default=1)
        codes = [segno.make_qr(text, version=version, error="l", boost_error=False) for text in texts]
    except segno.DataOverflowError as error:
        raise LimitExceeded("a QR text is longer than the largest code holds", limit=MAX_VERSION) from error
    return tuple(_draw(code) for code in codes)


def _draw(code: segno.QRCode) -> str:
    out = io.StringIO()
    code.terminal(out, compact=True)
    return out.getvalue()
