"""Settings: what is refused, what follows from what, what survives a file."""

import pytest

from modeling_saxsolo import SaxsoloConfig, SaxsoloConfigError


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"delays": [0, 1]}, r"delays \[0, 1\] are 2 values for num_codebooks 3"),
        ({"delays": [0, 1, -2]}, r"delays \[0, 1, -2\].* must be >= 0"),
        (
            {"hidden_size": 30, "num_attention_heads": 4},
            "hidden_size 30 over num_attention_heads 4 gives heads of 7.5",
        ),
        ({"hidden_size": 36, "num_attention_heads": 6}, "heads of 6: choose a multiple of 4"),
        ({"score_vocab_size": 25}, "score_vocab_size 25 .* codebook_size 24"),
        ({"score_vocab_size": 8}, "score_vocab_size 8 must be odd"),
        ({"listen": "radio"}, "listen 'radio' is unknown"),
        ({"listen": "labels", "frame_labels": {}}, "nothing would be heard"),
        ({"degrees": True, "score_vocab_size": 0}, "score_vocab_size is 0"),
        ({"degrees": True, "frame_labels": {"phase": 3}}, "set degrees false"),
        ({"clock": "sundial"}, "clock 'sundial' is unknown"),
        ({"window_frames": 20}, r"window_frames 20 .* lookahead \[3, 8\] .*\[0, 1, 2, 3\]"),
        ({"dropout": 1.0}, "dropout is 1.0"),
        ({"decoder_layers": 0}, "decoder_layers is 0"),
        ({"memory_stride": 0}, "memory_stride is 0"),
        (
            {"frame_label_names": ["chord_root", "beat"]},
            r"has \['chord_root', 'phase'\] but its order names \['beat', 'chord_root'\]",
        ),
    ],
)
def test_contradictions_are_refused_with_both_values(make_config, overrides, message):
    with pytest.raises(SaxsoloConfigError, match=message):
        make_config(**overrides)


def test_a_wrong_type_is_refused(make_config):
    with pytest.raises(Exception, match="hidden_size"):
        make_config(hidden_size="wide")


def test_streams(make_config):
    config = make_config(delays=[0, 2, 1], score_lead=2)
    assert config.num_streams == 4
    assert config.stream_delays == [0, 2, 4, 3]
    assert config.stream_sizes == [9, 24, 24, 24]
    plain = make_config(score_vocab_size=0)
    assert plain.num_streams == 3
    assert plain.stream_delays == [0, 1, 2]
    assert plain.stream_sizes == [24, 24, 24]


def test_the_order_of_labels_and_conditions_survives_a_file(make_config, tmp_path):
    # JSON sorts keys; the axes of frame_labels and condition_ids must not follow.
    config = make_config(frame_labels={"z": 3, "a": 2}, conditions={"y": ["p", "o"], "b": ["q"]})
    config.save_pretrained(tmp_path)
    loaded = SaxsoloConfig.from_pretrained(tmp_path)
    assert list(loaded.frame_labels.items()) == [("z", 3), ("a", 2)]
    assert list(loaded.conditions.items()) == [("y", ["p", "o"]), ("b", ["q"])]
    assert loaded.to_dict() == config.to_dict()


def test_the_default_has_the_layout_of_the_codec_and_the_labels():
    config = SaxsoloConfig()
    assert (config.num_codebooks, config.codebook_size, config.frame_rate) == (4, 2048, 50)
    assert config.stream_delays == [0, 1, 2, 3, 4]
    assert list(config.frame_labels.values()) == [13, 8, 12, 8]
    assert list(config.conditions) == ["instrument", "feel", "tempo", "timbre"]
