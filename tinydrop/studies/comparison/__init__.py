"""Ways to make one frozen target cheaper, side by side: same pictures, same cost axis."""

from __future__ import annotations

from tinydrop.studies.comparison.duel import Contender, SlimContender, contend, duel, slim
from tinydrop.studies.comparison.files import compare_path, read_compare, write_compare
from tinydrop.studies.comparison.measure import budget_of, compare_methods, ladder_of
from tinydrop.studies.comparison.methods import (
    METHODS,
    REFERENCE,
    Method,
    costed_plans,
    place_within,
    plan_within,
)
from tinydrop.studies.comparison.values import (
    COMPARE_LEVELS,
    CompareProvenance,
    CompareRow,
    CompareTable,
)

__all__ = [
    "COMPARE_LEVELS",
    "METHODS",
    "REFERENCE",
    "CompareProvenance",
    "CompareRow",
    "CompareTable",
    "Contender",
    "Method",
    "SlimContender",
    "budget_of",
    "compare_methods",
    "compare_path",
    "contend",
    "costed_plans",
    "duel",
    "ladder_of",
    "place_within",
    "plan_within",
    "read_compare",
    "slim",
    "write_compare",
]
