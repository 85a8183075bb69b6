"""The comparison of initialisers: a table, a picture and a sentence each."""

from pathlib import Path

import pytest

from podium import cli
from podium.run.errors import ConfigError
from podium.run.initializers import compare, render

DEEP = ("network=dense32", f"network.widths={[64] * 12}".replace(" ", ""), "runtime.accelerator=cpu")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_command_prints_a_row_a_layer_and_a_sentence_an_initialiser(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["initializers", *DEEP, "initializer=he_normal,small_normal,zeros", "--examples", "50"])
    assert ended.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["he_normal", "small_normal", "zeros"]
    assert [line.split()[1] for line in lines[3:16]] == [f"hidden.dense{k}" for k in range(1, 13)] + [
        "output"
    ]
    sentences = {line.partition(": ")[0]: line.partition(": ")[2] for line in lines[16:19]}
    assert sentences["he_normal"].startswith("the signal stays within a factor of")
    assert sentences["small_normal"].startswith("the signal vanishes at layer ")
    assert sentences["zeros"].startswith("the signal is zero at layer 1 (hidden.dense1)")
    assert lines[19].startswith("on 50 training examples")
    assert Path("reports/initializers/dense32-digits.png").stat().st_size > 10_000


def test_without_a_choice_the_configured_initialiser_is_shown() -> None:
    result = compare(["network=lecture_cnn", "entry=lecture_cnn"], examples=20)
    assert list(result.signals) == ["as configured"]
    assert [signal.name for signal in result.signals["as configured"]][-1] == "output"
    assert render(result.signals).count("\n") == 2 + len(result.signals["as configured"])


def test_the_same_seed_gives_the_same_numbers_and_one_that_looks_at_data_works() -> None:
    one, again = (compare([*DEEP, "initializer=lsuv,orthogonal"], examples=20) for _ in range(2))
    assert one == again
    other = compare([*DEEP, "initializer=lsuv,orthogonal", "seed=1"], examples=20)
    assert one.signals != other.signals
    assert one.signals["lsuv"] != one.signals["orthogonal"]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["initializer=zeros,zeros"],
            "initializer must name each file of conf/initializer once, got 'zeros,zeros'",
        ),
        (["initializer=zeros,"], "initializer must name each file of conf/initializer once"),
        (
            ["initializer=he_norml,zeros"],
            "initializer=he_norml is not in conf/initializer; did you mean he_normal",
        ),
        (["network.weights=a.safetensors@0"], "network.weights must be null, got a.safetensors@0"),
    ],
)
def test_a_wrong_request_is_answered_in_one_line(overrides: list[str], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        compare(["network=dense32", *overrides], examples=20)
    assert str(caught.value).startswith(message)
    assert not Path("reports").exists()


def test_a_network_of_tables_alone_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("a rose is a rose is a rose " * 100)
    words = ["network=word2vec", "data=skip_grams", f"data.root={tmp_path}", "data.pairs.subsample=null"]
    with pytest.raises(
        ConfigError, match=r"^the network must have linear .*, got word2vec, .*; choose another"
    ):
        compare(words, examples=20)
