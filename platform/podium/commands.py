"""What each command takes, and where its work is done. Nothing heavy is imported before one is called."""

import argparse
from pathlib import Path

from podium.arguments import Add, above_zero, positive
from podium.commands_boards import declare_badge, declare_boards
from podium.commands_data import declare_data
from podium.commands_tools import declare_tools


def declare(add: Add) -> None:
    """Add every command, in the order of the help."""
    _declare_one_run(add)
    _declare_sweep(add)
    declare_boards(add)
    declare_data(add)
    declare_tools(add)


def _declare_one_run(add: Add) -> None:
    sub = add("train", _train, "train one configuration, or go on where it stopped", roots=("train",))
    sub.add_argument("--fresh", action="store_true", help="train again, also when this run has finished")
    add("summary", _summary, "print a network's layers, output shapes and parameters", roots=("train",))
    sub = add("benchmark", _benchmark, "measure what networks cost and how fast they are", roots=("train",))
    sub.add_argument("--repeats", type=positive, default=5, help="of each row, in turns (default: 5)")
    sub.add_argument(
        "--seconds", type=above_zero, default=0.5, help="of each kind of pass in a repeat (default: 0.5)"
    )
    sub.add_argument(
        "--out", type=Path, default=Path("reports/benchmark"), help="folder (default: reports/benchmark)"
    )
    sub.add_argument("--again", action="store_true", help="measure again what was measured on this machine")
    sub = add(
        "initializers",
        _initializers,
        "compare initializers: signal and gradients of each layer",
        roots=("train",),
    )
    sub.add_argument(
        "--examples", type=positive, default=256, help="training examples that pass (default: 256)"
    )
    sub = add("look", _look, "draw training images before and after augmentation", roots=("train",))
    sub.add_argument("--out", type=Path, default=Path("look.png"), help="the picture (default: look.png)")
    sub = add("evaluate", _evaluate, "score a finished run's saved network again, or those of a board's rows")
    sub.add_argument("run", type=Path, help="the run's folder, or a board's")
    sub.add_argument("--row", type=positive, default=None, help="of a board: one row's number (default: all)")
    sub.add_argument(
        "--runs", type=Path, default=Path("runs"), help="of a board: folder of its runs (default: runs)"
    )
    sub.add_argument(
        "--data", default=None, help="folder of the data sets (default: as the run's record says)"
    )
    declare_badge(sub)
    sub = add("retrieve", _retrieve, "find the test images most like each other by a run's features")
    sub.add_argument("run", type=Path, help="the run's folder")
    sub.add_argument("--queries", type=positive, default=6, help="rows of the picture (default: 6)")
    sub = add("generate", _generate, "let a finished run's language model go on with a text")
    sub.add_argument("run", type=Path, help="the run's folder")
    sub.add_argument("--start", default="The ", help="the text to go on with (default: 'The ')")
    sub.add_argument("--length", type=positive, default=400, help="characters to add (default: 400)")
    sub.add_argument(
        "--temperature", type=float, default=1.0, help="below 1 is tamer, above wilder (default: 1)"
    )
    sub.add_argument("--seed", type=int, default=0, help="of what is drawn (default: 0)")
    sub = add("translate", _translate, "let a finished run's encoder and decoder answer a text")
    sub.add_argument("run", type=Path, help="the run's folder")
    sub.add_argument("text", help="what to read, such as 'a sentence' or 34+14")
    sub.add_argument(
        "--beams",
        type=positive,
        default=1,
        help="beginnings that are kept; 1 takes the likeliest symbol (default: 1)",
    )
    sub = add("ask", _ask, "let a finished run's reader answer a question about a text")
    sub.add_argument("run", type=Path, help="the run's folder")
    sub.add_argument("question", help="what to ask, such as 'where does john live ?'")
    sub.add_argument(
        "--paragraph", type=Path, required=True, help="a file of text, in UTF-8, with the answer"
    )
    sub = add("nearest", _nearest, "find the words most like a word by a run's vectors, or answer analogies")
    sub.add_argument("run", type=Path, help="the run's folder")
    sub.add_argument("word", nargs="?", help="whose neighbours are asked for")
    sub.add_argument("--analogy", nargs=3, metavar=("A", "B", "C"), help="A is to B as C is to which words?")
    sub.add_argument(
        "--questions", type=Path, help="a file in the layout of questions-words.txt, to be scored"
    )
    sub.add_argument("--count", type=positive, default=10, help="words to find (default: 10)")
    sub = add("ensemble", _ensemble, "average what finished runs predict, or sample one run's dropout")
    sub.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="the runs' folders")
    sub.add_argument(
        "--mc-dropout",
        type=positive,
        default=None,
        help="of one run: average so many networks with drawn masks",
    )
    sub.add_argument(
        "--out", type=Path, default=Path("ensembles"), help="folder for predictions (default: ensembles)"
    )


def _declare_sweep(add: Add) -> None:
    sub = add("sweep", _sweep, "train many configurations with Ray Tune", roots=("train", "sweep"))
    sub.add_argument(
        "--dry-run", action="store_true", help="show the trials and the estimated time, train nothing"
    )
    sub.add_argument("--cancel", action="store_true", help="end this sweep on Kubernetes (cluster=kuberay)")


def _train(args: argparse.Namespace) -> int:
    from podium.run.command import train_command

    return train_command(args.overrides, fresh=args.fresh)


def _summary(args: argparse.Namespace) -> int:
    from podium.run.command import summary_command

    return summary_command(args.overrides)


def _benchmark(args: argparse.Namespace) -> int:
    from podium.run.benchmark import benchmark_command

    return benchmark_command(
        args.overrides, repeats=args.repeats, seconds=args.seconds, out=args.out, again=args.again
    )


def _initializers(args: argparse.Namespace) -> int:
    from podium.run.initializers import initializers_command

    return initializers_command(args.overrides, examples=args.examples)


def _look(args: argparse.Namespace) -> int:
    from podium.run.look import look_command

    return look_command(args.overrides, out=args.out)


def _evaluate(args: argparse.Namespace) -> int:
    from podium.leaderboard.rows import SUMMARY_FILE

    if (args.run / SUMMARY_FILE).is_file():
        from podium.run.repeat import evaluate_board_command

        return evaluate_board_command(
            args.run, row=args.row, runs=args.runs, data_root=args.data, badge=args.badge
        )
    from podium.run.command import evaluate_command

    return evaluate_command(args.run, data_root=args.data, board_only=args.badge or args.row is not None)


def _retrieve(args: argparse.Namespace) -> int:
    from podium.run.command import retrieve_command

    return retrieve_command(args.run, queries=args.queries)


def _generate(args: argparse.Namespace) -> int:
    from podium.run.generate import generate_command

    return generate_command(
        args.run, length=args.length, temperature=args.temperature, start=args.start, seed=args.seed
    )


def _translate(args: argparse.Namespace) -> int:
    from podium.run.translate import translate_command

    return translate_command(args.run, text=args.text, beams=args.beams)


def _ask(args: argparse.Namespace) -> int:
    from podium.run.ask import ask_command

    return ask_command(args.run, question=args.question, paragraph=args.paragraph)


def _nearest(args: argparse.Namespace) -> int:
    from podium.run.nearest import nearest_command

    return nearest_command(
        args.run, word=args.word, analogy=args.analogy, questions=args.questions, count=args.count
    )


def _ensemble(args: argparse.Namespace) -> int:
    from podium.run.ensemble import ensemble_command

    return ensemble_command(args.runs, out=args.out, mc_dropout=args.mc_dropout)


def _sweep(args: argparse.Namespace) -> int:
    from podium.sweep.command import sweep_command

    return sweep_command(args.overrides, dry_run=args.dry_run, cancel=args.cancel)
