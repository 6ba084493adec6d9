"""Making a trace from labelled pictures, and reading it back."""

from __future__ import annotations

from tinydrop.tracing.files import read_trace
from tinydrop.tracing.make import CHUNK, Progress, TraceStoppedError, make_trace, match_pair

__all__ = ["CHUNK", "Progress", "TraceStoppedError", "make_trace", "match_pair", "read_trace"]
