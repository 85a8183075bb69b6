"""Label smoothing (Szegedy, Vanhoucke, Ioffe, Shlens and Wojna 2015, https://arxiv.org/abs/1512.00567).

    target <- (1 - smoothing) * target + smoothing / classes

Follows the paper, with the uniform distribution over the classes.
"""

from jaxtyping import Float
from torch import Tensor

from podium.contracts import Trick


class LabelSmoothing(Trick):
    """Moves a share ``smoothing`` of every training target to the uniform distribution; 0 is neutral.

    Raises:
        ValueError: ``smoothing`` is outside [0, 1], or the targets have a single class.
    """

    def __init__(self, *, smoothing: float) -> None:
        if not 0 <= smoothing <= 1:
            raise ValueError(f"smoothing must be in [0, 1], got {smoothing}; 0 switches it off")
        self.smoothing = smoothing

    def edit_target(
        self, target: Float[Tensor, "batch classes"], output: Float[Tensor, "batch classes"]
    ) -> Float[Tensor, "batch classes"]:
        """The smoothed probabilities."""
        classes = target.shape[1]
        if classes < 2:
            raise ValueError(f"targets must have at least 2 classes, got {classes}; leave this trick out")
        return (1 - self.smoothing) * target + self.smoothing / classes
