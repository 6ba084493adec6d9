"""Code that reproduces a result: copied from the page, run anywhere."""

from __future__ import annotations

from collections.abc import Collection

from tinydrop.core.results import DropResult


def python_snippet(
    result: DropResult, photo: str, toggled: Collection[int] = (), *, sample: bool = False
) -> str:
    """Return Python lines that give this result again.

    Args:
        result: the run.
        photo: the visitor's own file, or the name of a bundled photograph.
        toggled: patches whose kept state a person turned round.
        sample: whether it is a bundled photograph, which every installation has.
    """
    setting = result.setting
    controls = (
        f"    tau={setting.tau!r}, gamma={setting.gamma!r}, "
        f"temperature={setting.temperature!r}, rule={setting.rule!r}"
    )
    door = ["from tinydrop.core.assets import sample_path"] if sample else []
    shown = f"sample_path({photo!r})" if sample else f"{photo!r}  # your own picture"
    lines = [
        "from tinydrop import TinyDrop",
        *door,
        "",
        f"photo = {shown}",
        f"td = TinyDrop({result.pair!r})",
    ]
    if toggled and not result.exited:
        lines += [
            "guide = td.guide(photo)",
            f"setting = td.setting(\n{controls},\n)",
            "budget = td.decide(guide, setting)",
            f"toggled = {tuple(sorted(toggled))!r}  # forced in or out by hand",
            f"selected = td.select(guide, budget.num_keep, {result.selector!r}, toggled=toggled)",
            "target = td.classify(guide, selected.selection)",
            f"result = td.assemble(guide, setting, {result.selector!r}, selected, target=target)",
        ]
    else:
        lines += [f"result = td(\n    photo, selector={result.selector!r},\n{controls},\n)"]
    lines += ["print(result.final.name, result.kept, 'of', result.patches, 'patches')"]
    return "\n".join(lines) + "\n"
