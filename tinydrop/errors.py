"""Errors a user can act on: each message says what was given, what is expected and what to do."""

from __future__ import annotations

__all__ = [
    "PictureError",
    "SettingError",
    "TinyDropError",
    "UnsupportedModelError",
    "WeightsUnavailableError",
]


class TinyDropError(ValueError):
    """Base of every error raised on purpose; its text is one sentence for a person."""


class PictureError(TinyDropError):
    """A picture cannot be used: not an image, damaged, too large or of an unreadable kind."""


class SettingError(TinyDropError):
    """A setting or an argument lies outside what the method allows."""


class UnsupportedModelError(TinyDropError):
    """A model does not fit its role; the text gives the reason."""


class WeightsUnavailableError(TinyDropError):
    """A model's weights are not on this machine and could not be fetched."""
