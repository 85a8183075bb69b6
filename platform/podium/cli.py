"""The command `podium`. Nothing heavy is imported before a subcommand is chosen."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

Command = Callable[[argparse.Namespace], int]


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run one command; errors made for people are one line on the standard error output and exit code 2."""
    words = sys.argv[1:] if arguments is None else arguments
    parser = _parser(words)
    args = parser.parse_args(words)
    command: Command | None = getattr(args, "command", None)
    if command is None:
        parser.print_help()
        sys.exit(0)
    from podium.run.errors import ConfigError
    from podium.run.interrupts import Interrupted

    try:
        sys.exit(command(args))
    except ConfigError as error:
        sys.exit(_fail(str(error)))
    except Interrupted as error:
        print(f"podium: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("podium: stopped at once; the same command goes on from the last checkpoint", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(0)  # the reader of our output, such as head, has seen enough


def _fail(message: str) -> int:
    print(f"podium: {message}", file=sys.stderr)
    return 2


def _parser(words: list[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="podium", description="Train networks and tricks under identical conditions, and publish boards."
    )
    parser.add_argument("--version", action="version", version=_version(words))
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    asked = words[0] if words else ""

    def add(name: str, command: Command, text: str, *, groups: tuple[str, ...] = ()) -> argparse.ArgumentParser:
        epilog = _choices(groups) if asked == name and groups else None
        sub = commands.add_parser(
            name,
            help=text,
            description=text,
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        sub.set_defaults(command=command)
        if groups:
            sub.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="choices and values, Hydra's syntax")
        return sub

    run = ("network", "initializer", "tricks", "task", "data", "optimizer", "schedule", "trainer", "tracking", "entry")
    sub = add("train", _train, "train one configuration, or go on where it stopped", groups=run)
    sub.add_argument("--fresh", action="store_true", help="train again, also when this run has finished")
    add("summary", _summary, "print a network's layers, output shapes and parameters", groups=run)
    sub = add("evaluate", _evaluate, "score a finished run's saved network again")
    sub.add_argument("run", type=Path, help="the run's folder")
    sub = add("sweep", _sweep, "train many configurations with Ray Tune", groups=(*run, "sweep", "search", "cluster"))
    sub.add_argument("--dry-run", action="store_true", help="show the trials and the estimated time, train nothing")
    sub = add("leaderboard", _leaderboard, "train what a board lacks, then build its pages", groups=("board",))
    sub.add_argument("--concurrency", type=int, default=None, help="runs at a time (default: one a core)")
    sub = add("reproduce", _reproduce, "train a row of a published board again and compare")
    sub.add_argument("report", type=Path, help="the board's folder, such as reports/digits")
    sub.add_argument("--row", type=int, required=True, help="the row's number on the board, from 1")
    sub.add_argument("--data", default="datasets", help="folder of the data sets (default: datasets)")
    sub = add("verify", _verify, "recompute every number of a published board and check every hash")
    sub.add_argument("report", type=Path, help="the board's folder, such as reports/digits")
    sub = add("sync", _sync, "send to MLflow what it does not have yet")
    sub.add_argument("runs", type=Path, nargs="?", default=Path("runs"), help="a run's folder, or many below it")
    sub.add_argument("--uri", default=None, help="another MLflow than the runs' own")
    sub.add_argument("--follow", action="store_true", help="stay and send while runs below the folder are training")
    sub = add("ui", _ui, "open MLflow's pages on the runs' store")
    sub.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the runs (default: runs)")
    sub.add_argument("--uri", default=None, help="another MLflow store")
    sub.add_argument("--port", type=int, default=5000, help="port on this machine (default: 5000)")
    sub = add("completion", _completion, "print the script that makes a shell complete podium's words")
    sub.add_argument("shell", choices=("bash", "zsh"))
    if asked == "complete":
        sub = add("complete", _complete, "words that may follow a line; for the shells' scripts")
        sub.add_argument("line")
    return parser


def _version(words: list[str]) -> str:
    if "--version" not in words:
        return ""
    from importlib.metadata import version

    return f"podium {version('podium')}"


def _choices(names: tuple[str, ...]) -> str:
    from podium.run.conf import describe

    return describe(names)


def _train(args: argparse.Namespace) -> int:
    from podium.run.command import train_command

    return train_command(args.overrides, fresh=args.fresh)


def _summary(args: argparse.Namespace) -> int:
    from podium.run.command import summary_command

    return summary_command(args.overrides)


def _evaluate(args: argparse.Namespace) -> int:
    from podium.run.command import evaluate_command

    return evaluate_command(args.run)


def _sweep(args: argparse.Namespace) -> int:
    from podium.sweep.command import sweep_command

    return sweep_command(args.overrides, dry_run=args.dry_run)


def _leaderboard(args: argparse.Namespace) -> int:
    from podium.sweep.leaderboard import leaderboard_command

    return leaderboard_command(args.overrides, concurrency=args.concurrency)


def _reproduce(args: argparse.Namespace) -> int:
    from podium.run.command import reproduce_command

    return reproduce_command(args.report, row=args.row, data_root=args.data)


def _verify(args: argparse.Namespace) -> int:
    from podium.leaderboard.verify import verify

    problems = verify(args.report)
    for problem in problems:
        print(problem)
    print(f"{args.report}: {len(problems)} problems" if problems else f"{args.report}: every number and hash is right")
    return 1 if problems else 0


def _sync(args: argparse.Namespace) -> int:
    from podium.records.sync import run_sync

    return run_sync(args.runs, uri=args.uri, follow=args.follow)


def _ui(args: argparse.Namespace) -> int:
    from podium.records.ui import run_ui

    return run_ui(args.runs, uri=args.uri, port=args.port)


def _completion(args: argparse.Namespace) -> int:
    from podium.run.completion import SCRIPTS

    print(SCRIPTS[args.shell], end="")
    return 0


def _complete(args: argparse.Namespace) -> int:
    from podium.run.completion import complete

    print("\n".join(complete(args.line)))
    return 0


if __name__ == "__main__":
    main()
