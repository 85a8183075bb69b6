import pkgutil

import numpy as np
import pytest

from podium import metrics
from podium.metrics import by_probability, evaluate
from podium.metrics.classification import evaluate as of_classes

ARRAYS = {"probability": np.array([[0.7, 0.3], [0.1, 0.9]], dtype=np.float32), "label": np.array([0, 0])}


@pytest.mark.parametrize(
    "task", ["classification.Classification", "binary_classification.BinaryClassification"]
)
def test_metrics_are_found_by_the_module_of_the_task(task):
    assert evaluate(f"podium.tasks.{task}", ARRAYS) == of_classes(ARRAYS)


@pytest.mark.parametrize("task", ["podium.tasks.cooking.Cooking", "os.path.join", ""])
def test_a_task_without_metrics_is_refused_in_one_line(task):
    with pytest.raises(
        ValueError, match=r"^task must be one of .*classification.*, got .*; add podium/metrics/.*py$"
    ):
        evaluate(task, ARRAYS)


def test_two_of_all_metrics_are_of_class_probabilities():
    modules = [module.name for module in pkgutil.iter_modules(metrics.__path__)]
    having = [
        name for name in modules if hasattr(__import__(f"podium.metrics.{name}", fromlist=["x"]), "evaluate")
    ]
    assert len(having) > 10
    assert {name for name in having if by_probability(name)} == {"binary_classification", "classification"}
