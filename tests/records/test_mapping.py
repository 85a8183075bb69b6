from podium.records import mapping
from podium.records.record import Status

from .folders import config, record


def test_parameters_carry_the_keys_of_the_command_line() -> None:
    told = mapping.params(record(config=config() | {"note": "x" * 7000, "none": None, "empty": {}}))
    assert told["network.widths"] == "[32]"
    assert told["tricks.dropout.p"] == "0.5"
    assert told["none"] == "null"
    assert told["empty"] == "{}"
    assert len(told["note"]) == mapping.PARAM_LIMIT


def test_nothing_of_this_machine_and_no_address_is_told() -> None:
    made = record(config=config(uri="https://me:secret@host"))
    assert not [key for key in mapping.params(made) if key.startswith(("tracking", "paths"))]
    assert "secret" not in str([mapping.params(made), mapping.tags(made)])


def test_tags_name_the_board_the_sweep_the_entry_and_the_seed() -> None:
    made = record(tags={"board": "digits", "team.name": "a"}, groups=["sweep", "p=0.5"])
    told = mapping.tags(made)
    assert told["podium.board"] == "digits"
    assert told["team.name"] == "a"
    assert (told["podium.entry"], told["podium.seed"]) == ("dense32", "0")
    assert told["podium.configuration"] == "p=0.5"
    assert told["podium.entry_hash"] == made.entry_hash
    assert told["mlflow.runName"] == "dense32 seed 0"


def test_a_group_is_known_by_those_around_it() -> None:
    one, other = record(groups=["a", "x"]), record(groups=["b", "x"])
    assert mapping.group_keys(one)[1] != mapping.group_keys(other)[1]
    assert mapping.group_keys(record()) == []


def test_every_status_has_an_outcome_and_a_death_is_a_failure() -> None:
    assert {mapping.outcome(record(status=status)) for status in Status} == {
        "RUNNING",
        "FINISHED",
        "SCHEDULED",
        "KILLED",
        "FAILED",
    }
    assert mapping.outcome(record(status=Status.INTERRUPTED, tags={"died": "now"})) == "FAILED"


def test_the_description_shows_hostile_names_as_text() -> None:
    made = record(name="<img src=x>\n# [a](b)|c", metrics={"test/top1_error": 0.125}, status=Status.FINISHED)
    text = mapping.note(made)
    assert r"\<img src=x\> \# \[a\]\(b\)\|c" in text
    assert r"| test/top1\_error | 0.125 |" in text
    assert "Dense on digits; tricks: dropout" in text
