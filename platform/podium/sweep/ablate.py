"""`podium ablate`: train one configuration with and without its tricks, then say what each is worth."""

import math
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from podium.leaderboard.ablation import Ablation, Mode, Variation, variations
from podium.leaderboard.board import RULES, Entry
from podium.leaderboard.build import build
from podium.leaderboard.rows import SUMMARY_FILE, read_summary
from podium.leaderboard.unit import direction_of
from podium.run.assemble import check_run, compose_seeds
from podium.run.errors import ConfigError
from podium.sweep.lacking import tagged, train_lacking
from podium.sweep.packs import Pack

Config = dict[str, Any]
GROUPS = ("tricks", "augment")  # what a configuration can do without; an initializer it cannot
COLUMNS = ["seeds", "parameters", "multiply_adds", "train_time"]
ALPHA = 0.05
SAME = ("factors", "overrides", "metric")  # what a folder's ablation must share with one that takes its place
HOW = {
    Mode.LEAVE_ONE_OUT: "each is left out of the whole in turn",
    Mode.ADD_ONE: "each is added alone to none",
    Mode.PAIRWISE: "each two are tried together and alone",
}


def ablate_command(
    overrides: Sequence[str],
    *,
    modes: Sequence[str],
    seeds: int,
    metric: str,
    out: Path | None,
    concurrency: int | None,
    pack: Pack,
    dry_run: bool,
) -> int:
    """Train every variation with the same seeds, build the page, and say what it says.

    Raises:
        ConfigError: there is nothing to ablate, or the folder holds another ablation; nothing was trained.
    """
    board = make_ablation(overrides, modes=modes, seeds=seeds, metric=metric)
    folder = out or Path(f"reports/ablate-{board.name}")
    check_folder(board, folder)
    configs = configurations(board)
    refused = refusals(board, configs)
    if dry_run:
        print(preview(board, configs, refused, concurrency or len(os.sched_getaffinity(0))))
        return 0
    for label, reason in refused.items():
        print(f"note: {label} cannot be trained and stays a hole: {reason}")
    planned = [  # seed by seed, so that a machine that slows down slows all variations
        tagged(configs[key][place], kind="ablation", name=board.name, key=key)
        for place in range(seeds)
        for key in board.entries
    ]
    folders = train_lacking(board.title, planned, concurrency=concurrency, pack=pack)
    table = build(board, entries(board, configs), folders, folder)
    print((folder / "ablation.md").read_text(encoding="utf-8"))
    print(f"page: {folder / 'index.html'}")
    for row, run in table.troubles:
        print(f"not counted: {row.entry.name}, seed {run.seed}: {run.status} ({run.reason})")
    return 0


def make_ablation(overrides: Sequence[str], *, modes: Sequence[str], seeds: int, metric: str) -> Ablation:
    """The ablation of the configuration that the overrides choose: of its tricks and its augmentations.

    Raises:
        ConfigError: the configuration is wrong, it has none, or a seed was chosen.
    """
    if chosen := [text for text in overrides if text.lstrip("+~").startswith("seed=")]:
        raise ConfigError(f"an ablation sets the seeds itself, got {chosen[0]}; set --seeds 5")
    (config,) = compose_seeds(overrides, seeds=None)
    check_run(config)
    factors = [f"{group}.{name}" for group in GROUPS for name in config.get(group) or {}]
    entry = [text.partition("=")[2] for text in overrides if text.startswith("entry=")]
    title = f"What {len(factors)} tricks are worth" if len(factors) > 1 else "What a trick is worth"
    replicates = f"{seeds} seeds" if seeds > 1 else "one seed"
    try:
        return Ablation(
            name=re.sub(r"[^a-z0-9]+", "_", (entry or [config["name"]])[-1].lower()).strip("_")[:40] or "run",
            title=title,
            description=f"{config['name']} on {config['data']['_target_'].rpartition('.')[2]}: "
            f"{', '.join(HOW[Mode(mode)] for mode in modes)}, with the same {replicates}.",
            rules=RULES,
            entries=[variation.key for variation in variations(factors, modes)],
            seeds=list(range(seeds)),
            overrides=list(overrides),
            columns=COLUMNS,
            alpha=ALPHA,
            metric=metric,
            direction=direction_of(metric),
            factors=factors,
            modes=list(modes),
        )
    except ValueError as error:
        raise ConfigError(str(error)) from None


def configurations(board: Ablation) -> dict[str, list[Config]]:
    """The runs of every variation: what its command line composes, for each seed, named after what is in it."""
    found = {
        variation.key: compose_seeds(
            [*board.overrides, *(f"~{factor}" for factor in board.off(variation.key))], seeds=board.seeds
        )
        for variation in _variations(board)
    }
    names = {configs[0]["name"] for configs in found.values()}
    if len(names) == len(found):
        return found
    return {  # the configuration has a name of its own, which all variations would bear
        variation.key: [
            {**config, "name": f"{config['name']}, {variation.label}"} for config in found[variation.key]
        ]
        for variation in _variations(board)
    }


def entries(board: Ablation, configs: dict[str, list[Config]]) -> list[Entry]:
    """The variations as entries, under their labels."""
    return [
        Entry.from_config(variation.key, {**configs[variation.key][0], "name": variation.label})
        for variation in _variations(board)
    ]


def refusals(board: Ablation, configs: dict[str, list[Config]]) -> dict[str, str]:
    """Why a variation cannot be built, by its label; it is trained all the same, to be seen failing on the page.

    Raises:
        ConfigError: one that every question needs cannot be built: nothing could be said.
    """
    from podium.run.build import build as build_run

    found = {}
    for variation in _variations(board):
        try:
            check_run(configs[variation.key][0])
            build_run(configs[variation.key][0])
        except ConfigError as error:
            if variation.key == "none" or (variation.key == "all" and Mode.LEAVE_ONE_OUT in board.modes):
                raise ConfigError(f"{variation.label} must be possible to train, but {error}") from None
            found[variation.label] = str(error)
    return found


def check_folder(board: Ablation, folder: Path) -> None:
    """Check that the folder is free, or holds this ablation, perhaps with other seeds or modes.

    Raises:
        ConfigError: it holds another.
    """
    if not (folder / SUMMARY_FILE).is_file():
        return
    theirs, ours = read_summary(folder).get("board"), board.to_dict()
    differs = [key for key in SAME if not isinstance(theirs, dict) or theirs.get(key) != ours[key]]
    if differs:
        raise ConfigError(
            f"{folder} must hold this ablation or none, got one with other {' and '.join(differs)}; "
            f"set --out {folder}-2"
        )


def preview(
    board: Ablation, configs: dict[str, list[Config]], refused: dict[str, str], concurrency: int
) -> str:
    """The variations, and how long they may take: measured on each."""
    from podium.run.estimate import estimate_seconds
    from podium.sweep.preview import PER_RUN_S, STARTUP_S, duration

    lines, total = (
        [f"{board.title}: {len(board.entries)} variations x {len(board.seeds)} seeds, {board.metric}"],
        0.0,
    )
    for variation in _variations(board):
        if variation.label in refused:
            lines.append(f"       –  {variation.label}: {refused[variation.label]}")
            continue
        seconds = PER_RUN_S + estimate_seconds(configs[variation.key][0])
        total += seconds * len(board.seeds)
        lines.append(f"{seconds:>6.1f} s  {variation.label}")
    runs = len(board.entries) * len(board.seeds)
    waves = max(total / concurrency, total / runs * math.ceil(runs / concurrency))
    lines.append(f"{runs} runs, {concurrency} at a time: about {duration(waves + STARTUP_S)}")
    return "\n".join(lines)


def _variations(board: Ablation) -> list[Variation]:
    return variations(board.factors, board.modes)
