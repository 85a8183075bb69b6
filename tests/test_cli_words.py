"""The words of a command stand in front of, between and behind its options; behind ``--`` nothing is an option."""

import sys
from pathlib import Path

import pytest

from podium import cli


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (("nearest", "x", "king"), ("--count", "5")),
        (("ensemble", "x", "y"), ("--out", "all")),
        (("aggregate", "x", "y"), ("--out", "all")),
        (("merge", "x", "y"), ("--out", "all")),
        (("publish", "x", "y"), ("--out", "all", "--author", "Doe, Jane")),
        (("study", "run", "x", "y"), ("--out", "all")),
        (("translate", "x", "34+14"), ("--beams", "3")),
        (("translate", "x", "--", "-5x"), ("--beams", "3")),
        (("data", "pack", "a=1"), ("--out", "all")),
    ],
    ids=" ".join,
)
def test_a_commands_words_stand_before_between_and_behind_its_options(
    words: tuple[str, ...], option: tuple[str, ...]
) -> None:
    command, first, *others = words
    orders = [(command, *option, first, *others), (command, first, *option, *others)]
    if "--" not in words:  # behind which nothing is an option
        orders.append((*words, *option))
    parsed = [vars(cli._parse(*cli._parsers(list(order)), list(order))) for order in orders]
    assert all(found == parsed[0] for found in parsed)


MARKED = (("--", "x", "-5x"), ("x", "--", "-5x"), ("--beams", "1", "--", "x", "-5x"), ("x", "--", "--beams"))


@pytest.mark.parametrize("words", MARKED, ids=" ".join)
def test_behind_two_dashes_nothing_is_an_option(words: tuple[str, ...]) -> None:
    parsed = cli._parse(*cli._parsers(["translate"]), ["translate", *words])
    assert (parsed.run, parsed.text, parsed.beams) == (Path("x"), words[-1], 1)


@pytest.mark.parametrize(
    "words", [("--", "x", "34+14"), ("x", "--", "34+14"), ("x", "34+14", "--")], ids=" ".join
)
def test_two_dashes_that_nothing_needs_are_no_word(words: tuple[str, ...]) -> None:
    parsed = cli._parse(*cli._parsers(["translate"]), ["translate", *words])
    assert (parsed.run, parsed.text) == (Path("x"), "34+14")


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="later versions keep the dashes")
def test_without_a_later_mark_they_would_be_lost_in_front_of_all_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "_with_late_mark", lambda words: words)
    with pytest.raises(SystemExit, match="2"):
        cli.main(["translate", "--", "x", "-5x"])
    assert "the following arguments are required: text" in capsys.readouterr().err
