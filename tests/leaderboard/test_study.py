import pytest

from leaderboard.study_cases import make_study, raw_study
from podium.leaderboard.study import Bound, Candidate, Difference, Study, check_candidates, comparison_of


def test_a_study_survives_a_round_trip():
    choose = {"key": "optimizer.lr", "values": [0.1, 0.01], "seeds": [9], "metric": "validation/loss"}
    study = make_study(
        comparisons=[{"better": "a", "worse": "b"}, {"variant": "a", "at_most": 0.5}], choose=choose
    )
    assert Study.from_dict(study.to_dict()) == study
    assert list(study.to_dict()["variants"]) == ["a", "b"]


def test_the_keys_say_what_kind_a_comparison_is():
    assert comparison_of({"better": "a", "worse": "b"}) == Difference("a", "b")
    assert comparison_of({"better": "a", "worse": "b", "by": -0.01}) == Difference("a", "b", -0.01)
    assert comparison_of({"variant": "a", "at_least": 0.9}) == Bound("a", at_least=0.9)
    with pytest.raises(ValueError, match="must have better and worse"):
        comparison_of({"better": "a"})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"claim": " "}, "claim must be text"),
        ({"rules": "2.0.0"}, "rules must be"),
        ({"measure": "guess"}, "measure must be one of training, signal"),
        ({"metric": "signal/doublings"}, "metric must be one of training"),
        ({"metric": "validation/loss"}, "metric must be one of training"),
        ({"direction": "down"}, "direction must be min or max"),
        ({"alpha": 1}, "alpha must be between 0 and 1"),
        ({"seeds": []}, "seeds must be numbers"),
        ({"seeds": [0, 0]}, "seeds must differ"),
        ({"comparisons": []}, "comparisons must name"),
        ({"comparisons": [{"better": "a", "worse": "c"}]}, "got c"),
        ({"comparisons": [{"variant": "a", "at_most": 1.0}]}, "got b in no comparison"),
        ({"comparisons": [{"variant": "a", "at_most": 1.0, "at_least": 0.0}]}, "at_most or at_least"),
        ({"variants": {"A": [], "b": []}}, "names must be letters"),
        ({"tests": 1}, "tests is not a key"),
    ],
)
def test_a_study_that_is_not_whole_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        make_study(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seeds": [0]}, "seeds must differ, also from those of choose"),
        ({"values": [0.1]}, "different values"),
        ({"metric": "test/top1_error"}, "validation split"),
        ({"values": [0.1, 0.1]}, "different values"),
        ({"trials": 3}, "trials is not a key of choose"),
    ],
)
def test_a_choice_that_would_not_be_fair_is_refused(changes, message):
    fair = {"key": "optimizer.lr", "values": [0.1, 0.01], "seeds": [9], "metric": "validation/loss"}
    with pytest.raises(ValueError, match=message):
        make_study(choose={**fair, **changes})


def test_a_missing_key_is_named():
    raw = raw_study()
    del raw["seeds"]
    with pytest.raises(ValueError, match="seeds is required"):
        Study.from_dict(raw)


def test_variants_that_would_train_the_same_are_refused():
    study = make_study()
    check_candidates(study, [Candidate("a", None, "1" * 64), Candidate("b", None, "2" * 64)])
    with pytest.raises(ValueError, match="a and b with one configuration"):
        check_candidates(study, [Candidate("a", None, "1" * 64), Candidate("b", None, "1" * 64)])
    with pytest.raises(ValueError, match="must be those of the study"):
        check_candidates(study, [Candidate("a", None, "1" * 64)])
