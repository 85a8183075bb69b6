"""Pictures whose every value differs, so that nothing is confused with anything else."""

import pytest
import torch


@pytest.fixture(autouse=True)
def same_draws_every_time():
    torch.manual_seed(0)


@pytest.fixture
def images():
    """16 colour pictures of 12x10, values of 0 to 1."""
    return torch.rand(16, 3, 12, 10, generator=torch.Generator().manual_seed(1))
