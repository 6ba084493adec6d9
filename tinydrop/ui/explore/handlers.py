"""What happens on each event: short steps between the page and the maker, and their errors."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from markupsafe import Markup

from tinydrop.core.budget import CONTROLS, Setting
from tinydrop.core.errors import SettingError
from tinydrop.models.pairs import PRESETS, SHIPPED
from tinydrop.studies.errands import ErrandError, Message
from tinydrop.ui.explore import fragments
from tinydrop.ui.explore.cards import ACCOUNTING
from tinydrop.ui.explore.classes import class_list
from tinydrop.ui.explore.links import LINK_FIELDS, look_from_query
from tinydrop.ui.explore.times import level_times, times_line
from tinydrop.ui.kit.fragments import alert
from tinydrop.ui.kit.known import KnownLook
from tinydrop.ui.kit.lanes import HEAVY, QUICK_LANE, Crowd, line_part
from tinydrop.ui.kit.look import BUNDLED, Look
from tinydrop.ui.kit.maker import LookMaker
from tinydrop.ui.kit.page import PictureEvents, Updates
from tinydrop.ui.kit.samples import Sample, find_sample, truth_of
from tinydrop.ui.kit.texts import FAILED

MAX_FORCED = 4096


@dataclass(frozen=True)
class Controls:
    """The page's controls as one event saw them; a browser may send anything.

    Attributes:
        setting: what tau, gamma, temperature and rule are set to.
        selector: who chooses the patches.
        accounting: how the saliency step is counted.
    """

    setting: Mapping[str, Any]
    selector: str
    accounting: str

    @classmethod
    def of(cls, values: Sequence[Any]) -> Controls:
        """Take tau, gamma, temperature, rule, selector and the accounting, in this order."""
        *setting, selector, accounting = values
        return cls(dict(zip(CONTROLS, setting, strict=True)), selector, accounting)

    def applied(self, look: Look) -> Look:
        """Return the look under these controls; SettingError if one is out of range."""
        setting = look.setting.changed(**self.setting)
        return replace(look, setting=setting, selector=self.selector)


class Explore(PictureEvents):
    """The Explore page's events over one maker of looks; holds nothing of a visitor."""

    page = "the Explore page"

    def __init__(
        self,
        looks: LookMaker,
        samples: Sequence[Sample],
        start: Look,
        measured: Callable[[Look], Markup] = lambda _look: Markup(),
        crowd: Crowd | None = None,
    ) -> None:
        """Take maker, gallery, first look, how a look does on labelled pictures, and who waits."""
        super().__init__(looks, samples, crowd)
        self.measured = measured
        self.start = start

    def slide(self, look: Look, *values: Any) -> Updates:
        """Follow a control that needs no model."""
        return self.answered(lambda: self._setting_parts(look, Controls.of(values)))

    def choose(self, look: Look, *values: Any) -> Updates:
        """Follow another selector: its map is made, the target follows."""

        def work() -> Updates:
            new = Controls.of(values).applied(look)
            self.looks.guide(new)
            shown = self._setting_parts(new, Controls.of(values)) | self._picture_parts(
                self._known(new)
            )
            return shown | {"staged": stage_key(new)}

        return self.answered(work)

    def run(self, look: Look, *values: Any) -> Updates:
        """Run the next of what is missing of the look: the chained ``settle`` then shows it."""

        def work() -> Updates:
            self.looks.advance(Controls.of(values).applied(look))
            return {}

        return self.answered(work, quiet=True)

    def settle(self, look: Look, *values: Any, staged: str | None = None) -> Updates:
        """Show the look after a run, without running anything.

        Args:
            look: the wish.
            values: the controls.
            staged: what map and notes belong to; another look brings its own. None where they
                are not asked for.
        """

        def work() -> Updates:
            new = Controls.of(values).applied(look)
            moved = self._setting_parts(look, Controls.of(values), ran=True)
            known = self.looks.known(new)
            if known is None or staged in (None, stage_key(new)):
                return moved
            return moved | self._picture_parts(known) | {"staged": stage_key(new)}

        return self.answered(work, quiet=True)

    def force(self, look: Look, wish: Any, *values: Any) -> Updates:
        """Force patches in or out; ``wish`` is what the stage sent, JSON with two lists."""

        def work() -> Updates:
            new = replace(look, forced_in=_patches(wish, "keep"), forced_out=_patches(wish, "drop"))
            return self._setting_parts(new, Controls.of(values)) | {"look": new}

        return self.answered(
            work, lambda: {"stage": ""} | self._setting_parts(look, Controls.of(values))
        )

    def pick(self, look: Look, name: str, *values: Any) -> Updates:
        """Put a sample on the stage."""

        def work() -> Updates:
            sample = find_sample(self.samples, name)
            return self._staged(
                replace(look, source=str(sample.path), name=sample.path.name, sample=sample.name),
                Controls.of(values),
            )

        return self.answered(work)

    def upload(self, look: Look, upload: tuple[str, str] | None, *values: Any) -> Updates:
        """Put the visitor's picture on the stage; on a bad one the last analysis stays."""

        def work() -> Updates:
            if upload is None:
                return {}
            path, name = upload
            return self._staged(
                replace(look, source=path, name=name, sample=None), Controls.of(values)
            )

        return self.answered(work)

    def switch(self, look: Look, pair: str, ahead: int, *values: Any) -> Updates:
        """Take another pair with its own default setting; one that is not here is asked for.

        Args:
            look: the wish so far.
            pair: the pair's name.
            ahead: how many heavy jobs come before a download.
            values: the controls.
        """

        def work() -> Updates:
            if pair not in SHIPPED and pair not in PRESETS:
                replace(look, pair=pair)  # refuses it
            if not self.looks.ready(pair):
                return {"pair_note": self._asked(pair, ahead), "query": {}}
            return self._switched(look, pair, Controls.of(values))

        return self.answered(work, lambda: {"pair": look.pair})

    def fetch(
        self,
        look: Look,
        pair: str,
        query: Mapping[str, str],
        fetched: Iterator[Message],
        *values: Any,
    ) -> Iterator[Updates]:
        """Bring a pair's weights here and take it; where that fails the old one stays.

        Args:
            look: the wish so far.
            pair: the pair's name.
            query: the link that asks for it; empty where the menu did.
            fetched: what the download tells.
            values: the controls.
        """
        try:
            for message in fetched:
                if "said" in message:
                    said, share = str(message["said"]), float(message["share"])
                    yield {"pair_note": fragments.fetching(pair, said, share)}
            yield {"pair_note": fragments.fetching(pair, "Loading the weights…")}
        except ErrandError as error:
            back = {"pair": look.pair, "pair_note": fragments.pair_note(look.pair)}
            yield back if error.stopped else {"message": alert(str(error))} | back
            return

        def work() -> Updates:
            self.looks.pipeline(pair)
            if query:
                return self._linked(query, str(values[-1]))
            return self._switched(look, pair, Controls.of(values))

        yield self.answered(
            work, lambda: {"pair": look.pair, "pair_note": fragments.pair_note(look.pair)}
        )

    def restore(self, query: Mapping[str, str], accounting: str, ahead: int = 0) -> Updates:
        """Bring back what a link names; without a link the first paint stands."""
        if not set(query) & set(LINK_FIELDS):
            return {"message": ""}

        def work() -> Updates:
            pair = query.get("pair", BUNDLED)
            if pair in PRESETS and not self.looks.ready(pair):
                note = self._asked(pair, ahead)
                return {"pair": pair, "pair_note": note, "query": dict(query)}
            return self._linked(query, accounting)

        return self.answered(work)

    def save(self, kind: str, at: int, look: Look, *values: Any) -> Updates:
        """Make a file of what is on the page, its answers included: ``png`` or ``json``."""

        def work() -> Updates:
            new = Controls.of(values).applied(look)
            self.looks.answer(new)
            known = self._known(new)
            if kind == "png":
                truth = truth_of(self.sample_of(known.look), known.pair)
                return {"files": fragments.saved_png(known, at, truth)}
            return {"files": fragments.saved_json(known, at)}

        return self.answered(work)

    def first(self) -> Updates:
        """Return everything for the first paint, fully computed."""
        self.looks.answer(self.start)
        updates = self._fresh(self.start, ACCOUNTING[0])
        return {**updates, "message": ""}

    def _staged(self, look: Look, controls: Controls) -> Updates:
        """Return the page for another picture: forced patches belong to the old one."""
        new = replace(controls.applied(look), forced_in=frozenset(), forced_out=frozenset())
        sample = self.sample_of(new)
        picture, view = self.looks.arrive(new)
        if self.looks.failed(new):
            self.looks.forget_failure(new)
        known = self.looks.known(new)
        if known is None:
            ahead, pair = self.crowd.behind(QUICK_LANE), self.looks.at_once(new.pair).pair
            shown = fragments.arriving_parts(new, picture, view, pair, sample, ahead)
            return shown | {"look": new, "staged": ""}
        shown = self._shown(known, controls.accounting) | self._picture_parts(known)
        return shown | {"look": new, "staged": stage_key(new)}

    def _asked(self, pair: str, ahead: int) -> str:
        """Return the line that asks for a pair which is not here."""
        return fragments.fetching(pair, line_part(HEAVY, ahead, "Starting…"), asks=True)

    def _switched(self, look: Look, pair: str, controls: Controls) -> Updates:
        loaded = self.looks.at_once(pair).pair
        fresh = self._fresh(replace(look, pair=pair, setting=loaded.setting), controls.accounting)
        del fresh["pair"]  # the menu says it already, or by now a newer choice
        return fresh

    def _linked(self, query: Mapping[str, str], accounting: str) -> Updates:
        def setting(pair: str) -> Setting:
            return self.looks.at_once(pair).pair.setting

        look = look_from_query(query, self.start, self.samples, setting)
        return self._fresh(look, accounting)

    def _fresh(self, look: Look, accounting: str) -> Updates:
        """Return the page and its controls for a look that came from elsewhere."""
        self.looks.guide(look)
        known = self._known(look)
        return {
            **self._shown(known, accounting),
            **self._picture_parts(known),
            "look": look,
            "staged": stage_key(look),
            **look.setting.as_dict(CONTROLS),
            "selector": look.selector,
            "pair": look.pair,
            "pair_note": fragments.pair_note(look.pair),
            "foot": fragments.foot(known.pair),
            "classes": class_list(known.pair.classes, known.pair.groups),
        }

    def _setting_parts(self, look: Look, controls: Controls, *, ran: bool = False) -> Updates:
        new = controls.applied(look)
        known = self.looks.known(new)
        if known is None:
            failed, ahead = self.looks.failed(new), self.crowd.behind(QUICK_LANE)
            return {"decision": fragments.waiting_card(hash(new), failed=failed, ahead=ahead)}
        note = ""
        if known.result.target is not None and not known.running:
            note = "" if ran else "Target's answer known from before: nothing had to run."
        return self._shown(known, controls.accounting, note)

    def _known(self, look: Look) -> KnownLook:
        return self.found(lambda: self.looks.known(look), lambda: self.looks.guide(look))

    def _shown(self, known: KnownLook, accounting: str, note: str = "") -> Updates:
        measured, failed = self.measured(known.look), self.looks.failed(known.look)
        failure = FAILED if failed else None
        truth = truth_of(self.sample_of(known.look), known.pair)
        return dict(
            fragments.setting_parts(
                known, accounting, note, failure, measured, truth, self._times(known)
            )
        )

    def _picture_parts(self, known: KnownLook) -> Updates:
        return dict(fragments.picture_parts(known, self.sample_of(known.look)))

    @staticmethod
    def _times(known: KnownLook) -> str:
        result = known.result
        return times_line(level_times(known.pair), result.level, exited=result.exited)


def stage_key(look: Look) -> str:
    """Name what the map and the notes on the stage belong to."""
    return f"{look.source}|{look.pair}|{look.selector}"


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
