"""What the pictures and pages say: geometry, colours and sentences, from values alone."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from view_values import GRID, answer, drop_result, exit_result

from tinydrop.core.numbers import percent
from tinydrop.core.results import DropResult
from tinydrop.core.tokens import Saliency, TokenSelection
from tinydrop.pipeline.render import chart_image, mask_image, overlay_image
from tinydrop.pipeline.render.palette import ACCENT, heat_colours, rgb
from tinydrop.pipeline.render.words import decision_parts, plain_text


class TestOverlay:
    def test_the_picture_alone_is_only_resized(self) -> None:
        crop = Image.new("RGB", (40, 30), (10, 120, 200))
        drawn = overlay_image(crop, side=400)
        assert drawn.size == (400, 300)
        assert drawn.getpixel((200, 150)) == (10, 120, 200)

    def test_dropped_patches_fade_and_kept_ones_do_not(self) -> None:
        crop = Image.new("RGB", (40, 30), (10, 120, 200))
        selection = TokenSelection(GRID, np.array([0]), "centre")
        drawn = np.asarray(overlay_image(crop, None, selection, side=400))
        assert tuple(drawn[50, 50]) == (10, 120, 200)
        assert drawn[150:, :].min() > 120, "dropped patches are light, hatch included"

    def test_hatch_tells_dropped_from_white(self) -> None:
        crop = Image.new("RGB", (40, 30), (255, 255, 255))
        selection = TokenSelection(GRID, np.array([0]), "centre")
        dropped = np.asarray(overlay_image(crop, None, selection, side=400))[150:, 150:]
        assert len(np.unique(dropped.reshape(-1, 3), axis=0)) == 2

    def test_outline_runs_between_kept_and_dropped(self) -> None:
        crop = Image.new("RGB", (40, 30), (10, 120, 200))
        selection = TokenSelection(GRID, np.array([0]), "centre")
        drawn = overlay_image(crop, None, selection, side=400)
        assert drawn.getpixel((100, 50)) == rgb(ACCENT)
        assert drawn.getpixel((200, 50)) != rgb(ACCENT)

    def test_a_flat_map_adds_no_heat(self) -> None:
        crop = Image.new("RGB", (40, 30), (10, 120, 200))
        flat = Saliency(np.ones((3, 4), dtype=np.float32), "gradcam", "stages.3")
        assert overlay_image(crop, flat).tobytes() == overlay_image(crop).tobytes()

    def test_heat_is_brightest_where_the_map_is_highest(self) -> None:
        crop = Image.new("RGB", (40, 30), (0, 0, 0))
        saliency = Saliency(np.arange(12, dtype=np.float32).reshape(3, 4), "gradcam", "x")
        drawn = np.asarray(overlay_image(crop, saliency, side=400)).sum(axis=-1)
        assert drawn[250, 350] == drawn.max()
        assert drawn[50, 50] == drawn.min()

    def test_a_caption_only_adds_room_beneath(self) -> None:
        crop = Image.new("RGB", (40, 30), (10, 120, 200))
        plain, captioned = overlay_image(crop), overlay_image(crop, caption="Many words. " * 40)
        assert captioned.width == plain.width
        assert captioned.height > plain.height
        assert captioned.crop((0, 0, *plain.size)).tobytes() == plain.tobytes()


def test_mask_image_has_one_block_per_patch() -> None:
    mask = np.asarray(mask_image(TokenSelection(GRID, np.array([1, 11]), "random"), cell=2))
    assert mask.shape == (6, 8)
    assert np.array_equal(np.flatnonzero(mask[::2, ::2]), [1, 11])
    assert set(np.unique(mask)) == {0, 255}


@pytest.mark.parametrize("result", [drop_result(), exit_result(), drop_result(full=None)])
def test_chart_draws_every_kind_of_result(result: DropResult) -> None:
    chart = chart_image(result)
    assert chart.width == 1120
    assert 300 < chart.height <= 720
    inked = np.asarray(chart.convert("L")) < 200
    assert inked.any(axis=1)[:60].any(), "the sentence stands at the top"
    assert not inked[-10:].any(), "nothing is cut off at the bottom"


def test_heat_colours_are_viridis() -> None:
    ends = heat_colours(np.array([0.0, 1.0], dtype=np.float32))
    assert np.abs(ends[0].astype(int) - [68, 1, 84]).max() <= 1
    assert np.abs(ends[1].astype(int) - [253, 231, 37]).max() <= 1


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0, "0 %"), (0.004, "<1 %"), (0.514, "51 %"), (0.997, ">99 %"), (1.0, "100 %")],
)
def test_percent_never_rounds_to_certainty(share: float, text: str) -> None:
    assert percent(share) == text


class TestDecision:
    def test_a_drop_that_agrees(self) -> None:
        assert plain_text(decision_parts(drop_result())) == (
            "The guidance is only 51 % sure, below tau (0.80). The target looked at 3 of 12 "
            "patches and says dog, as it does with all of them."
        )

    def test_a_drop_that_differs(self) -> None:
        text = plain_text(decision_parts(drop_result(full=answer(4))))
        assert text.endswith("says dog, but with all of them it says boat.")

    def test_an_exit_says_what_the_target_would_have_said(self) -> None:
        assert plain_text(decision_parts(exit_result())) == (
            "The guidance is 93 % sure, above tau (0.80), so its answer cat stands and the target "
            "did not run. The target, with every patch, would have said dog."
        )
        agreed = plain_text(decision_parts(exit_result(full=answer(0))))
        assert agreed.endswith("would have said the same.")

    def test_a_running_target_is_said_to_run(self) -> None:
        text = plain_text(decision_parts(drop_result(target=None, full=None)))
        assert text.endswith("The target is looking at 3 of 12 patches…")

    def test_the_numbers_are_marked(self) -> None:
        strong = [part.text for part in decision_parts(drop_result()) if part.strong]
        assert strong == ["51 %", "3 of 12", "dog"]
