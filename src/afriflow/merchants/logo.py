"""What of an uploaded picture becomes a logo: never the bytes that came, but a small picture drawn anew from them.

Only PNG, JPEG and WebP are read, whose pictures hold no script; what else a file holds (a place where a photo was taken,
a second file behind the picture) stays behind with it.
"""

import io

from PIL import Image, ImageOps

from afriflow.core.errors import FieldError, InvalidRequest

MEDIA_TYPE = "image/webp"
_FORMATS = ("PNG", "JPEG", "WEBP")
# As a header says it, before any pixel is unpacked: 4 megapixels are 16 MB of memory.
_SIDE_MAX = 2048
_SIDE_MIN = 32
# It counts in the 30 kB of a payer's first page.
SENT_BYTES_MAX = 10 * 1024
# Width and height at most, and quality: the first that is light enough. Shown 56 px high, for screens with two and a
# half dots a pixel; a picture that is all noise has to do with fewer.
_DRAWN = (((400, 140), 86), ((400, 140), 70), ((400, 140), 40), ((240, 84), 40), ((160, 56), 20))


def draw_logo(upload: bytes) -> bytes:
    """Draw an uploaded picture anew, as WebP; works for a while, so call it in a thread. Raises InvalidRequest."""
    try:
        with Image.open(io.BytesIO(upload), formats=_FORMATS) as picture:
            if max(picture.size) > _SIDE_MAX or min(picture.size) < _SIDE_MIN:
                bounds = {"minimum": _SIDE_MIN, "maximum": _SIDE_MAX}
                raise InvalidRequest([FieldError("/logo", "picture_size", bounds)])
            drawn = ImageOps.exif_transpose(picture).convert("RGBA")
    except (
        OSError,
        ValueError,
        SyntaxError,
        Image.DecompressionBombError,
        Image.DecompressionBombWarning,
    ) as error:
        raise InvalidRequest([FieldError("/logo", "not_a_picture")]) from error
    sent = io.BytesIO()
    for size, quality in _DRAWN:
        drawn.thumbnail(size)
        sent = io.BytesIO()
        drawn.save(sent, "WEBP", quality=quality, method=6)
        if sent.tell() <= SENT_BYTES_MAX:
            break
    return sent.getvalue()
