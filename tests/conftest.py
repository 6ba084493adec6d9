"""One thread per process in every test, and in the apps that tests start.

Must stand before torch is imported. The models here are tiny: with several threads each, two busy
cores spend their time waiting for each other, and the suite takes ten times as long.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from hypothesis import HealthCheck, settings

# Machines are shared and slow at times: how long an example takes says nothing about the code.
settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out, saying so, what would take the default run over ten minutes on two cores."""
    if os.environ.get("TINYDROP_LONG"):
        return
    for item in items:
        if item.get_closest_marker("thorough") is not None:
            item.add_marker(
                pytest.mark.skip(reason="more of the browser: set TINYDROP_LONG=1 for it")
            )
