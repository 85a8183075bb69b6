"""The files of conf/data, which the contract tests read one by one."""

from network_cases import CONF
from omegaconf import OmegaConf

NAMES = sorted(file.stem for file in (CONF / "data").glob("*.yaml"))


def read(name):
    return OmegaConf.load(CONF / "data" / f"{name}.yaml")
