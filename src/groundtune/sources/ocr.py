"""Pictures of text, read by tesseract where it is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from typing import TYPE_CHECKING

from groundtune.sources.converted import Reader
from groundtune.sources.failure import Unusable

if TYPE_CHECKING:
    from pypdfium2 import PdfPage

__all__ = ["OCR_HINT", "recognised"]

OCR_HINT = (
    "Install tesseract with the language of ocr_language under [knowledge], or raise convert_seconds where it is "
    "installed, and sync again."
)
_DOTS_PER_POINT = 300 / 72


def recognised(page: PdfPage, reader: Reader, deadline: float) -> list[str]:
    """The lines that tesseract reads on a page; none where it is not installed, too slow, or the page is blank.

    Args:
        page: The page.
        reader: Says the language.
        deadline: On the monotonic clock: no reading goes on beyond it.

    Raises:
        Unusable: when tesseract fails, for example because a language is missing.
    """
    program = shutil.which("tesseract")
    seconds = deadline - time.monotonic()
    if program is None or seconds <= 0 or not any(True for _ in page.get_objects()):
        return []
    picture = page.render(scale=_DOTS_PER_POINT, grayscale=True)
    rows = bytes(picture.buffer)
    pixels = b"".join(rows[row * picture.stride :][: picture.width] for row in range(picture.height))
    try:
        done = subprocess.run(
            [program, "stdin", "stdout", "-l", reader.ocr_language, "--psm", "1"],
            input=b"P5 %d %d 255\n" % (picture.width, picture.height) + pixels,
            # Its threads cost more than they bring when several files are read at a time.
            env={**os.environ, "OMP_THREAD_LIMIT": "1"},
            capture_output=True,
            check=False,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired:
        return []
    if done.returncode:
        told = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise Unusable(f"tesseract failed on it: {told[-1] if told else done.returncode}", OCR_HINT, "image_only")
    return [line for line in done.stdout.decode("utf-8", "replace").splitlines() if line.strip()]
