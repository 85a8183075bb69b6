import numpy as np
import pytest

from podium.metrics import evaluate
from podium.metrics.decisions import evaluate as of_decisions

ARRAYS = {"decision": np.array([1, 0, 2, 2]), "label": np.array([1, 1, 2, 0])}


@pytest.mark.parametrize(
    "task",
    [
        "perceptron.Perceptron",
        "least_mean_squares.LeastMeanSquares",
        "madaline.Madaline",
        "self_organization.SelfOrganization",
    ],
)
def test_rules_without_probabilities_are_judged_by_their_decisions(task):
    assert evaluate(f"podium.tasks.{task}", ARRAYS) == {"test/top1_error": 0.5}


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"label": np.zeros(3)}, "got none named decision"),
        ({"label": np.zeros(3), "decision": np.zeros((3, 1))}, r"got \(3, 1\) and \(3,\)"),
        ({"label": np.zeros(0), "decision": np.zeros(0)}, r"got \(0,\) and \(0,\)"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(arrays, said):
    with pytest.raises(ValueError, match=said):
        of_decisions(arrays)
