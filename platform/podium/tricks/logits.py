"""Log-probabilities of classes from what a network gives, for tricks that look at them."""

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.nn import functional as F


def log_probabilities(output: Tensor, *, temperature: float) -> Tensor:
    """log softmax(output / temperature) (batch, classes, ...), in at least 32 bits.

    A single logit is that of the second of two classes, whose first has the logit 0.

    Raises:
        ValueError: the output is no logits of classes.
    """
    if output.ndim < 2:
        raise ValueError(
            f"the network must give logits (batch, classes), got shape {tuple(output.shape)}; leave this trick out"
        )
    if output.shape[1] == 1:
        output = torch.cat([torch.zeros_like(output), output], 1)
    return F.log_softmax(output.to(torch.promote_types(output.dtype, torch.float32)) / temperature, 1)


def check_gives_classes(task: pl.LightningModule) -> None:
    """Refuse tasks whose outputs are values, of which a softmax would make something without a meaning.

    Raises:
        ValueError: the task is one of them.
    """
    if getattr(task, "targets", "classes") == "values":
        raise ValueError(
            f"the task must give probabilities of classes, got {type(task).__name__}; leave this trick out"
        )
