"""Make the pairing table: train every trick of conf/tricks on every network of conf/network, each a few steps.

Without a name only what is missing is made, so that it goes on where it was stopped; networks and tricks that are named
are made again; for all, delete pairings.yaml. What is not there any more is left out. Look at the difference::

    .venv/bin/python tests/golden/pairings.py
    .venv/bin/python tests/golden/pairings.py mixup resnet18
"""

import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "contracts"))

import torch  # noqa: E402
from network_cases import NETWORKS  # noqa: E402
from pairing_cases import Cell, Pairs  # noqa: E402
from pairing_networks import TRICKS  # noqa: E402
from pairing_page import PAGE, page  # noqa: E402
from pairing_table import GOLDEN, read_table, write_table  # noqa: E402
from tqdm import tqdm  # noqa: E402


def main(named: list[str]) -> int:
    """Make what is missing or named, and the page when there is no hole."""
    if unknown := {*named} - {*NETWORKS, *TRICKS}:
        print(f"names must be networks or tricks, got {sorted(unknown)}; see conf/network and conf/tricks")
        return 2
    torch.set_num_threads(1)
    old = read_table(GOLDEN)
    table = {
        name: {t: cell for t, cell in old.get(name, {}).items() if t in TRICKS and not {name, t} & {*named}}
        for name in NETWORKS
    }
    if failed := fill(table):
        print(
            f"{failed} pairs neither learn nor are refused; mend the trick, or explain it in pairing_cases.py"
        )
        return 1
    PAGE.write_text(page(table), encoding="utf-8")
    return 0


def fill(table: dict[str, dict[str, Cell]]) -> int:
    """Make the missing cells and write the table after every network; how many could not be made."""
    failed, made = 0, dict[tuple[str, str], Cell]()
    missing = {name: [trick for trick in TRICKS if trick not in row] for name, row in table.items()}
    with (
        tempfile.TemporaryDirectory() as folder,
        tqdm(total=sum(map(len, missing.values())), unit="pair") as bar,
    ):
        for name, tricks in missing.items():
            bar.set_description(name)
            pairs = Pairs(name, Path(folder))
            for trick in tricks:
                try:
                    key = (pairs.same_as(), trick)
                    if key not in made:
                        made[key] = pairs.cell(trick)
                    table[name][trick] = made[key]
                except Exception as error:  # every hole is shown, not only the first
                    failed += 1
                    bar.write(f"{name} + {trick}: {type(error).__name__}: {error}")
                bar.update()
            if tricks:
                write_table(table, GOLDEN)
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
