"""Photo files to pixels: size, type and pixel count are checked before anything is decoded."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from oceanclean.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

#: Types that are read, by what the bytes are and not by what the name says.
TYPES = ("JPEG", "PNG", "WEBP")
#: Suffixes by which photos are found in a folder.
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
#: Largest file (bytes) and largest picture (pixels): a phone's 108-megapixel photo fits, a pixel bomb does not.
MAX_BYTES, MAX_PIXELS = 50_000_000, 120_000_000


def open_photo(
    path: Path, *, max_bytes: int = MAX_BYTES, max_pixels: int = MAX_PIXELS, longest: int | None = None
) -> Image:
    """Open a photo upright, as RGB.

    Args:
        path: the file.
        max_bytes: larger files are refused unread.
        max_pixels: larger pictures are refused from their header, before their pixels are unpacked.
        longest: a JPEG may be decoded smaller, down to this many pixels on its long side, which is quicker.

    Returns:
        The picture, turned as its EXIF says, without metadata.

    Raises:
        InputError: absent, too large, of another type, or damaged.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        size = path.stat().st_size
        if size > max_bytes:
            raise InputError(path, "size", f"{size} bytes", f"at most {max_bytes}", "Send a smaller photo.")
        with warnings.catch_warnings():
            # Pillow's own warning at 89 megapixels; the bound here is stricter and an error.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path, formats=TYPES) as opened:
                width, height = opened.size
                if width * height > max_pixels:
                    raise InputError(path, "pixels", f"{width} × {height}", f"at most {max_pixels} in all",
                                     "Send a smaller photo.")  # fmt: skip
                if longest is not None:
                    opened.draft("RGB", (longest, longest))
                upright = ImageOps.exif_transpose(opened).convert("RGB")
    except UnidentifiedImageError as error:
        raise InputError(path, "type", "not a picture that is read", f"one of {', '.join(TYPES)}",
                         "Save it as JPEG or PNG.") from error  # fmt: skip
    except Image.DecompressionBombError as error:
        raise InputError(path, "pixels", error, f"at most {max_pixels}", "Send a smaller photo.") from error
    except (OSError, ValueError, SyntaxError) as error:
        raise InputError(path, "photo", str(error)[:200] or type(error).__name__, "a readable picture",
                         "Replace or remove the file.") from error  # fmt: skip
    upright.info.clear()
    return upright


def as_square(picture: Image, edge: int) -> NDArray[np.uint8]:
    """Pixels (edge, edge, 3) of a whole photo squeezed to a square: nothing of it is cut off."""
    from PIL import Image

    return np.asarray(picture.resize((edge, edge), Image.Resampling.BICUBIC, reducing_gap=3.0), np.uint8)
