"""One thread per process in every test, and in the apps that tests start.

Tests marked ``pictures`` need Tiny ImageNet, 64x64 photographs of 200 classes in the Hub's Parquet
layout (``data/train*.parquet`` and ``data/validation*.parquet`` beside ``classes.json``). They run
where the environment variable ``TINYDROP_DATA`` names that folder, and are skipped without it.

The variable for threads must stand before torch is imported. The models here are tiny: with several
threads each, two busy cores spend their time waiting for each other, and the suite takes ten times
as long.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from hypothesis import HealthCheck, settings
from real_pictures import VARIABLE

# Machines are shared and slow at times: how long an example takes says nothing about the code.
settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out, saying so, what takes long, and what needs pictures that are not here."""
    reasons = {
        "thorough": ("TINYDROP_LONG", "more of the browser: set TINYDROP_LONG=1 for it"),
        "pictures": (VARIABLE, f"real pictures: set {VARIABLE} to the folder of Tiny ImageNet"),
    }
    for marker, (variable, reason) in reasons.items():
        if not os.environ.get(variable):
            for item in items:
                if item.get_closest_marker(marker) is not None:
                    item.add_marker(pytest.mark.skip(reason=reason))
