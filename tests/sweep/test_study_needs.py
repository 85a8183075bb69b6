"""A study that needs files says how they are made, where they are what is missing."""

from dataclasses import replace

import pytest

from podium.run.errors import ConfigError
from podium.run.study import load_study
from podium.sweep.study import study_command


def test_where_a_file_is_missing_that_a_study_needs_it_is_said_how_it_is_made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = {"out": tmp_path / "pages", "concurrency": 1, "pack": "off"}
    missing = r"^data: datasets/king_james\.txt must be a text file, .*; set data\.root"
    with pytest.raises(ConfigError, match=missing + r"; characters_of_the_bible needs .*, which `bible gen1"):
        study_command("run", ["characters_of_the_bible"], **options)
    study = load_study("characters_of_the_bible")
    monkeypatch.setattr("podium.sweep.study.load_study", lambda name: replace(study, needs=None))
    with pytest.raises(ConfigError, match=missing + "$"):
        study_command("run", ["characters_of_the_bible"], **options)


def test_what_has_nothing_to_do_with_data_is_said_without_that(monkeypatch, tmp_path):
    study = replace(load_study("characters_of_the_bible"), overrides=["network=char_rn"])
    monkeypatch.setattr("podium.sweep.study.load_study", lambda name: study)
    with pytest.raises(ConfigError, match=r"char_rn is not in conf/network.*did you mean char_rnn\?$"):
        study_command("run", [study.name], out=tmp_path, concurrency=1, pack="off")
