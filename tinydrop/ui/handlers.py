"""What happens on each event: short steps between the page and the studio, and their errors."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tinydrop.budget import Setting
from tinydrop.errors import SettingError, TinyDropError
from tinydrop.pairs import PRESETS, SHIPPED
from tinydrop.ui import frames
from tinydrop.ui.answering import Updates, told
from tinydrop.ui.permalink import LINK_FIELDS, look_from_query
from tinydrop.ui.samples import Sample, find_sample
from tinydrop.ui.studio import Look, Progress, Scene, Studio
from tinydrop.ui.texts import FAILED

__all__ = ["Controls", "Explore"]

MAX_FORCED = 4096


class Controls:
    """The page's controls as one event saw them."""

    def __init__(self, values: Sequence[Any]) -> None:
        """Take tau, gamma, temperature, rule, selector and the accounting, in this order."""
        self.tau, self.gamma, self.temperature, self.rule, self.selector, self.accounting = values

    def applied(self, look: Look) -> Look:
        """Return the look under these controls; SettingError if one is out of range."""
        setting = replace(
            look.setting,
            tau=self.tau,
            gamma=self.gamma,
            temperature=self.temperature,
            rule=self.rule,
        )
        return replace(look, setting=setting, selector=self.selector)


class Explore:
    """The Explore page's events over one studio; holds nothing of a visitor."""

    def __init__(
        self,
        studio: Studio,
        samples: Sequence[Sample],
        start: Look,
        measured: Callable[[Look], str] = lambda _look: "",
    ) -> None:
        """Take studio, gallery, the first look, and how a look does on labelled pictures."""
        self.studio = studio
        self.measured = measured
        self.samples = samples
        self.start = start

    def slide(self, look: Look, *values: Any) -> Updates:
        """Follow a control that needs no model."""
        return self._told(lambda: self._moving(look, Controls(values)))

    def choose(self, look: Look, *values: Any) -> Updates:
        """Follow another selector: its map is made, the target follows."""

        def work() -> Updates:
            new = Controls(values).applied(look)
            self.studio.guide(new)
            return self._moving(new, Controls(values)) | self._still(self._known(new))

        return self._told(work)

    def run(self, look: Look, *values: Any) -> Updates:
        """Run what is missing of the look: the chained ``settle`` then shows it."""

        def work() -> Updates:
            self.studio.answer(Controls(values).applied(look))
            return {}

        return self._told(work, quiet=True)

    def settle(self, look: Look, *values: Any) -> Updates:
        """Show the look after a run, without running anything."""
        return self._told(lambda: self._moving(look, Controls(values), ran=True), quiet=True)

    def force(self, look: Look, wish: Any, *values: Any) -> Updates:
        """Force patches in or out; ``wish`` is what the stage sent, JSON with two lists."""

        def work() -> Updates:
            new = replace(look, forced_in=_patches(wish, "keep"), forced_out=_patches(wish, "drop"))
            return self._moving(new, Controls(values)) | {"look": new}

        return self._told(work, lambda: {"stage": ""} | self._moving(look, Controls(values)))

    def pick(self, look: Look, name: str, *values: Any) -> Updates:
        """Put a sample on the stage."""

        def work() -> Updates:
            sample = find_sample(self.samples, name)
            return self._staged(
                replace(look, source=str(sample.path), name=sample.path.name, sample=sample.name),
                Controls(values),
            )

        return self._told(work)

    def upload(self, look: Look, upload: tuple[str, str] | None, *values: Any) -> Updates:
        """Put the visitor's picture on the stage; on a bad one the last analysis stays."""

        def work() -> Updates:
            if upload is None:
                return {}
            path, name = upload
            return self._staged(
                replace(look, source=path, name=name, sample=None), Controls(values)
            )

        return self._told(work)

    def switch(self, look: Look, pair: str, progress: Progress, *values: Any) -> Updates:
        """Load another pair, with its own default setting; where that fails the old one stays."""

        def work() -> Updates:
            loaded = self.studio.pipeline(pair, progress).pair
            new = replace(look, pair=pair, setting=loaded.setting)
            fresh = self._fresh(new, Controls(values))
            del fresh["pair"]  # the menu says it already, or by now a newer choice
            return fresh

        return self._told(work, lambda: {"pair": look.pair})

    def restore(self, query: Mapping[str, str], progress: Progress, accounting: str) -> Updates:
        """Bring back what a link names; without a link the first paint stands."""
        if not set(query) & set(LINK_FIELDS):
            return {"message": ""}

        def setting(pair: str) -> Setting:
            return self.studio.pipeline(pair, progress).pair.setting

        def work() -> Updates:
            look = look_from_query(query, self.start, self.samples, setting)
            values = (0, 0, 0, "", "", accounting)
            return self._fresh(look, Controls(values))

        return self._told(work)

    def save(self, kind: str, at: int, look: Look, *values: Any) -> Updates:
        """Make a file of what is on the page, its answers included: ``png`` or ``json``."""

        def work() -> Updates:
            new = Controls(values).applied(look)
            self.studio.answer(new)
            write = frames.saved_png if kind == "png" else frames.saved_json
            return {"files": write(self._known(new), at)}

        return self._told(work)

    def first(self) -> Updates:
        """Return everything for the first paint, fully computed."""
        self.studio.answer(self.start)
        updates = self._fresh(self.start, Controls((0, 0, 0, "", "", frames.ACCOUNTING[0])))
        return {**updates, "message": ""}

    def _staged(self, look: Look, controls: Controls) -> Updates:
        """Return the page for another picture: forced patches belong to the old one."""
        new = replace(controls.applied(look), forced_in=frozenset(), forced_out=frozenset())
        self.studio.guide(new)
        scene = self._known(new)
        return self._shown(scene, controls) | self._still(scene) | {"look": new}

    def _fresh(self, look: Look, controls: Controls) -> Updates:
        """Return the page and its controls for a look that came from elsewhere."""
        self.studio.guide(look)
        scene = self._known(look)
        setting = look.setting
        return {
            **self._shown(scene, controls),
            **self._still(scene),
            "look": look,
            "tau": setting.tau,
            "gamma": setting.gamma,
            "temperature": setting.temperature,
            "rule": setting.rule,
            "selector": look.selector,
            "pair": look.pair,
            "pair_note": frames.pair_note(look.pair),
            "foot": frames.foot(self.studio.pipeline(look.pair).pair),
        }

    def _moving(self, look: Look, controls: Controls, *, ran: bool = False) -> Updates:
        new = controls.applied(look)
        scene = self.studio.scene(new)
        if scene is None:
            return {"decision": frames.waiting(hash(new), failed=self.studio.failed(new))}
        note = ""
        if scene.result.target is not None and not scene.running:
            note = "" if ran else "Target's answer known from before: nothing had to run."
        return self._shown(scene, controls, note)

    def _shown(self, scene: Scene, controls: Controls, note: str = "") -> Updates:
        measured, failed = self.measured(scene.look), self.studio.failed(scene.look)
        failure = FAILED if failed else None
        return dict(frames.moving(scene, controls.accounting, note, failure, measured=measured))

    def _still(self, scene: Scene) -> Updates:
        name = scene.look.sample
        return dict(frames.still(scene, find_sample(self.samples, name) if name else None))

    def _known(self, look: Look) -> Scene:
        scene = self.studio.scene(look)
        if scene is None:  # another visitor's pair took the place in between
            self.studio.guide(look)
            scene = self.studio.scene(look)
        if scene is None:
            raise TinyDropError("The app is very busy with other pictures; try again in a moment.")
        return scene

    def _told(
        self,
        work: Callable[[], Updates],
        otherwise: Callable[[], Updates] = dict,
        *,
        quiet: bool = False,
    ) -> Updates:
        """Return the updates, or one sentence on what went wrong: the page never breaks.

        Success takes an older message away, except after ``quiet`` events: nobody asked for those.
        """
        cleared: Updates = {} if quiet else {"message": ""}
        return told(lambda: cleared | work(), "the Explore page", otherwise)


def _patches(wish: Any, name: str) -> frozenset[int]:
    """Return one list of patches of a wish; a browser may send anything.

    Raises:
        SettingError: if it is not a list of whole numbers.
    """
    try:
        return frozenset(int(patch) for patch in json.loads(wish)[name][:MAX_FORCED])
    except (ValueError, TypeError, KeyError):
        raise SettingError(
            "Forced patches must be lists of whole numbers; click on the stage instead."
        ) from None


def pair_choices() -> list[tuple[str, str]]:
    """Return (what the menu says, pair's name), with the megabytes that a choice downloads."""
    return [
        *((shipped.title, shipped.name) for shipped in SHIPPED.values()),
        *(
            (f"{preset.title}, {preset.megabytes} MB download", preset.name)
            for preset in PRESETS.values()
        ),
    ]
