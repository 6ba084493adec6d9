"""The named recipes.

``pretrained`` is sized for a night on a CPU, ``pretrained-gpu`` trains the same models longer, on
a GPU; ``cpu`` and ``gpu`` begin with drawn weights; ``tiny`` takes seconds and is for tests. See
what a recipe would take by ``train pair --measure STEPS`` and change its epochs by ``--set``; what
was used is written into the pair's card.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from tinydrop.core.errors import SettingError, quoted
from tinydrop.training.recipe import PairRecipe
from tinydrop.training.recipes_pretrained import PRETRAINED, PRETRAINED_GPU
from tinydrop.training.recipes_scratch import CPU, GPU, TINY

RECIPES: Mapping[str, PairRecipe] = MappingProxyType(
    {recipe.name: recipe for recipe in (PRETRAINED, PRETRAINED_GPU, GPU, CPU, TINY)}
)


def recipe_named(name: str) -> PairRecipe:
    """Return the recipe of that name.

    Raises:
        SettingError: if there is none.
    """
    if name not in RECIPES:
        raise SettingError(
            f"There is no recipe {quoted(name)}; choose one of {', '.join(RECIPES)}."
        )
    return RECIPES[name]
