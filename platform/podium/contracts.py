"""What the rooms agree on: a batch, what networks with auxiliary classifiers give in training, tricks, augmentations."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Literal, NamedTuple, Protocol

import pytorch_lightning as pl
from jaxtyping import Int
from torch import Tensor, nn

Targets = Literal[
    "classes", "masks", "boxes", "values", "symbols", "tags", "sequences", "spans"
]  # what a data set offers and a task asks for: see Batch
FILLING = -1  # behind the end of a sequence of symbols
END = 0  # the symbol that closes a sequence that is to be written


class Batch(NamedTuple):
    """One mini-batch.

    ``input`` has shape (batch, *sample shape): sequences of values (batch, channels, length), a shorter one filled up with
    NaN; sequences of symbols (batch, length), numbers from 0 on, filled up with -1.

    ``target`` holds what the task asks for: class numbers of shape (batch,), or, once a trick has softened them,
    probabilities of shape (batch, classes); class numbers of every pixel (batch, height, width); boxes (batch, most
    objects, 5) of class, x1, y1, x2, y2 in pixels, filled up with rows of -1; values (batch, values); symbols
    (batch, length), the number of the symbol that follows each place, -1 where there is none; tags (batch, length) of every
    place, 0 outside an entity, 2k + 1 where one of type k begins, 2k + 2 where it goes on, -1 behind the end; sequences
    (batch, length) of a length of their own: class numbers, of which 0 is the end and 1 what a vocabulary does not
    hold, closed by the end and filled up with -1; or spans (batch, 3 + words): the example's number in its data, first and
    last place of the answer in the last ``num_classes`` places of the input (-1: it is not there), and the words of every
    true answer as numbers that mean the same in all data, each answer closed by the end, filled up with -1.
    """

    input: Tensor
    target: Tensor


class Wording(Protocol):
    """What data with spans know besides their batches: the text."""

    def answer_words(
        self, numbers: Int[Tensor, " batch"], spans: Int[Tensor, "batch 2"], *, width: int
    ) -> Int[Tensor, "batch words"]:
        """The words in spans of these examples, as numbers, filled up with -1 to so many."""


class Auxiliary(NamedTuple):
    """What a network with auxiliary classifiers gives in training: its own logits and theirs.

    A task adds ``weight`` times each auxiliary loss to its own (Szegedy et al. 2014, https://arxiv.org/abs/1409.4842).
    """

    logits: Tensor
    others: tuple[Tensor, ...]
    weight: float


class Trick(pl.Callback):
    """One regularisation trick: a Lightning callback with at most four edits.

    Each edit returns the thing it is named after and mutates nothing it was given, except that ``edit_network`` may
    return the same network with parts replaced. A trick that finds nothing to change raises ValueError. Tricks that
    act over time use Lightning's own hooks. Edits run in the order of the configuration.
    """

    def check(self, task: pl.LightningModule, tricks: Sequence["Trick"]) -> None:
        """Raise ValueError for a task, or for other tricks of the run, that this one does not go with."""

    def edit_network(self, network: nn.Module) -> nn.Module:
        """Return the network to train. Called once, after initialisation and before the optimizer exists."""
        return network

    def edit_batch(self, batch: Batch) -> Batch:
        """Return the training batch to use; targets are probabilities (batch, classes). Never called in evaluation."""
        return batch

    def edit_target(self, target: Tensor, output: Tensor) -> Tensor:
        """Return the training target, probabilities (batch, classes), for this output of the network."""
        return target

    def edit_loss(self, loss: Tensor, network: nn.Module, batch: Batch, output: Tensor) -> Tensor:
        """Return the scalar training loss to differentiate."""
        return loss


class Augmentation(ABC):
    """A random change of training inputs, drawn anew for every example.

    It maps a batch (batch, channels, height, width) to one of that shape and mutates nothing. All draws come from torch's
    global generator on the CPU, whose state checkpoints keep. The values are those of the data before they are
    standardised: 0 to 1 where they were bytes. Never called in evaluation.

    ``moves`` says whether pixels change places, after which masks and boxes would no longer fit; ``bounded`` whether
    values must be from 0 to 1.
    """

    moves: ClassVar[bool]
    bounded: ClassVar[bool] = False

    def check(self, shape: Sequence[int], *, targets: Targets) -> None:
        """Check that samples of this shape with such targets can be augmented.

        Raises:
            ValueError: they are no images, or pixels would change places that masks or boxes keep.
        """
        if self.moves and targets != "classes":
            raise ValueError(
                f"pixels must stay in their places where targets are {targets}, got {type(self).__name__}, which moves "
                "them; choose color_jitter, channel_shift or none"
            )
        if len(shape) != 3:
            raise ValueError(
                f"samples must be images [channels, height, width], got {list(shape)}; set augment=none"
            )
        if self.bounded and shape[0] not in (1, 3):
            raise ValueError(
                f"images must be grey or of three colours, got {shape[0]} channels; leave it out"
            )

    @abstractmethod
    def __call__(self, input: Tensor) -> Tensor:
        """The changed inputs."""
