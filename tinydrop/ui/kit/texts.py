"""The sentences that more than one page says."""

from __future__ import annotations

GENERIC_ERROR = (
    "Something went wrong here, and it is our fault; the analysis on the page still stands, "
    "so try again or choose another picture."
)

BUSY = "The app is very busy with other pictures; try again in a moment."

FAILED = "The target could not answer; change a control to try again."
