"""Making a trace from labelled pictures, and reading it back."""

from __future__ import annotations

from tinydrop.studies.trace.chunks import Progress, Watch, measure_readable
from tinydrop.studies.trace.files import read_trace
from tinydrop.studies.trace.make import TraceStoppedError, make_trace
from tinydrop.studies.trace.offered import (
    Offered,
    common_facts,
    data_notes,
    match_pair,
    offered_pictures,
)
from tinydrop.studies.trace.provenance import FEW_PICTURES, Provenance, cautions
from tinydrop.studies.trace.values import Trace, label_rank

__all__ = [
    "FEW_PICTURES",
    "Offered",
    "Progress",
    "Provenance",
    "Trace",
    "TraceStoppedError",
    "Watch",
    "cautions",
    "common_facts",
    "data_notes",
    "label_rank",
    "make_trace",
    "match_pair",
    "measure_readable",
    "offered_pictures",
    "read_trace",
]
