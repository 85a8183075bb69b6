import pytest

from podium.data.analogies import read_analogies

CONTENT = (
    ": capitals  of the world\nAthens Greece Oslo Norway\n\n: family\nboy girl  king queen\nhe she his her\n"
)


def test_questions_stand_below_their_sections(tmp_path):
    file = tmp_path / "questions.txt"
    file.write_text(CONTENT, encoding="utf-8")
    assert read_analogies(file) == {
        "capitals of the world": [("Athens", "Greece", "Oslo", "Norway")],
        "family": [("boy", "girl", "king", "queen"), ("he", "she", "his", "her")],
    }
    file.write_text("a b c d\n" + CONTENT.replace("\n", "\r\n"), encoding="utf-8", newline="")
    assert read_analogies(file)[""] == [("a", "b", "c", "d")]
    assert len(read_analogies(file)["family"]) == 2


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            b": a\nboy girl king\n",
            r"four words or ': section' in every line, got 'boy girl king' in line 2; corr",
        ),
        (b"a b c d e\n", r"in line 1"),
        (b": a\n", r"must hold analogies, got none"),
        (b"", r"must hold analogies, got none"),
        (b"boy girl k\xf6nig queen\n", r"must be text in UTF-8, got the byte 0xf6 in line 1"),
    ],
)
def test_other_files_are_refused_with_the_line(tmp_path, content, said):
    file = tmp_path / "questions.txt"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=said) as error:
        read_analogies(file)
    assert "\n" not in str(error.value)
