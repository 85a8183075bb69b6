import pytest

from leaderboard.study_cases import METRIC, make_candidate, make_record, make_records, make_study
from podium.leaderboard.study_results import results
from podium.leaderboard.study_verdict import Verdict

GOOD, BAD = [0.10, 0.11, 0.10, 0.12, 0.11], [0.20, 0.22, 0.21, 0.20, 0.21]
CHOOSE = {"key": "optimizer.lr", "values": [0.1, 0.01], "seeds": [8, 9], "metric": "validation/loss"}
PLAIN = [make_candidate("a"), make_candidate("b")]


def chosen_records(losses):
    """The choice's runs with a loss for each variant and value, null where one diverged, and the comparison's."""
    records = []
    for (variant, value), loss in losses.items():
        for seed in CHOOSE["seeds"]:
            metrics = None if loss is None and seed == 9 else {"validation/loss": loss or 0.0}
            records.append(make_record(variant, seed, metrics, value))
    return records


def test_records_give_values_means_and_a_verdict():
    found = results(make_study(), PLAIN, make_records({"a": GOOD, "b": BAD}))
    assert found.verdict is Verdict.SUPPORTED
    assert found.variants[0].values == dict(enumerate(GOOD))
    assert found.variants[1].mean == pytest.approx(0.208)
    assert found.troubles == ()
    assert found.train_s == 600


def test_the_order_of_records_has_no_influence():
    records = make_records({"a": GOOD, "b": BAD})
    assert results(make_study(), PLAIN, records) == results(make_study(), PLAIN, records[::-1])


def test_runs_that_diverged_or_lack_stay_in_sight_and_nothing_is_claimed():
    records = make_records({"a": GOOD, "b": BAD[:3]})
    records.append(make_record("b", 3, None))
    found = results(make_study(), PLAIN, records)
    assert found.verdict is Verdict.UNDECIDED
    assert [(one.variant, one.seed, one.status) for one in found.troubles] == [
        ("b", 3, "diverged"),
        ("b", 4, "missing"),
    ]


def test_each_variant_chooses_by_validation_and_a_value_that_diverged_is_not_chosen():
    study = make_study(choose=CHOOSE)
    candidates = [make_candidate(name, value) for name in "ab" for value in (0.1, 0.01)]
    records = chosen_records({("a", 0.1): 0.5, ("a", 0.01): 0.4, ("b", 0.1): 0.9, ("b", 0.01): None})
    records += [make_record("a", seed, {METRIC: value}, 0.01) for seed, value in enumerate(GOOD)]
    records += [make_record("b", seed, {METRIC: value}, 0.1) for seed, value in enumerate(BAD)]
    found = results(study, candidates, records)
    assert [(one.name, one.candidate.value) for one in found.variants] == [("a", 0.01), ("b", 0.1)]
    assert [trial.mean for trial in found.trials] == [0.5, 0.4, 0.9, None]
    assert found.on_edge == ["a", "b"]
    assert [(one.variant, one.seed) for one in found.troubles] == [("b, 0.01", 9)]
    assert found.verdict is Verdict.SUPPORTED


def test_runs_of_a_value_that_was_not_chosen_are_refused():
    study = make_study(choose=CHOOSE)
    candidates = [make_candidate(name, value) for name in "ab" for value in (0.1, 0.01)]
    records = chosen_records({("a", 0.1): 0.3, ("a", 0.01): 0.4, ("b", 0.1): 0.9, ("b", 0.01): 1.0})
    with pytest.raises(ValueError, match="must be of the study's runs"):
        results(study, candidates, [*records, make_record("a", 0, {METRIC: 0.0}, 0.01)])


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (make_record("c", 0, {METRIC: 0.1}), "must be of the study's runs"),
        (make_record("a", 7, {METRIC: 0.1}), "must be of the study's runs"),
        (make_record("a", 0, {METRIC: 0.0}), "one record"),
    ],
)
def test_strange_and_double_runs_are_refused(extra, message):
    with pytest.raises(ValueError, match=message):
        results(make_study(), PLAIN, [*make_records({"a": GOOD, "b": BAD}), extra])


def test_a_metric_that_runs_do_not_have_is_named():
    with pytest.raises(ValueError, match=r"test/top1_error\), got test/mean_iou"):
        results(make_study(metric="test/mean_iou"), PLAIN, make_records({"a": GOOD, "b": BAD}))
