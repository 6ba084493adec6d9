"""Long work in a process of its own: at low priority, told step by step, stopped at any moment.

A check of a model, a trace of a visitor's zip and a download would hold the interpreter and both
cores of a small machine; in a child process they cannot, and what they took is free when they end.
"""

from __future__ import annotations

from tinydrop.studies.errands.run import ErrandError, Message, Runner, run_errand

__all__ = ["ErrandError", "Message", "Runner", "run_errand"]
