"""TinyDrop itself: ``guide -> decide -> select -> classify``, each stage callable alone.

The stages follow the controls: ``guide`` is the small model's one pass, ``decide`` and ``select``
are instant, only ``classify`` runs the big model. Each is the step of ``pipeline.batch`` of that
name for one picture. The pipeline keeps no state between calls, so any number of threads may share
one.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from tinydrop.core.budget import BUDGET_LEVELS, Budget, Setting, decide_budget
from tinydrop.core.coherence import describe_coherence
from tinydrop.core.errors import SettingError
from tinydrop.core.results import Answer, CostBreakdown, DropResult, LatencyBreakdown
from tinydrop.core.selection import check_selector, map_method, select_tokens
from tinydrop.core.tokens import Saliency, TokenSelection
from tinydrop.data import Picture, View, open_picture
from tinydrop.models.backbones import Guidance, Target
from tinydrop.models.macs import guidance_macs, target_macs
from tinydrop.models.pairs import Pair, load_pair, pair_from_models
from tinydrop.pipeline.answers import answer
from tinydrop.pipeline.batch import Ranking, explain, guide_batch, rank_batch
from tinydrop.pipeline.stages import Guide, Selected

Photo = bytes | str | Path | Image.Image | Picture


class TinyDrop:
    """A pair, ready to classify pictures; see ``__call__`` for the whole method in one call."""

    def __init__(
        self,
        pair: str | Path | Pair | None = None,
        *,
        guidance: Guidance | torch.nn.Module | str | None = None,
        target: Target | torch.nn.Module | str | None = None,
        classes: Sequence[str] | Mapping[int, str] | None = None,
    ) -> None:
        """Take a pair by name, folder or value, or the caller's own two models.

        Args:
            pair: ``bundled`` (the default), a preset's name, a pair folder, or a ``Pair``.
            guidance: with ``target``, instead of ``pair``: a timm classifier, or the name of one
                with pretrained weights.
            target: a timm transformer, or the name of one with pretrained weights.
            classes: the shared class names of the two models, in the order of the logits, or by
                index.

        Raises:
            SettingError: if arguments exclude each other or the classes do not agree.
            UnsupportedModelError: if a model does not fit its role.
            WeightsUnavailableError: if weights are neither here nor to be had.
        """
        if (guidance is None) != (target is None):
            raise SettingError("Give guidance and target together, or a pair instead of both.")
        if guidance is not None and target is not None:
            if pair is not None:
                raise SettingError("Give either a pair or guidance and target, not both.")
            self.pair = pair_from_models(guidance, target, classes)
        else:
            if classes is not None:
                raise SettingError(
                    "The classes belong to the pair; give classes only with guidance and target."
                )
            if not isinstance(pair, str | Path | Pair | None):
                raise SettingError(
                    f"A pair is a name, a pair folder or a Pair, got {type(pair).__name__}; give "
                    f"for example 'bundled'."
                )
            self.pair = (
                pair if isinstance(pair, Pair) else load_pair("bundled" if pair is None else pair)
            )
        self._guidance_macs = guidance_macs(self.pair.guidance)

    def guide(self, photo: Photo) -> Guide:
        """Return the guidance's one forward pass over a picture.

        Args:
            photo: a path, the bytes of a file, a PIL image or an opened ``Picture``.

        Raises:
            PictureError: if the picture cannot be used.
            SettingError: if the guidance's logits are not finite.
        """
        picture = photo if isinstance(photo, Picture) else open_picture(photo)
        view = View(picture.image.size, self.pair.target.spec.input)
        pixels = torch.from_numpy(view.pixels(picture, self.pair.guidance.spec.input))[None]
        start = time.perf_counter()
        guided = guide_batch(self.pair.guidance, pixels, [picture.digest])
        elapsed = 1000 * (time.perf_counter() - start)
        own = Answer(guided.logits[0], self.pair.classes, latency_ms=elapsed)
        return Guide(picture, view, guided, own)

    def saliency(self, guide: Guide, method: str = "gradcam") -> Saliency:
        """Return the map of the guidance's winning class on the target's patch grid.

        Raises:
            SettingError: if the method is unknown.
        """
        (saliency,) = explain(self.pair, guide.guided, method).on_patches
        return saliency

    def decide(self, guide: Guide, setting: Setting | None = None) -> Budget:
        """Return early exit or K for a guided picture (the pair's setting by default)."""
        setting = setting or self.pair.setting
        confidence = guide.guided.confidence(setting.temperature)[0]
        return decide_budget(float(confidence), setting, self.pair.target.spec.grid.num_patches)

    def rank(
        self, guide: Guide, selector: str = "gradcam", seed: int = 0
    ) -> tuple[npt.NDArray[np.int64] | None, Saliency | None]:
        """Return the selector's order of the patches and its map; None where there is none.

        Args:
            guide: a guided picture.
            selector: a name in ``SELECTORS``.
            seed: of the random and the scattered selector; mixed with the picture, so that
                pictures differ.

        Raises:
            SettingError: if the selector is unknown.
        """
        ranking = self._ranking(guide, selector, seed)
        return ranking.one(), None if ranking.maps is None else ranking.maps.on_patches[0]

    def _ranking(self, guide: Guide, selector: str, seed: int) -> Ranking:
        return rank_batch(self.pair, guide.guided, [selector], seed)[selector]

    def select(
        self,
        guide: Guide,
        num_keep: int,
        selector: str = "gradcam",
        *,
        seed: int = 0,
        toggled: Sequence[int] = (),
    ) -> Selected:
        """Return the K patches the target will see.

        A map that is flat, zero or not finite is never ranked: every patch is kept, and the
        warnings say so.

        Args:
            guide: a guided picture.
            num_keep: K, from 1 to N.
            selector: a name in ``SELECTORS``.
            seed: of the random and the scattered selector.
            toggled: patches that a person forced in or out.

        Raises:
            SettingError: if the selector, K or a toggled patch is out of range.
        """
        grid = self.pair.target.spec.grid
        start = time.perf_counter()
        ranking = self._ranking(guide, selector, seed)
        order, maps = ranking.one(), ranking.maps
        raw, saliency = (None, None) if maps is None else (maps.raw[0], maps.on_patches[0])
        warnings: tuple[str, ...] = ()
        if order is None:
            selection = TokenSelection.everything(grid, selector)
            problem = saliency.problem if saliency is not None else "there is no map"
            warnings = (f"Every patch is kept (level {BUDGET_LEVELS}), because {problem}.",)
        else:
            selection = select_tokens(order, grid, num_keep, selector)
        if toggled:
            selection = selection.forced(toggled)
            warnings += (f"{len(set(toggled))} patches were forced in or out by hand.",)
        elapsed = 1000 * (time.perf_counter() - start)
        return Selected(selection, order, saliency, raw, warnings, elapsed)

    def classify(
        self,
        guide: Guide,
        selection: TokenSelection | None = None,
        *,
        positions: str = "right",
    ) -> Answer:
        """Return the target's answer on the kept patches, or on every patch without a selection.

        Args:
            guide: a guided picture.
            selection: the kept set; None keeps every patch.
            positions: where the kept patches get their positions from, a name in
                ``POSITION_MODES``; all but ``right`` are wrong on purpose.

        Raises:
            SettingError: if the selection lies on another grid, the target cannot run with these
                positions, or its logits are not finite.
        """
        target = self.pair.target
        if selection is not None and selection.grid != target.spec.grid:
            raise SettingError(
                f"The selection lies on a {selection.grid.rows}x{selection.grid.cols} grid, "
                f"the target has {target.spec.grid.rows}x{target.spec.grid.cols}; select anew."
            )
        pixels = guide.pixels(target.spec.input)
        keep = None if selection is None else selection.keep_indices[None]
        start = time.perf_counter()
        (logits,) = answer(target, pixels, keep, positions)
        elapsed = 1000 * (time.perf_counter() - start)
        return Answer(logits, self.pair.classes, latency_ms=elapsed)

    def cost(self, kept: int | TokenSelection, selector: str = "gradcam") -> CostBreakdown:
        """Return the MACs of one picture's answer on its kept patches.

        Selectors that look at no map pay nothing for saliency.

        Args:
            kept: the kept set, or its size K where that decides (all targets but windowed ones);
                0 is an early exit.
            selector: a name in ``SELECTORS``.

        Raises:
            SettingError: if K is out of range, or does not decide the target's MACs.
        """
        spec = self.pair.target.spec
        own = self._guidance_macs
        answered = kept if isinstance(kept, int) else kept.keep_indices
        exited = isinstance(kept, int) and kept == 0
        looks = not exited and map_method(selector) is not None
        return CostBreakdown(
            guidance=own.forward,
            saliency=own.saliency if looks else 0,
            target=0 if exited else target_macs(spec, answered).total,
            full_target=target_macs(spec, spec.grid.num_patches).total,
            saliency_literal=own.saliency_literal if looks else 0,
        )

    def __call__(
        self,
        photo: Photo,
        *,
        tau: float | None = None,
        gamma: float | None = None,
        temperature: float | None = None,
        rule: str | None = None,
        selector: str = "gradcam",
        seed: int = 0,
        compare_full: bool = False,
    ) -> DropResult:
        """Return the whole method's result on one picture.

        Args:
            photo: a path, the bytes of a file, a PIL image or an opened ``Picture``.
            tau: exit threshold; the pair's default where None, like the next three.
            gamma: curvature of the budget.
            temperature: T of the guidance's confidence.
            rule: name of the budget rule.
            selector: a name in ``SELECTORS``.
            seed: of the random and the scattered selector.
            compare_full: also run the target on every patch, for comparison.

        Raises:
            PictureError: if the picture cannot be used.
            SettingError: if a setting is out of range or the selector is unknown.
        """
        given = {"tau": tau, "gamma": gamma, "temperature": temperature, "rule": rule}
        setting = self.setting(**{k: v for k, v in given.items() if v is not None})
        check_selector(selector)
        guide = self.guide(photo)
        budget = self.decide(guide, setting)
        selected = (
            None if budget.exited else self.select(guide, budget.num_keep, selector, seed=seed)
        )
        return self.assemble(
            guide,
            setting,
            selector,
            selected,
            target=None if selected is None else self.classify(guide, selected.selection),
            full=self.classify(guide) if compare_full else None,
        )

    def setting(self, **changes: float | str) -> Setting:
        """Return the pair's default setting with the given fields changed; SettingError if bad."""
        return self.pair.setting.changed(**changes)

    def assemble(
        self,
        guide: Guide,
        setting: Setting,
        selector: str,
        selected: Selected | None,
        *,
        target: Answer | None,
        full: Answer | None = None,
    ) -> DropResult:
        """Return one result from the stages' values; no model runs.

        Args:
            guide: the guided picture.
            setting: the operating point.
            selector: the selector's name.
            selected: what ``select`` returned; None after an exit.
            target: the target's answer on the kept patches; None after an exit.
            full: the target's answer on every patch, if it is known.
        """
        budget = self.decide(guide, setting)
        selection = None if selected is None else selected.selection
        everything = selected is not None and selected.order is None
        own = guide.answer
        return DropResult(
            file=guide.picture.name,
            pair=self.pair.name,
            selector=selector,
            setting=setting,
            confidence=budget.confidence,
            exited=selected is None,
            keep_ratio=None if selected is None else budget.keep_ratio,
            level=None if selected is None else (BUDGET_LEVELS if everything else budget.level),
            patches=self.pair.target.spec.grid.num_patches,
            selection=selection,
            saliency=None if selected is None else selected.saliency,
            guidance=Answer(own.logits, own.classes, setting.temperature, own.latency_ms),
            target=target,
            full=full,
            macs=self.cost(0 if selection is None else selection, selector),
            latency_ms=LatencyBreakdown(
                guidance=own.latency_ms,
                saliency=0.0 if selected is None else selected.latency_ms,
                target=0.0 if target is None else target.latency_ms,
            ),
            coherence=None if selection is None else describe_coherence(selection),
            warnings=guide.picture.notes + (() if selected is None else selected.warnings),
        )
