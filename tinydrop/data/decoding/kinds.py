"""What a file is, by its first bytes: which of the accepted kinds, or what else and what to do."""

from __future__ import annotations

from tinydrop.core.errors import PictureError

EXPECTED_PICTURE = "a JPEG, PNG, WebP, GIF, BMP or TIFF picture"

_ACCEPTED: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"II+\x00", "TIFF"),
    (b"MM\x00+", "TIFF"),
)
_AS_JPEG = "export the picture as JPEG or PNG"
_REFUSED: tuple[tuple[bytes, str, str], ...] = (
    (b"\x00\x00\x00\x0cJXL ", "a JPEG XL picture", _AS_JPEG),
    (b"\xff\x0a", "a JPEG XL picture", _AS_JPEG),
    (b"\x00\x00\x00\x0cjP  ", "a JPEG 2000 picture", _AS_JPEG),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 picture", _AS_JPEG),
    (b"8BPS", "a Photoshop document", _AS_JPEG),
    (b"\x00\x00\x01\x00", "an icon", _AS_JPEG),
    (b"%PDF", "a PDF document", "export the page as PNG"),
    (b"%!PS", "a PostScript document", "export the page as PNG"),
    (b"PK\x03\x04", "a ZIP archive", "unpack it and give one picture"),
    (b"\x1f\x8b", "a gzip archive", "unpack it and give one picture"),
    (b"\x1aE\xdf\xa3", "a video", "save one frame as JPEG or PNG"),
)
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}


def picture_kind(data: bytes, name: str) -> str:
    """Return JPEG, PNG, GIF, BMP, TIFF or WebP; PictureError for any other kind of file."""
    for magic, kind in _ACCEPTED:
        if data.startswith(magic):
            return kind
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP"
    kind, advice = _describe(data)
    raise PictureError(f"'{name}' is {kind}, but {EXPECTED_PICTURE} is needed; {advice}.")


def file_kind(head: bytes) -> tuple[str, bool]:
    """Return what a file is by its first 4,096 bytes, and whether it is a picture to be read."""
    try:
        return picture_kind(head, ""), True
    except PictureError:
        return _describe(head)[0], False


def _describe(data: bytes) -> tuple[str, str]:
    """Return what a file that is not accepted seems to be, and what to do about it."""
    for magic, kind, advice in _REFUSED:
        if data.startswith(magic):
            return kind, advice
    if data[4:8] == b"ftyp":
        brands = {data[8:12]} | {data[at : at + 4] for at in range(16, min(len(data), 64), 4)}
        if brands & {b"avif", b"avis"}:
            return "an AVIF picture", _AS_JPEG
        if brands & _HEIC_BRANDS or data[8:12] in (b"mif1", b"msf1"):
            return "a HEIC picture", "export it as JPEG"
        return "a video", "save one frame as JPEG or PNG"
    start = data[:4096].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if b"<svg" in start and start.startswith(b"<"):
        return "an SVG drawing and not a photograph", "export it as PNG"
    if start.startswith((b"<!doctype html", b"<html")):
        return "a web page", "save the picture itself from the page"
    return "not a picture that can be read", "open it in a picture viewer and export it as JPEG"
