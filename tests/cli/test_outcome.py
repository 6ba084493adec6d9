"""Right or wrong and the same or not are two questions, and every page answers both."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import pytest
from trace_zoo import small_drop
from view_values import answer, drop_result, exit_result

from tinydrop.cli.run import _judged, _sentence
from tinydrop.core.errors import SettingError
from tinydrop.core.results import DropResult, Truth
from tinydrop.models.truth import find_truth, named_truth
from tinydrop.pipeline.render.words import decision_parts, plain_text
from tinydrop.ui.coherence.words import say_parts
from tinydrop.ui.compare.details import said_html
from tinydrop.ui.compare.words import scales
from tinydrop.ui.explore.cards import answers_card
from tinydrop.ui.kit.agreement import agreement

DOG, CAT, NONE = Truth("dog"), Truth("cat"), Truth(None)


def pair_with(members: dict[str, list[str]]) -> object:
    return replace(small_drop().pair, info=MappingProxyType({"members": members}))


class TestTruth:
    def test_a_class_goes_by_each_of_its_names(self) -> None:
        pair = pair_with({"spider": ["tarantula", "black widow"]})
        assert find_truth({"goldfish"}, pair) == Truth("goldfish")
        assert find_truth({"tarantula", "wolf"}, pair) == Truth("spider")
        assert find_truth({"wolf"}, pair) == find_truth((), pair) == NONE

    def test_a_name_that_the_pair_lacks_is_refused_with_near_ones(self) -> None:
        pair = small_drop().pair
        assert named_truth("goldfish", pair) == Truth("goldfish")
        with pytest.raises(SettingError, match=r"no class 'goldfisch'.*goldfish"):
            named_truth("goldfisch", pair)

    def test_no_answer_is_right_where_the_pair_has_no_class(self) -> None:
        assert [NONE.right(answer(n)) for n in range(3)] == [False] * 3
        assert [DOG.right(answer(n)) for n in range(3)] == [False, True, False]


AGREES, DIFFERS = answer(1), answer(4)  # the target on the kept patches says dog


class TestDecision:
    @pytest.mark.parametrize(
        ("truth", "says"),
        [
            (DOG, " That is right."),
            (CAT, " That is wrong: the photograph shows cat."),
            (NONE, " No answer can be right: the pair has no class for what is shown."),
            (None, ""),
        ],
    )
    @pytest.mark.parametrize(
        ("full", "agrees"),
        [(AGREES, "as it does with all of them."), (DIFFERS, "but with all of them it says boat.")],
    )
    def test_a_drop_says_both(
        self, truth: Truth | None, says: str, full: object, agrees: str
    ) -> None:
        text = plain_text(decision_parts(drop_result(full=full), truth))
        assert agrees in text
        _, _, after = text.partition(agrees)
        assert after.startswith(says)
        assert bool(after) is (truth is not None)
        assert "good" not in text

    def test_an_exit_says_both(self) -> None:
        text = plain_text(decision_parts(exit_result(full=answer(0)), DOG))
        assert text.endswith("have said the same. That is wrong: the photograph shows dog.")
        text = plain_text(decision_parts(exit_result(full=answer(1)), CAT))
        assert text.endswith("would have said dog. That is right.")

    def test_what_is_running_is_not_judged(self) -> None:
        text = plain_text(decision_parts(drop_result(target=None, full=None), DOG))
        assert "right" not in text
        assert "wrong" not in text

    def test_the_coherence_page_says_both(self) -> None:
        said = plain_text(say_parts(3, 6, "random", "right", answer(1), answer(1), CAT))
        assert said.endswith(
            "as it does with all of them. That is wrong: the photograph shows cat."
        )


class TestMarks:
    def test_a_wrong_answer_that_agrees_has_no_tick(self) -> None:
        assert agreement(answer(1), answer(1), CAT) == ("ch-same", "=", "same, wrong")
        assert agreement(answer(1), answer(1), NONE) == ("ch-same", "=", "same, wrong")
        assert agreement(answer(1), answer(1)) == ("ch-same", "=", "same")

    def test_a_right_answer_may_differ(self) -> None:
        assert agreement(answer(1), answer(0), DOG) == ("ch-other", "≠", "differs, right")

    def test_the_duel_counts_both(self) -> None:
        said = said_html(3, 5, answer(2), "50 %", 0, (1, DOG))
        assert "<b>3 of 5</b> methods name the class that the full target names" in said
        assert "<b>1 of 5</b> are right: it is <b>dog</b>." in said
        assert "None is right" in said_html(3, 5, answer(2), "50 %", 0, (0, NONE))
        assert "right" not in said_html(3, 5, answer(2), "50 %", 0)


@pytest.mark.parametrize(
    ("result", "truth", "said"),
    [
        (drop_result(), CAT, "; target on every patch: dog, the same; wrong, it is cat."),
        (drop_result(), DOG, "; target on every patch: dog, the same; right."),
        (drop_result(full=DIFFERS), DOG, "; target on every patch: boat, another answer; right."),
        (exit_result(full=answer(1)), None, "; target on every patch: dog, another answer."),
        (drop_result(full=None), CAT, "dog (60 %); wrong, it is cat."),
    ],
)
def test_the_command_line_says_both(result: DropResult, truth: Truth | None, said: str) -> None:
    assert said in _sentence(result, truth)
    judged = _judged(result, truth)
    assert ("right" in judged) is (truth is not None)
    assert ("agrees" in judged) is (result.full is not None)


class TestTemperature:
    """The guidance's probabilities are at the setting's T, the target's are raw."""

    HOT = replace(drop_result().setting, temperature=2.0)

    def test_columns_that_stand_side_by_side_say_their_scale(self) -> None:
        # exp(2 / 2) / (exp(2 / 2) + 5) = 0.352 for the guidance, exp(2) / (exp(2) + 5) = 0.596
        card = answers_card(drop_result(setting=self.HOT, guidance=answer(0, 2.0)))
        guidance, kept, full = card.split("<section>")[1:]
        assert "; calibrated, T = 2.00</small>" in guidance
        assert "<b>0.35</b>" in guidance
        for column in (kept, full):
            assert "raw, T = 1</small>" in column
            assert "<b>0.60</b>" in column
        assert "T = 2" not in answers_card(drop_result())
        assert "calibrated, T = 2.00; the target’s is raw" in scales(2.0)

    def test_the_command_line_labels_them(self) -> None:
        said = _sentence(drop_result(setting=self.HOT), None)
        assert "51 % sure at T 2 (cat)" in said
        assert "dog (60 %, raw)" in said
        assert "raw" not in _sentence(drop_result(), None)
