"""A published folder: whole, checked, cited, and the same from the same boards."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from podium.leaderboard.publish import publish
from podium.leaderboard.verify import verify
from podium.run.boards import publish_command
from podium.run.errors import ConfigError

ABOUT = {"title": "Our boards", "authors": ["Doe, Jane", "van der Berg, Jan"], "licence": "CC-BY-4.0"}


@pytest.fixture
def site(plain_once: Path, tmp_path: Path) -> Path:
    """A board's folder, published."""
    publish([plain_once], tmp_path / "site", **ABOUT)
    return tmp_path / "site"


def files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_boards_are_there_byte_by_byte_and_verify(site: Path, plain_once: Path) -> None:
    board = site / "boards" / "digits"
    assert files(board) == files(plain_once)
    assert verify(board) == []


def test_every_file_has_its_checksum_and_a_changed_one_is_found(site: Path) -> None:
    check = ["sha256sum", "--check", "--quiet", "SHA256SUMS"]
    assert subprocess.run(check, cwd=site, capture_output=True, check=False).returncode == 0
    listed = {line.split("  ")[1] for line in (site / "SHA256SUMS").read_text().splitlines()}
    assert listed == set(files(site)) - {"SHA256SUMS"}
    (site / "boards" / "digits" / "leaderboard.csv").write_text("other\n")
    assert subprocess.run(check, cwd=site, capture_output=True, check=False).returncode == 1


def test_the_citation_names_authors_licence_and_the_day_of_the_newest_run(site: Path) -> None:
    found = yaml.safe_load((site / "CITATION.cff").read_text())
    assert found["authors"] == [
        {"family-names": "Doe", "given-names": "Jane"},
        {"family-names": "van der Berg", "given-names": "Jan"},
    ]
    assert (found["title"], found["license"], found["date-released"]) == (
        "Our boards",
        "CC-BY-4.0",
        "2026-01-02",
    )
    assert "Creative Commons Attribution 4.0" in (site / "LICENSE").read_text()


def test_the_index_and_the_readme_lead_to_every_board(site: Path) -> None:
    assert 'href="boards/digits/index.html"' in (site / "index.html").read_text()
    readme = (site / "README.md").read_text()
    assert "podium verify boards/digits" in readme
    assert "podium reproduce boards/digits --row 1" in readme


def test_the_same_boards_make_the_same_folder_again(site: Path, plain_once: Path) -> None:
    before = files(site)
    publish([plain_once], site, **ABOUT)
    assert files(site) == before


def test_what_is_no_published_folder_is_not_replaced(plain_once: Path, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.txt").write_text("years of work")
    with pytest.raises(ValueError, match="out must be a published folder, an empty one or none"):
        publish([plain_once], tmp_path / "home", **ABOUT)
    assert (tmp_path / "home" / "thesis.txt").read_text() == "years of work"


def test_a_repository_is_not_replaced_even_where_it_was_published_into(site: Path, plain_once: Path) -> None:
    (site / ".git").mkdir()
    with pytest.raises(ValueError, match=r"which holds \.git; name one below it"):
        publish([plain_once], site, **ABOUT)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"licence": "MIT"}, "licence must be one of CC-BY-4.0, CC0-1.0, ODC-By-1.0, got 'MIT'"),
        ({"authors": ["Jane Doe"]}, "author must be 'Family, Given', got 'Jane Doe'"),
    ],
    ids=["licence", "author"],
)
def test_what_cannot_be_cited_is_refused(
    plain_once: Path, tmp_path: Path, changes: dict, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        publish_command([plain_once], out=tmp_path / "site", **{**ABOUT, **changes})
    assert not (tmp_path / "site").exists()


def test_a_board_that_is_not_as_its_records_say_is_not_published(plain_once: Path, tmp_path: Path) -> None:
    board = Path(shutil.copytree(plain_once, tmp_path / "digits"))
    (board / "leaderboard.csv").write_text("better\n")
    with pytest.raises(ValueError, match=r"must be as its records say, got \d+ problems"):
        publish([board], tmp_path / "site", **ABOUT)


def test_two_boards_of_one_name_are_refused(plain_once: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="boards must have different names, got digits twice"):
        publish([plain_once, plain_once], tmp_path / "site", **ABOUT)
