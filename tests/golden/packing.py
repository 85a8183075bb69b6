"""Make the table of which networks pack. Look at the difference::

.venv/bin/python tests/golden/packing.py
"""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "contracts"))

import torch  # noqa: E402
import yaml  # noqa: E402
from network_cases import NETWORKS  # noqa: E402
from packing_cases import GOLDEN, HEAD, verdict  # noqa: E402
from tqdm import tqdm  # noqa: E402

if __name__ == "__main__":
    torch.set_num_threads(1)
    table = {name: verdict(name) for name in tqdm(NETWORKS, unit="network")}
    GOLDEN.write_text(HEAD + yaml.safe_dump(table, width=10**6), encoding="utf-8")
