"""Training a pair from labelled pictures: teacher, guidance, target, then the pair format.

``python -m tinydrop train pair --recipe gpu --data DIR --out DIR`` trains everything, or as much as
``--minutes`` allows; the same command with ``--resume`` goes on (on a CPU in float32 to exactly the
same weights as without the break). ``DIR`` holds shards in the Hub's Parquet layout
(``train*.parquet``, whichever are there, and ``validation*.parquet``).

In pieces on a lent GPU
-----------------------

A machine that takes 64 MiB per call and ten minutes per command is used like this. It must hold
torch, timm and pyarrow; nothing is fetched.

1. Bring the data, one shard of about 40 MiB per call, and the validation shard and
   ``classes.json`` with one of them. Put the shard into an ignored folder of the repository, name
   that folder in ``carry`` and run ``mkdir -p /tmp/data && cp .carry/* /tmp/data/``. The machine
   must not cool down (30 s) between calls, so prepare the folder of the next call beforehand. In
   the last of these calls measure first: ``python3 -m tinydrop train pair --recipe gpu --measure
   20`` prints pictures per second and the time of every stage; shorten or lengthen by ``--set
   target.epochs=40`` so that the whole fits in what is left of the device time.
2. ``python3 -m tinydrop train pair --recipe gpu --data /tmp/data --out /tmp/run --minutes 9
   --resume --pack $OUT`` in every following call, with the same ``--set`` each time. ``--resume``
   is allowed on an empty folder. A piece stops cleanly and says so; the next one decodes the
   pictures again (some 20 s) and goes on with the very next step.
   ``--out`` stays on the machine's own disk. ``--pack`` also writes what this call trained in files
   of at most 15 MiB, so that it survives the machine: finished weights in float16 (41 MiB for the
   teacher, 4 for the guidance, 11 for the target), or an unfinished target with its optimiser in
   52 MiB. At most eight files and 64 MiB come back from one call, and an unfinished teacher is
   larger than that: let the first call finish it (``--stage teacher``).
3. To go on with packed files on a fresh machine, carry them and copy them into ``--out`` (not into
   its subfolders) before the same command. Averages and moments were rounded for the way, so that
   the end is then not exactly the same.
4. ``--stage export`` measures the pair and writes it into ``/tmp/run/pair``, two files of at most
   12 MiB each, ``pair.json`` and ``README.md``: ``cp -r /tmp/run/pair $OUT/``, with
   ``/tmp/run/*/curves.jsonl``. It works on a CPU too, given the packed files of the three stages.

Everything a process of a GPU machine needs lies in GPU memory: the pictures as one uint8 tensor
(1.2 GB for 100,000 of 64 px), augmentation included.

On a CPU
--------

``python -m tinydrop train pair --recipe cpu --data DIR --out DIR --resume`` in the background, as
often as it is interrupted; ``nice`` keeps the machine usable. On Linux, glibc hands the memory of
large tensors back after every step and asks for it again, in small pages. Telling it not to made a
step 26 to 32 % faster here (ViT at 64 px 123 and 112 pictures a second without, 156 and 143 with;
ResNet at 48 px 429 and 565)::

    export GLIBC_TUNABLES=glibc.malloc.hugetlb=1
    GLIBC_TUNABLES=$GLIBC_TUNABLES:glibc.malloc.mmap_threshold=17179869184
    GLIBC_TUNABLES=$GLIBC_TUNABLES:glibc.malloc.trim_threshold=68719476736

``cpu-efficientformer`` differs from ``cpu`` in its guidance alone: copy the finished ``teacher/``
and ``target/`` into its ``--out`` and run it with ``--resume`` to train only that.
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
