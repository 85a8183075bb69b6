"""The data sets of conf/data as the contract tests build them: small files stand in for downloads."""

import pytest
from data_cases import NAMES, read
from data_samples import SAMPLES
from hydra.utils import instantiate
from omegaconf import OmegaConf


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    """The root of each data set, and what is changed in its configuration: small files stand in for downloads."""
    folder = tmp_path_factory.mktemp("datasets")
    with pytest.MonkeyPatch.context() as patch:
        roots = {name: folder / name if name in SAMPLES else folder for name in NAMES}
        for root in roots.values():
            root.mkdir(exist_ok=True)
        yield {
            name: (root, SAMPLES[name](root, patch) if name in SAMPLES else {})
            for name, root in roots.items()
        }


@pytest.fixture
def build(samples):
    def make(name, *, seed=0, **changes):
        root, facts = samples[name]
        whole = OmegaConf.create({"paths": {"data": str(root)}, "seed": seed, "data": read(name)})
        return instantiate(OmegaConf.merge(whole, {"data": facts}, {"data": changes}).data, _convert_="all")

    return make
