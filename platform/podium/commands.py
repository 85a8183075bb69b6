"""What each command takes, and where its work is done. Nothing heavy is imported before one is called."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

Command = Callable[[argparse.Namespace], int]


class Add(Protocol):
    """Adds a command's parser; a command with ``roots`` takes overrides of these configurations."""

    def __call__(
        self, name: str, command: Command, text: str, *, roots: tuple[str, ...] = ()
    ) -> argparse.ArgumentParser:
        """The parser, for the command's own options."""


def declare(add: Add) -> None:
    """Add every command, in the order of the help."""
    _declare_one_run(add)
    _declare_many_runs(add)
    _declare_tools(add)


def _declare_one_run(add: Add) -> None:
    sub = add("train", _train, "train one configuration, or go on where it stopped", roots=("train",))
    sub.add_argument("--fresh", action="store_true", help="train again, also when this run has finished")
    add("summary", _summary, "print a network's layers, output shapes and parameters", roots=("train",))
    sub = add(
        "initializers",
        _initializers,
        "compare initializers: signal and gradients of each layer",
        roots=("train",),
    )
    sub.add_argument(
        "--examples", type=_positive, default=256, help="training examples that pass (default: 256)"
    )
    sub = add("look", _look, "draw training images before and after augmentation", roots=("train",))
    sub.add_argument("--out", type=Path, default=Path("look.png"), help="the picture (default: look.png)")
    sub = add("evaluate", _evaluate, "score a finished run's saved network again")
    sub.add_argument("run", type=Path, help="the run's folder")
    sub = add("retrieve", _retrieve, "find the test images most like each other by a run's features")
    sub.add_argument("run", type=Path, help="the run's folder")
    sub.add_argument("--queries", type=_positive, default=6, help="rows of the picture (default: 6)")
    sub = add("ensemble", _ensemble, "average what finished runs predict, or sample one run's dropout")
    sub.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="the runs' folders")
    sub.add_argument(
        "--mc-dropout",
        type=_positive,
        default=None,
        help="of one run: average so many networks with drawn masks",
    )
    sub.add_argument(
        "--out", type=Path, default=Path("ensembles"), help="folder for predictions (default: ensembles)"
    )


def _declare_many_runs(add: Add) -> None:
    sub = add("sweep", _sweep, "train many configurations with Ray Tune", roots=("train", "sweep"))
    sub.add_argument(
        "--dry-run", action="store_true", help="show the trials and the estimated time, train nothing"
    )
    sub.add_argument("--cancel", action="store_true", help="end this sweep on Kubernetes (cluster=kuberay)")
    sub = add(
        "leaderboard", _leaderboard, "train what a board lacks, then build its pages", roots=("leaderboard",)
    )
    sub.add_argument(
        "--concurrency", type=_positive, default=None, help="runs at a time (default: one a core)"
    )
    _declare_pack(sub, default="off")
    sub = add("ablate", _ablate, "train with and without each trick: what is each worth?", roots=("train",))
    for mode, text in (
        ("leave-one-out", "all tricks, and all but each (the default)"),
        ("add-one", "no trick, and each alone"),
        ("pairwise", "no trick, each alone, and each two together"),
    ):
        sub.add_argument(
            f"--{mode}", dest="modes", action="append_const", const=mode.replace("-", "_"), help=text
        )
    sub.add_argument("--seeds", type=_positive, default=5, help="of each variation, from 0 (default: 5)")
    sub.add_argument(
        "--metric", default="validation/top1_error", help="what is gained (default: validation/top1_error)"
    )
    sub.add_argument(
        "--out", type=Path, default=None, help="folder of the page (default: reports/ablate-NAME)"
    )
    sub.add_argument(
        "--concurrency", type=_positive, default=None, help="runs at a time (default: one a core)"
    )
    _declare_pack(sub, default="off")
    sub.add_argument(
        "--dry-run", action="store_true", help="show the variations and the estimated time, train nothing"
    )
    sub = add("study", _study, "put a claim to the test: train what lacks, judge it, write its page")
    sub.add_argument(
        "action", choices=("run", "all", "pages"), help="pages: from records alone, nothing runs"
    )
    sub.add_argument("names", nargs="*", metavar="NAME", help="studies of conf/study, for run")
    sub.set_defaults(named_in="study")
    sub.add_argument(
        "--out", type=Path, default=Path("reports/studies"), help="folder of pages (default: reports/studies)"
    )
    sub.add_argument(
        "--concurrency", type=_positive, default=None, help="runs at a time (default: one a core)"
    )
    _declare_pack(sub, default="auto")
    sub = add("reproduce", _reproduce, "train a row of a published board again and compare")
    sub.add_argument("report", type=Path, help="the board's folder, such as reports/digits")
    sub.add_argument("--row", type=_positive, required=True, help="the row's number on the board, from 1")
    sub.add_argument("--data", default="datasets", help="folder of the data sets (default: datasets)")
    sub = add("verify", _verify, "recompute every number of a published board and check every hash")
    sub.add_argument("report", type=Path, help="the board's folder, such as reports/digits")


def _declare_tools(add: Add) -> None:
    sub = add("sync", _sync, "send to MLflow what it does not have yet")
    sub.add_argument(
        "runs", type=Path, nargs="?", default=Path("runs"), help="a run's folder, or many below it"
    )
    sub.add_argument("--uri", default=None, help="another MLflow than the runs' own")
    sub.add_argument(
        "--follow", action="store_true", help="stay and send while runs below the folder are training"
    )
    sub = add("ui", _ui, "open MLflow's pages on the runs' store")
    sub.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the runs (default: runs)")
    sub.add_argument("--uri", default=None, help="another MLflow store")
    sub.add_argument("--port", type=_positive, default=5000, help="port on this machine (default: 5000)")
    sub = add("server", _server, "serve MLflow to a team, with accounts")
    sub.add_argument(
        "--folder", type=Path, default=Path("server"), help="of passwords and SQLite (default: server)"
    )
    sub.add_argument("--database", default=None, help="postgresql://USER@HOST/NAME (default: SQLite)")
    sub.add_argument("--artifacts", default=None, help="a folder, or s3://BUCKET (default: in the folder)")
    sub.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    sub.add_argument("--port", type=_positive, default=5000, help="port to listen on (default: 5000)")
    sub.add_argument(
        "--name", dest="names", action="append", default=[], help="by which clients call it; may be repeated"
    )
    sub.add_argument("--workers", type=_positive, default=2, help="processes that answer (default: 2)")
    sub = add("completion", _completion, "print the script that makes a shell complete podium's words")
    sub.add_argument("shell", choices=("bash", "zsh"))


def _declare_pack(sub: argparse.ArgumentParser, *, default: str) -> None:
    sub.add_argument(
        "--pack",
        choices=("auto", "off"),
        default=default,
        help=f"auto: train runs of one shape as one program where that is faster (default: {default})",
    )


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1, got {text!r}")
    return int(text)


def _train(args: argparse.Namespace) -> int:
    from podium.run.command import train_command

    return train_command(args.overrides, fresh=args.fresh)


def _summary(args: argparse.Namespace) -> int:
    from podium.run.command import summary_command

    return summary_command(args.overrides)


def _initializers(args: argparse.Namespace) -> int:
    from podium.run.initializers import initializers_command

    return initializers_command(args.overrides, examples=args.examples)


def _look(args: argparse.Namespace) -> int:
    from podium.run.look import look_command

    return look_command(args.overrides, out=args.out)


def _evaluate(args: argparse.Namespace) -> int:
    from podium.run.command import evaluate_command

    return evaluate_command(args.run)


def _retrieve(args: argparse.Namespace) -> int:
    from podium.run.command import retrieve_command

    return retrieve_command(args.run, queries=args.queries)


def _ensemble(args: argparse.Namespace) -> int:
    from podium.run.ensemble import ensemble_command

    return ensemble_command(args.runs, out=args.out, mc_dropout=args.mc_dropout)


def _sweep(args: argparse.Namespace) -> int:
    from podium.sweep.command import sweep_command

    return sweep_command(args.overrides, dry_run=args.dry_run, cancel=args.cancel)


def _leaderboard(args: argparse.Namespace) -> int:
    from podium.sweep.leaderboard import leaderboard_command

    return leaderboard_command(args.overrides, concurrency=args.concurrency, pack=args.pack)


def _ablate(args: argparse.Namespace) -> int:
    from podium.sweep.ablate import ablate_command

    return ablate_command(
        args.overrides,
        modes=list(dict.fromkeys(args.modes or ["leave_one_out"])),
        seeds=args.seeds,
        metric=args.metric,
        out=args.out,
        concurrency=args.concurrency,
        pack=args.pack,
        dry_run=args.dry_run,
    )


def _study(args: argparse.Namespace) -> int:
    from podium.sweep.study import study_command

    return study_command(args.action, args.names, out=args.out, concurrency=args.concurrency, pack=args.pack)


def _reproduce(args: argparse.Namespace) -> int:
    from podium.run.command import reproduce_command

    return reproduce_command(args.report, row=args.row, data_root=args.data)


def _verify(args: argparse.Namespace) -> int:
    from podium.leaderboard.verify import verify
    from podium.run.errors import ConfigError

    try:
        problems = verify(args.report)
    except ValueError as error:  # of a room that knows no ConfigError
        raise ConfigError(str(error)) from None
    for problem in problems:
        print(problem)
    print(
        f"{args.report}: {len(problems)} problems"
        if problems
        else f"{args.report}: every number and hash is right"
    )
    return 1 if problems else 0


def _sync(args: argparse.Namespace) -> int:
    from podium.records.sync import run_sync

    return run_sync(args.runs, uri=args.uri, follow=args.follow)


def _ui(args: argparse.Namespace) -> int:
    from podium.records.ui import run_ui

    return run_ui(args.runs, uri=args.uri, port=args.port)


def _server(args: argparse.Namespace) -> int:
    from podium.records.mlflow_server import Address
    from podium.records.server import Wishes, run_server

    address = Address(args.host, args.port, tuple(args.names))
    return run_server(
        Wishes(
            folder=args.folder,
            database=args.database,
            artifacts=args.artifacts,
            address=address,
            workers=args.workers,
        )
    )


def _completion(args: argparse.Namespace) -> int:
    from podium.run.completion import SCRIPTS

    print(SCRIPTS[args.shell], end="")
    return 0
