import pytest

from leaderboard.study_cases import make_study, raw_study
from podium.leaderboard.study import Candidate, Study, check_candidates
from podium.leaderboard.study_comparisons import Bound, Difference, comparison_of


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
        ({"cost": " "}, "cost must be text"),
        ({"needs": ["a file"]}, "needs must be text"),
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


FIRST = {
    "before": ["network=linear", "data=mnist5k"],
    "variants": {"a": ["network.weights=before"], "b": ["network=dense32"]},
}


def test_a_run_before_and_members_survive_a_round_trip_and_are_not_written_where_they_are_not():
    for changes in (FIRST, {"members": {"a": 7}}):
        study = make_study(**changes)
        assert Study.from_dict(study.to_dict()) == study
    assert not {"before", "members"} & set(make_study().to_dict())


def test_the_network_of_the_run_before_takes_the_place_of_its_word_wherever_it_stands():
    begun = make_study(**FIRST).begun("runs/first-s0")
    assert begun.variants == {"a": ["network.weights=runs/first-s0"], "b": ["network=dense32"]}
    everywhere = make_study(before=["network=linear"], overrides=["network.weights=before"])
    assert everywhere.begun("w").overrides == ["network.weights=w"]
    plain = make_study()
    assert plain.begun("runs/first-s0") is plain


@pytest.mark.parametrize(
    "changes",
    [
        {"before": ["network=linear"]},
        {"variants": FIRST["variants"]},
        {**FIRST, "before": "network=linear"},
        {**FIRST, "measure": "signal", "metric": "signal/doublings"},
    ],
)
def test_a_run_before_that_nobody_begins_with_or_that_is_not_there_is_refused(changes):
    with pytest.raises(ValueError, match=r"^before"):
        make_study(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"members": {"c": 7}},
        {"members": {"a": 1}},
        {"members": {"a": 7.0}},
        {"members": {"a": 7}, "metric": "train/top1_error"},
        {
            "members": {"a": 7},
            "choose": {
                "key": "optimizer.lr",
                "values": [0.1, 0.01],
                "seeds": [9],
                "metric": "validation/loss",
            },
        },
    ],
)
def test_ensembles_that_cannot_be_are_refused(changes):
    with pytest.raises(ValueError, match=r"^members"):
        make_study(**changes)


def test_no_two_values_share_a_run():
    study = make_study(
        seeds=[3, 0, 7],
        members={"a": 4, "b": 2},
        variants={"a": [], "b": [], "c": []},
        comparisons=[{"better": "a", "worse": "b"}, {"better": "b", "worse": "c"}],
    )
    assert study.seeds_of("c") == {3: (3,), 0: (0,), 7: (7,)}
    groups = [seeds for name in "abc" for seeds in study.seeds_of(name).values()]
    assert [len(seeds) for seeds in groups] == [4] * 3 + [2] * 3 + [1] * 3
    flat = [seed for seeds in groups for seed in seeds]
    assert len(set(flat)) == len(flat)


def test_one_network_and_an_ensemble_of_it_are_two_variants_and_the_same_ensemble_twice_is_not():
    same = [Candidate("a", None, "1" * 64), Candidate("b", None, "1" * 64)]
    check_candidates(make_study(members={"a": 7}), same)
    check_candidates(make_study(members={"a": 7, "b": 3}), same)
    with pytest.raises(ValueError, match="a and b with one configuration"):
        check_candidates(make_study(members={"a": 7, "b": 7}), same)
