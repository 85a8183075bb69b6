"""What `podium data` takes. Nothing heavy is imported before it is called."""

import argparse
from pathlib import Path

from podium.arguments import Add


def declare_data(add: Add) -> None:
    """Add the command to the others."""
    sub = add(
        "data",
        _data,
        "get a data set ready; pack a folder of pictures into files that are quick to read, or check these",
        roots=("train",),
        actions=("prepare", "pack", "check"),
    )
    sub.add_argument("--out", type=Path, default=None, help="folder of the pack that is made")
    sub.add_argument(
        "--keep",
        choices=("pixels", "files"),
        default="pixels",
        help="pictures decoded and resized, or their files as they are (default: pixels)",
    )


def _data(args: argparse.Namespace) -> int:
    from podium.run.data_command import data_command

    return data_command(args.action, args.overrides, out=args.out, keep=args.keep)
