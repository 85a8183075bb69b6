import numpy as np
import pytest
from sklearn.metrics import log_loss, top_k_accuracy_score

from podium.metrics.classification import evaluate, is_top_k_error, negative_log_likelihood, top_k_error

PROBABILITY = np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6], [0.2, 0.5, 0.3]], dtype=np.float32)
LABEL = np.array([0, 1, 0])


def test_the_error_is_the_fraction_of_labels_that_are_not_the_most_probable_class():
    assert top_k_error(PROBABILITY, LABEL, 1) == 2 / 3
    assert top_k_error(PROBABILITY, LABEL, 2) == 1 / 3
    assert top_k_error(PROBABILITY, LABEL, 3) == 0.0


def test_errors_and_loss_agree_with_scikit_learn():
    generator = np.random.default_rng(0)
    probability = generator.dirichlet(np.ones(10), size=500)
    label = generator.integers(0, 10, size=500)
    for k in (1, 3, 5):
        accuracy = top_k_accuracy_score(label, probability, k=k, labels=np.arange(10))
        assert top_k_error(probability, label, k) == pytest.approx(1 - accuracy, abs=1e-12)
    assert negative_log_likelihood(probability, label) == pytest.approx(
        log_loss(label, probability), rel=1e-12
    )


def test_ties_count_against_the_network_so_a_constant_output_is_always_wrong():
    constant = np.full((4, 10), 0.1, dtype=np.float32)
    assert top_k_error(constant, np.arange(4), 1) == 1.0
    assert top_k_error(constant, np.arange(4), 3) == 1.0
    assert top_k_error(constant, np.arange(4), 10) == 0.0


def test_a_row_that_is_not_a_number_is_an_error():
    probability = PROBABILITY.copy()
    probability[0, 2] = np.nan
    assert is_top_k_error(probability, LABEL, 1)[0]
    assert not is_top_k_error(PROBABILITY, LABEL, 1)[0]


def test_a_probability_of_zero_gives_a_large_finite_loss():
    assert negative_log_likelihood(np.array([[0.0, 1.0]]), np.array([0])) == pytest.approx(87.3365, abs=1e-3)


def test_evaluate_names_the_metrics_as_they_are_logged():
    assert evaluate({"probability": PROBABILITY, "label": LABEL}) == {
        "test/loss": negative_log_likelihood(PROBABILITY, LABEL),
        "test/top1_error": 2 / 3,
    }


@pytest.mark.parametrize(("classes", "ks"), [(2, [1]), (6, [1]), (7, [1, 3]), (10, [1, 3]), (11, [1, 3, 5])])
def test_top_k_errors_of_few_classes_are_left_out(classes, ks):
    arrays = {"probability": np.eye(classes, dtype=np.float32)[[0, 1]], "label": np.array([0, 1])}
    assert set(evaluate(arrays)) == {"test/loss", *(f"test/top{k}_error" for k in ks)}


def test_missing_arrays_are_named():
    with pytest.raises(
        ValueError, match=r"^predictions must hold probability and label, got none named label; "
    ):
        evaluate({"probability": PROBABILITY})


@pytest.mark.parametrize(
    ("probability", "label", "k", "said"),
    [
        (PROBABILITY, LABEL[:2], 1, r"got \(3, 3\) and \(2,\)"),
        (PROBABILITY[0], LABEL, 1, "one label an example"),
        (PROBABILITY[:0], LABEL[:0], 1, "one label an example"),
        (PROBABILITY, np.array([0, 1, 3]), 1, r"class in \[0, 3\), got 0 to 3"),
        (PROBABILITY, np.array([0, -1, 2]), 1, "got -1 to 2"),
        (PROBABILITY, LABEL, 0, "k must be at least 1, got 0"),
    ],
)
def test_wrong_arrays_are_refused_in_one_line(probability, label, k, said):
    with pytest.raises(ValueError, match=said) as caught:
        top_k_error(probability, label, k)
    assert "\n" not in str(caught.value)
