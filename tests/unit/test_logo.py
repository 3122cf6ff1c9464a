"""A logo is a small picture that we drew: nothing that an uploaded file held beside its pixels is left in it."""

import io
import random
import struct
import zlib

import pytest
from PIL import Image

from afriflow.core.errors import InvalidRequest
from afriflow.merchants.logo import SENT_BYTES_MAX, draw_logo


def picture(kind: str, size: tuple[int, int] = (300, 200), **how: object) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, "#c2410c").save(out, kind, **how)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_each_known_kind_becomes_a_small_webp(kind: str) -> None:
    with Image.open(io.BytesIO(draw_logo(picture(kind)))) as drawn:
        assert (drawn.format, drawn.size) == ("WEBP", (210, 140))


def test_a_wide_logo_stays_wide_and_a_transparent_one_transparent() -> None:
    out = io.BytesIO()
    Image.new("RGBA", (1600, 200), (0, 0, 0, 0)).save(out, "PNG")
    with Image.open(io.BytesIO(draw_logo(out.getvalue()))) as drawn:
        assert drawn.size == (400, 50)
        assert drawn.convert("RGBA").getpixel((1, 1))[3] == 0


def test_what_a_file_says_beside_its_pixels_is_gone() -> None:
    exif = Image.Exif()
    exif[0x010E] = "taken at home"
    upload = picture("JPEG", exif=exif, comment=b"<script>alert(1)</script>") + b"<script>alert(2)</script>"
    drawn = draw_logo(upload)
    assert b"taken at home" in upload
    assert b"taken at home" not in drawn
    assert b"script" not in drawn


def test_the_noisiest_picture_is_light_enough_for_the_first_page() -> None:
    noise = Image.frombytes("RGB", (800, 280), random.Random(1).randbytes(800 * 280 * 3))
    out = io.BytesIO()
    noise.save(out, "PNG")
    assert len(draw_logo(out.getvalue())) <= SENT_BYTES_MAX


def huge_png() -> bytes:
    """A header that promises more pixels than anybody can unpack."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"0"))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("upload", "code"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "not_a_picture"),
        (b"GIF89a" + bytes(40), "not_a_picture"),
        (picture("GIF"), "not_a_picture"),
        (picture("PNG")[:-60], "not_a_picture"),
        (picture("JPEG")[:200], "not_a_picture"),
        (huge_png(), "not_a_picture"),
        (picture("PNG", (16, 16)), "picture_size"),
        (picture("PNG", (3000, 100)), "picture_size"),
        (b"", "not_a_picture"),
    ],
)
def test_anything_else_is_refused_with_a_reason(upload: bytes, code: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        draw_logo(upload)
    assert [fault.code for fault in refused.value.errors] == [code]
