"""Making a trace from labelled pictures, and reading it back."""

from __future__ import annotations

from tinydrop.studies.trace.files import read_trace
from tinydrop.studies.trace.make import CHUNK, Progress, TraceStoppedError, make_trace
from tinydrop.studies.trace.offered import (
    Offered,
    data_notes,
    library_versions,
    match_pair,
    offered_pictures,
)
from tinydrop.studies.trace.provenance import FEW_PICTURES, cautions
from tinydrop.studies.trace.values import Trace, label_rank

__all__ = [
    "CHUNK",
    "FEW_PICTURES",
    "Offered",
    "Progress",
    "Trace",
    "TraceStoppedError",
    "cautions",
    "data_notes",
    "label_rank",
    "library_versions",
    "make_trace",
    "match_pair",
    "offered_pictures",
    "read_trace",
]
