"""The command `podium`. Nothing heavy is imported before a subcommand is chosen."""

import argparse
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NoReturn

from podium.arguments import Command
from podium.commands import declare

if TYPE_CHECKING:
    from podium.run.completion import CommandWords

Parsers = dict[str, argparse.ArgumentParser]

EXIT_WRONG = 2  # a request that cannot be carried out; the message says why in one line


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run one command; errors made for people are one line on the standard error output and exit code 2."""
    words = _without_alias(sys.argv[1:] if arguments is None else arguments)
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


def _without_alias(words: list[str]) -> list[str]:
    """The line as its own command has it: `podium leaderboard merge` is `podium merge`, since no override is a bare word."""
    return words[1:] if words[:2] == ["leaderboard", "merge"] else words


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
    """Parse a command line; a command's words may stand before, between and after its options."""
    if not words[0].startswith("-") and words[0] not in commands:
        sys.exit(_fail(f"{words[0]} is not a command; {_nearest(words[0], commands)}"))
    used = commands.get(words[0], parser)
    if used is parser:
        args, rest = parser.parse_known_args(words)
    else:  # asked itself, since a parser of commands cannot take words and options intermixed
        args, rest = used.parse_known_intermixed_args(_with_late_mark(words[1:]))
    options = [word for word in rest if word.startswith("-")]
    if options:
        hint = _nearest(options[0], used._option_string_actions)
        sys.exit(_fail(f"{options[0]} is not an option of {used.prog}; {hint}"))
    if rest:
        used.error(f"{used.prog} takes no further words, got {rest[0]}")
    return args


def _with_late_mark(words: list[str]) -> list[str]:
    """The words with ``--`` right in front of the first one behind it that looks like an option, or without it.

    Python 3.11 loses one in front of all words of a command, and takes what is behind it for options.
    """
    if "--" not in words:
        return words
    mark = words.index("--")
    end = next((k for k in range(mark + 1, len(words)) if words[k].startswith("-")), len(words))
    return [*words[:mark], *words[mark + 1 : end], *(["--", *words[end:]] if end < len(words) else [])]


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
        name: str, command: Command, text: str, *, roots: tuple[str, ...] = (), actions: tuple[str, ...] = ()
    ) -> argparse.ArgumentParser:
        wants_help = asked == name and roots and {"-h", "--help"} & set(words)
        sub = commands.add_parser(
            name, help=text, description=text, epilog=_choices(roots) if wants_help else None
        )
        sub.set_defaults(command=command, roots=roots)
        if actions:
            sub.add_argument("action", choices=actions)
        if roots:
            sub.add_argument(
                "overrides", nargs="*", metavar="KEY=VALUE", help="choices and values, Hydra's syntax"
            )
        return sub

    declare(add)
    if asked == "complete":
        sub = add("complete", _complete, "words that may follow a line; for the shells' scripts")
        sub.add_argument("line")
    return parser, dict(commands.choices)


def _version(words: list[str]) -> str:
    if "--version" not in words:
        return ""
    import podium

    return f"podium {podium.__version__}"


def _choices(roots: tuple[str, ...]) -> str:
    from podium.run.conf import describe

    return describe(roots)


def _complete(args: argparse.Namespace) -> int:
    from podium.run.completion import complete

    _, parsers = _parsers([])
    for word in complete(args.line, {name: _words(parser) for name, parser in parsers.items()}):
        print(word)
    return 0


def _words(parser: argparse.ArgumentParser) -> "CommandWords":
    from podium.run.completion import CommandWords
    from podium.run.conf import groups

    group = parser.get_default("named_in")  # the group whose files are named without its own name and =
    own = [word for action in parser._actions for word in (*action.option_strings, *(action.choices or ()))]
    return CommandWords(roots=parser.get_default("roots"), words=(*own, *(groups()[group] if group else ())))


if __name__ == "__main__":
    main()
