import pytest
import torch

from podium.networks.video_recurrent import VideoRecurrent

PLAIN = {
    "in_shape": [2, 4, 6, 10],
    "num_classes": 3,
    "filters": [4, 8],
    "width": 1.0,
    "activation": "relu",
    "norm": "none",
    "cell": "gru",
    "widths": [5],
    "readout": "last",
    "dropout": 0.0,
    "forget_bias": None,
}


def network(**changes):
    torch.manual_seed(0)
    return VideoRecurrent(**PLAIN | changes)


def test_parameters_follow_from_the_formula_with_maps_that_are_rounded_up():
    conv = 4 * (9 * 2 + 1) + 8 * (9 * 4 + 1)
    gru = 3 * 5 * (8 * 2 * 3 + 5 + 2)
    assert sum(p.numel() for p in network().parameters()) == conv + gru + (5 + 1) * 3


def test_every_frame_is_seen_by_itself_and_their_order_counts():
    video = torch.rand(3, 2, 4, 6, 10)
    made = network()
    alone = torch.stack([made.features(video[:, :, k]) for k in range(4)], dim=1)
    wanted = made.output(made.layers[0](alone)[1][0][0])
    torch.testing.assert_close(made(video), wanted)
    assert not torch.allclose(made(video.flip(2)), wanted)


def test_the_mean_over_frames_is_that_of_the_logits_of_each():
    made, video = network(readout="mean"), torch.rand(2, 2, 4, 6, 10)
    seen = torch.stack([made.features(video[:, :, k]) for k in range(4)], dim=1)
    torch.testing.assert_close(made(video), made.output(made.layers[0](seen)[0]).mean(1))


def test_width_multiplies_the_filters_alone():
    made = network(width=0.5)
    assert made.features.conv2.out_channels == 4
    assert made.layers[0].hidden_size == 5


def test_what_cannot_be_is_refused():
    for changes, said in (
        ({"in_shape": [3, 16, 16]}, r"^video_recurrent requires volumes of channels x frames"),
        ({"filters": []}, r"^filters must be positive, got \[0\]"),
        ({"widths": [0]}, r"^widths must be positive, got \[0\]"),
        ({"dropout": 1.0}, r"^dropout must be in \[0, 1\), got 1\.0"),
    ):
        with pytest.raises(ValueError, match=said):
            network(**changes)
