"""Untrusted files and bytes to an upright 8-bit RGB picture; the only door to PIL's decoders.

No decoder ever sees what somebody sent. The file's structure is read first, by code of this room
that looks at no pixel: it tells the size, the kind of pixels, the scans and the rotation, and what
decoding would need; what is too much is refused there. What goes on is a rewritten file that holds
the first picture and nothing else: no comment, no profile, no table of a million entries.
"""

from __future__ import annotations

from tinydrop.data.decoding.budget import MAX_DECODE_BYTES, MAX_HEADER_PIXELS, MAX_PIXELS
from tinydrop.data.decoding.convert import upright_rgb
from tinydrop.data.decoding.decode import decode
from tinydrop.data.decoding.files import MAX_FILE_BYTES, display_name, read_file
from tinydrop.data.decoding.kinds import EXPECTED_PICTURE, file_kind

__all__ = [
    "EXPECTED_PICTURE",
    "MAX_DECODE_BYTES",
    "MAX_FILE_BYTES",
    "MAX_HEADER_PIXELS",
    "MAX_PIXELS",
    "decode",
    "display_name",
    "file_kind",
    "read_file",
    "upright_rgb",
]
