"""Making a trace from labelled pictures, and reading it back."""

from __future__ import annotations

from tinydrop.tracing.files import read_trace
from tinydrop.tracing.make import CHUNK, Progress, TraceStoppedError, make_trace
from tinydrop.tracing.offered import (
    Offered,
    data_notes,
    library_versions,
    match_pair,
    offered_pictures,
)

__all__ = [
    "CHUNK",
    "Offered",
    "Progress",
    "TraceStoppedError",
    "data_notes",
    "library_versions",
    "make_trace",
    "match_pair",
    "offered_pictures",
    "read_trace",
]
