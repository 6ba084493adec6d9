"""Code that reproduces a result: copied from the page, run anywhere."""

from __future__ import annotations

from collections.abc import Collection

from tinydrop.results import DropResult

__all__ = ["python_snippet"]


def python_snippet(
    result: DropResult, path: str, toggled: Collection[int] = (), *, uploaded: bool = False
) -> str:
    """Return Python lines that give this result again.

    Args:
        result: the run.
        path: where the picture lies.
        toggled: patches whose kept state a person turned round.
        uploaded: True adds a line saying that the visitor's own file goes there.
    """
    setting = result.setting
    controls = (
        f"    tau={setting.tau!r}, gamma={setting.gamma!r}, "
        f"temperature={setting.temperature!r}, rule={setting.rule!r}"
    )
    note = "  # your own picture" if uploaded else ""
    lines = [
        "from tinydrop import TinyDrop",
        "",
        f"photo = {path!r}{note}",
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
