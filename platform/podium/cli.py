"""The command `podium`. Nothing heavy is imported before a subcommand is chosen."""

import argparse
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NoReturn

Command = Callable[[argparse.Namespace], int]
Parsers = dict[str, argparse.ArgumentParser]

EXIT_WRONG = 2  # a request that cannot be carried out; the message says why in one line


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run one command; errors made for people are one line on the standard error output and exit code 2."""
    words = sys.argv[1:] if arguments is None else arguments
    parser, commands = _parsers(words)
    if not words:
        parser.print_help(sys.stderr)
        sys.exit(EXIT_WRONG)
    args = _parse(parser, commands, words)
    from podium.run.errors import ConfigError
    from podium.run.interrupts import Interrupted

    try:
        sys.exit(args.command(args))
    except ConfigError as error:
        sys.exit(_fail(str(error)))
    except Interrupted as error:
        print(f"podium: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("podium: stopped at once; the same command goes on where it can", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(0)  # the reader of our output, such as head, has seen enough


def _fail(message: str) -> int:
    print(f"podium: {message}", file=sys.stderr)
    return EXIT_WRONG


class _Help(argparse.HelpFormatter):
    """Help that keeps texts of several lines as they are, with a column wide enough for the longest command."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=28)
        self._action_max_length = 15

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return text if "\n" in text else super()._fill_text(text, width, indent)


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(allow_abbrev=False, formatter_class=_Help, **settings)

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and where the help is."""
        sys.exit(_fail(f"{message}; {self.prog} --help says what it takes"))


def _parse(parser: argparse.ArgumentParser, commands: Parsers, words: list[str]) -> argparse.Namespace:
    """Parse a command line; overrides may stand before and after options."""
    if not words[0].startswith("-") and words[0] not in commands:
        sys.exit(_fail(f"{words[0]} is not a command; {_nearest(words[0], commands)}"))
    args, rest = parser.parse_known_args(words)
    used = commands.get(words[0], parser)
    options = [word for word in rest if word.startswith("-")]
    if options:
        hint = _nearest(options[0], used._option_string_actions)
        sys.exit(_fail(f"{options[0]} is not an option of {used.prog}; {hint}"))
    if rest and "overrides" not in args:
        used.error(f"{used.prog} takes no further words, got {rest[0]}")
    if rest:
        args.overrides += rest
    return args


def _nearest(word: str, known: Iterable[str]) -> str:
    from podium.run.errors import nearest

    return nearest(word, known)


def _parsers(words: list[str]) -> tuple[argparse.ArgumentParser, Parsers]:
    """The parser of the whole line, and those of its commands by name."""
    parser = _Parser(
        prog="podium", description="Train networks and tricks under identical conditions, and publish boards."
    )
    parser.add_argument(
        "--version", action="version", version=_version(words), help="show the version and exit"
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", parser_class=_Parser)
    asked = words[0] if words else ""

    def add(
        name: str, command: Command, text: str, *, roots: tuple[str, ...] = ()
    ) -> argparse.ArgumentParser:
        wants_help = asked == name and roots and {"-h", "--help"} & set(words)
        sub = commands.add_parser(
            name, help=text, description=text, epilog=_choices(roots) if wants_help else None
        )
        sub.set_defaults(command=command, roots=roots)
        if roots:
            sub.add_argument(
                "overrides", nargs="*", metavar="KEY=VALUE", help="choices and values, Hydra's syntax"
            )
        return sub

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
    sub = add("sweep", _sweep, "train many configurations with Ray Tune", roots=("train", "sweep"))
    sub.add_argument(
        "--dry-run", action="store_true", help="show the trials and the estimated time, train nothing"
    )
    sub = add(
        "leaderboard", _leaderboard, "train what a board lacks, then build its pages", roots=("leaderboard",)
    )
    sub.add_argument(
        "--concurrency", type=_positive, default=None, help="runs at a time (default: one a core)"
    )
    sub = add("reproduce", _reproduce, "train a row of a published board again and compare")
    sub.add_argument("report", type=Path, help="the board's folder, such as reports/digits")
    sub.add_argument("--row", type=_positive, required=True, help="the row's number on the board, from 1")
    sub.add_argument("--data", default="datasets", help="folder of the data sets (default: datasets)")
    sub = add("verify", _verify, "recompute every number of a published board and check every hash")
    sub.add_argument("report", type=Path, help="the board's folder, such as reports/digits")
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
    sub = add("completion", _completion, "print the script that makes a shell complete podium's words")
    sub.add_argument("shell", choices=("bash", "zsh"))
    if asked == "complete":
        sub = add("complete", _complete, "words that may follow a line; for the shells' scripts")
        sub.add_argument("line")
    return parser, dict(commands.choices)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1, got {text!r}")
    return int(text)


def _version(words: list[str]) -> str:
    if "--version" not in words:
        return ""
    import podium

    return f"podium {podium.__version__}"


def _choices(roots: tuple[str, ...]) -> str:
    from podium.run.conf import describe

    return describe(roots)


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

    return sweep_command(args.overrides, dry_run=args.dry_run)


def _leaderboard(args: argparse.Namespace) -> int:
    from podium.sweep.leaderboard import leaderboard_command

    return leaderboard_command(args.overrides, concurrency=args.concurrency)


def _reproduce(args: argparse.Namespace) -> int:
    from podium.run.command import reproduce_command

    return reproduce_command(args.report, row=args.row, data_root=args.data)


def _verify(args: argparse.Namespace) -> int:
    from podium.leaderboard.verify import verify

    try:
        problems = verify(args.report)
    except ValueError as error:  # of a room that knows no ConfigError
        return _fail(str(error))
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


def _completion(args: argparse.Namespace) -> int:
    from podium.run.completion import SCRIPTS

    print(SCRIPTS[args.shell], end="")
    return 0


def _complete(args: argparse.Namespace) -> int:
    from podium.run.completion import CommandWords, complete

    _, parsers = _parsers([])
    commands = {
        name: CommandWords(
            roots=parser.get_default("roots"),
            words=tuple(
                word
                for action in parser._actions
                for word in (*action.option_strings, *(action.choices or ()))
            ),
        )
        for name, parser in parsers.items()
    }
    for word in complete(args.line, commands):
        print(word)
    return 0


if __name__ == "__main__":
    main()
