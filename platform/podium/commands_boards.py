"""What the commands of boards, ablations and studies take, and where their work is done."""

import argparse
from pathlib import Path

from podium.arguments import Add, positive


def declare_boards(add: Add) -> None:
    """Add the commands."""
    sub = add(
        "leaderboard", _leaderboard, "train what a board lacks, then build its pages", roots=("leaderboard",)
    )
    sub.add_argument(
        "--concurrency", type=positive, default=None, help="runs at a time (default: one a core)"
    )
    _declare_pack(sub)
    sub = add("ablate", _ablate, "train with and without each trick: what is each worth?", roots=("train",))
    for mode, text in (
        ("leave-one-out", "all tricks, and all but each (the default)"),
        ("add-one", "no trick, and each alone"),
        ("pairwise", "no trick, each alone, and each two together"),
    ):
        sub.add_argument(
            f"--{mode}", dest="modes", action="append_const", const=mode.replace("-", "_"), help=text
        )
    sub.add_argument("--seeds", type=positive, default=5, help="of each variation, from 0 (default: 5)")
    sub.add_argument(
        "--metric", default="validation/top1_error", help="what is gained (default: validation/top1_error)"
    )
    sub.add_argument("--out", type=Path, default=None, help="page's folder (default: reports/ablate-NAME)")
    sub.add_argument(
        "--concurrency", type=positive, default=None, help="runs at a time (default: one a core)"
    )
    _declare_pack(sub)
    sub.add_argument(
        "--dry-run", action="store_true", help="show the variations and the estimated time, train nothing"
    )
    sub = add("aggregate", _aggregate, "put published boards of several data sets on one page")
    sub.add_argument("reports", type=Path, nargs="+", metavar="BOARD", help="the boards' folders")
    sub.add_argument("--out", type=Path, default=Path("reports/aggregate"), help="folder of the page")
    sub = add("merge", _merge, "join published boards of one kind, of several machines or teams")
    sub.add_argument("reports", type=Path, nargs="+", metavar="BOARD", help="the boards' folders")
    sub.add_argument("--out", type=Path, required=True, help="folder of the board of all of them")
    sub = add("publish", _publish, "put boards into a folder for git or a static server")
    sub.add_argument("reports", type=Path, nargs="+", metavar="BOARD", help="the boards' folders")
    sub.add_argument("--out", type=Path, required=True, help="the folder that is made")
    sub.add_argument(
        "--author", dest="authors", action="append", required=True, help="'Family, Given'; may be repeated"
    )
    sub.add_argument("--title", default="Leaderboards", help="of the folder (default: Leaderboards)")
    sub.add_argument("--licence", default="CC-BY-4.0", help="by its SPDX name (default: CC-BY-4.0)")
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
        "--concurrency", type=positive, default=None, help="runs at a time (default: one a core)"
    )
    _declare_pack(sub)
    sub = add("reproduce", _reproduce, "train a row of a published board again and compare")
    sub.add_argument("report", type=Path, help="the board's folder, such as reports/digits")
    sub.add_argument("--row", type=positive, required=True, help="the row's number on the board, from 1")
    sub.add_argument("--data", default="datasets", help="folder of the data sets (default: datasets)")
    declare_badge(sub)
    sub = add("verify", _verify, "recompute every number of a published board and check every hash")
    sub.add_argument("report", type=Path, help="the board's folder, such as reports/digits")
    declare_badge(sub)


def declare_badge(sub: argparse.ArgumentParser) -> None:
    """Add the option of the commands that give badges."""
    sub.add_argument(
        "--badge",
        action="store_true",
        help="put the evidence beside the board and show the badge on its page",
    )


def _declare_pack(sub: argparse.ArgumentParser) -> None:
    sub.add_argument(
        "--pack",
        choices=("auto", "off"),
        default="auto",
        help="auto: train runs of one shape as one program where that is faster (default: auto)",
    )


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


def _aggregate(args: argparse.Namespace) -> int:
    from podium.run.boards import aggregate_command

    return aggregate_command(args.reports, out=args.out)


def _merge(args: argparse.Namespace) -> int:
    from podium.run.boards import merge_command

    return merge_command(args.reports, out=args.out)


def _publish(args: argparse.Namespace) -> int:
    from podium.run.boards import publish_command

    return publish_command(
        args.reports, out=args.out, title=args.title, authors=args.authors, licence=args.licence
    )


def _reproduce(args: argparse.Namespace) -> int:
    from podium.pack.again import train_again
    from podium.run.repeat import reproduce_command

    return reproduce_command(
        args.report, row=args.row, data_root=args.data, badge=args.badge, train_again=train_again
    )


def _verify(args: argparse.Namespace) -> int:
    from podium.run.boards import verify_command

    return verify_command(args.report, badge=args.badge)
