import numpy as np
import pytest

from picture_samples import EMOJI, emoji_archive
from podium.data.arrays import content_hash
from podium.data.emoji import _read, emoji_of, joined


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    return emoji_archive(tmp_path_factory.mktemp("npm"))


@pytest.fixture
def build(archive, compose_data, tmp_path):
    (tmp_path / EMOJI).symlink_to(archive)

    def make(**changes):
        return compose_data("emoji", root=tmp_path, **{"checksum": content_hash(_read(archive))} | changes)

    return make


def test_all_variants_are_there_but_the_plain_skin_tones(build):
    source = build().load()
    assert source.inputs.shape == (324, 3, 64, 64)
    assert np.bincount(source.labels).tolist() == [36] * 9
    assert np.bincount(source.groups).tolist() == [3] * 108
    assert source.test_start is None


def torn(data):
    """Groups that are in more than one split."""
    groups = data.load().groups
    parts = [set(groups[data.examples(split).index.numpy()]) for split in ("train", "validation", "test")]
    return sum(map(len, parts)) - len(set().union(*parts))


def test_no_variant_of_an_emoji_for_testing_is_for_training(build):
    assert torn(build()) == 0
    leaky = build()
    source = leaky.load()
    leaky._source = None
    leaky.load = lambda: source._replace(groups=None)  # the protection switched off
    leaky.fingerprint()
    leaky.load = lambda: source
    assert torn(leaky) > 50


def test_every_split_has_all_categories_in_proportion(build):
    data = build()
    sizes = data.fingerprint().sizes
    assert sum(sizes.values()) == 324
    for name, share in (("train", 0.72), ("validation", 0.08), ("test", 0.2)):
        assert abs(sizes[name] - share * 324) <= 3
        assert np.bincount(data.examples(name).target, minlength=9).min() > 0


def test_the_archive_is_read_once_and_then_what_was_kept_with_its_groups(build, archive, tmp_path):
    first = build().load()
    (tmp_path / EMOJI).unlink()
    again = build().load()
    assert np.array_equal(first.inputs, again.inputs)
    assert np.array_equal(first.groups, again.groups)


@pytest.mark.parametrize(
    ("code", "base"),
    [
        ("1F600", "1F600"),
        ("1F44B-1F3FD", "1F44B"),
        ("1F3C3-1F3FB-200D-2640-FE0F", "1F3C3"),
        ("1F3C3-1F3FF-200D-2642-FE0F-200D-27A1-FE0F", "1F3C3"),
        ("1F468-1F3FB-200D-1F680", "1F9D1-200D-1F680"),
        ("1F469-200D-1F680", "1F9D1-200D-1F680"),
        ("0023-FE0F-20E3", "0023-20E3"),
        ("2640-FE0F", "2640"),
    ],
)
def test_tones_and_kinds_of_people_are_variants_of_one_emoji(code, base):
    assert emoji_of(code) == base


def test_what_shares_a_number_in_either_is_one_group():
    groups = joined(np.array([0, 0, 1, 2, 3]), np.array([0, 1, 1, 2, 3]))
    assert groups[0] == groups[1] == groups[2]
    assert len(set(groups)) == 3


def test_a_missing_or_damaged_archive_is_refused_in_one_line(build, archive, tmp_path):
    (tmp_path / EMOJI).unlink()
    remedy = "npm pack emoji-datasource-twitter@16.0.0"
    with pytest.raises(
        ValueError, match=rf"^emoji must be in .*{EMOJI}, got no such file; in .* run: {remedy}$"
    ):
        build().load()
    content = archive.read_bytes()
    for damaged in (content[: len(content) // 2], b"", b"no archive"):
        (tmp_path / EMOJI).write_bytes(damaged)
        with pytest.raises(ValueError, match=rf"^.* must be npm's archive, got .*; {remedy} again$") as error:
            build().load()
        assert "\n" not in str(error.value)
