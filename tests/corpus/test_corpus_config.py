"""CONFIG.yaml: what is wrong is named, with the mend."""

import pytest

from saxsolo.corpus.config import ConfigError, read_config


def write(folder, text):
    path = folder / "config.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_defaults_and_paths_beside_the_config(tmp_path):
    (tmp_path / "codec").mkdir()
    text = "sources: [{path: music, licence: CC0-1.0}]\ntokenise: {codec: codec}\n"
    config = read_config(write(tmp_path, text))
    assert config.sources[0].path == str(tmp_path / "music")
    assert config.tokenise.codec == str(tmp_path / "codec")
    assert (config.select.frame_seconds, config.select.stride_seconds) == (10.0, 0.2)
    assert (config.select.threshold, config.select.shortest_seconds) == (0.05, 30.0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sources: [{path: a}]\nselct: {}\n", "'selct' is unknown; the nearest known one is 'sel"),
        ("sources: [{path: a}]\nselect: {treshold: 1}\n", "nearest known one is 'threshold'"),
        ("sources: [{path: a, license: x}]\n", "nearest known one is 'licence'"),
        ("select: {}\n", "'sources' is missing"),
        ("sources: []\n", "one entry at least"),
        ("sources: music\n", "one entry at least"),
        ("sources: [{path: a, link: b}]\n", "either `path` or `link`"),
        ("sources: [{}]\n", "either `path` or `link`"),
        ("sources: [{path: a}]\nseed: yes\n", "expected int"),
        ("sources: [{path: a}]\nseed: 1.5\n", "expected int"),
        ("sources: [{path: a}]\nselect: {threshold: loud}\n", "expected float"),
        ("sources: [{path: a}]\nselect: {threshold: .nan}\n", "must lie in 0..1"),
        ("sources: [{path: a}]\nselect: {threshold: 2}\n", "is 2; it must lie in 0..1"),
        (
            "sources: [{path: a}]\naugment: {tempi: [1, 0]}\n",
            "augment.tempi[1] is 0; it must lie in 0.5..2",
        ),
        ("sources: [{path: a}]\nselect: {stride_seconds: 11}\n", "stride_seconds is 11; it must"),
        ("sources: [{path: a}]\nseparate: {context_seconds: 31}\n", "in 0..30 (half of segment_"),
        ("sources: [{path: a}]\nselect: 3\n", "keys with values"),
        ("- 1\n", "must name `sources:`"),
        ("a: [\n", "is not YAML"),
        ("", "must name `sources:`"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, text, said):
    with pytest.raises(ConfigError) as caught:
        read_config(write(tmp_path, text))
    assert said in str(caught.value)


def test_no_file(tmp_path):
    with pytest.raises(ConfigError, match="cannot read"):
        read_config(tmp_path / "absent.yaml")
