"""The ear: block by block it hears what it hears at once, and causally nothing of the future."""

import math

import pytest
import torch

from modeling_saxsolo.ear_layers_saxsolo import LogConv, OctaveFold, PitchLinear
from modeling_saxsolo.ear_saxsolo import (
    FRAMES_PER_TOKEN,
    SaxsoloEar,
    SaxsoloEarConfig,
    join_heard,
    lookahead_seconds,
    root_and_quality,
    windows,
)
from modeling_saxsolo.ear_spectrum_saxsolo import (
    BINS_PER_SEMITONE,
    HOP,
    REACH,
    RHYTHM_COLUMNS,
    SAMPLING_RATE,
    TuningMeter,
    ear_features,
    estimate_tuning,
    num_tokens,
)
from modeling_saxsolo.ear_stream_saxsolo import hear_blocks, label_posteriors


@pytest.fixture(scope="module")
def ear() -> SaxsoloEar:
    torch.manual_seed(0)
    return SaxsoloEar(tiny()).eval()


def tiny() -> SaxsoloEarConfig:
    return SaxsoloEarConfig(
        note_channels=2, channels=4, scalars=8, num_hidden_layers=2, num_attention_heads=2,
        rhythm_channels=4, ratio_channels=2,
    )  # fmt: skip


def chord(pitches: list[float], seconds: float = 3.0) -> torch.Tensor:
    """(n,) of plucked harmonic tones, again every half second."""
    time = torch.arange(round(seconds * SAMPLING_RATE)) / SAMPLING_RATE
    sound = torch.zeros_like(time)
    for pitch in pitches:
        frequency = 440 * 2 ** ((pitch - 69) / 12)
        for partial in range(1, 5):
            sound += torch.sin(2 * math.pi * partial * frequency * time) / partial
    return 0.1 * sound * torch.exp(-4 * (time % 0.5))


def noise(samples: int, seed: int = 0) -> torch.Tensor:
    return 0.1 * torch.randn(1, samples, generator=torch.Generator().manual_seed(seed))


def test_features_by_blocks_equal_those_of_the_whole():
    audio = noise(20 * HOP + 123)
    whole = ear_features(audio)
    level, parts = None, []
    for first, count in ((0, 1), (1, 12), (13, 8)):
        part = ear_features(audio, first=first, count=count, level=level)
        level = part.level
        parts.append(part)
    assert whole.harmony.shape[1] == num_tokens(audio.shape[1]) == 21
    for name in ("harmony", "bass", "rhythm"):
        joined = torch.cat([getattr(part, name) for part in parts], dim=1)
        torch.testing.assert_close(joined, getattr(whole, name))
    torch.testing.assert_close(level, whole.level)


@pytest.mark.parametrize("decibels", [-40, 12])
def test_features_do_not_depend_on_the_level(decibels):
    audio = noise(15 * HOP)
    louder = ear_features(audio * 10 ** (decibels / 20))
    plain = ear_features(audio)
    torch.testing.assert_close(louder.harmony, plain.harmony, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(louder.rhythm, plain.rhythm, atol=1e-4, rtol=1e-4)


def test_features_of_silence_are_finite():
    features = ear_features(torch.zeros(1, 5 * HOP))
    assert not features.harmony.any() and not features.rhythm.any()


def test_audio_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="batch, samples"):
        ear_features(torch.zeros(HOP))


def test_a_transposed_sound_has_rolled_bins():
    low = ear_features(chord([48, 52, 55])[None]).harmony
    high = ear_features(chord([53, 57, 60])[None]).harmony
    rolled = torch.roll(low, 5 * BINS_PER_SEMITONE, dims=-1)
    # partials above the range of one of the two stand at its edge
    middle = slice(60, 180)
    same = torch.nn.functional.cosine_similarity(
        high[..., middle].flatten(), rolled[..., middle].flatten(), dim=0
    )
    other = torch.nn.functional.cosine_similarity(
        high[..., middle].flatten(), low[..., middle].flatten(), dim=0
    )
    assert same > 0.97 and other < same - 0.05


@pytest.mark.parametrize("cents", [-45.0, -20.0, 0.0, 20.0, 45.0])
def test_tuning_is_found_and_taken_out(cents):
    sharp = chord([48 + cents / 100, 52 + cents / 100, 55 + cents / 100])
    found, sureness = estimate_tuning(sharp)
    assert abs(found - cents) < 4 and sureness > 0.8
    plain = ear_features(chord([48, 52, 55])[None]).harmony
    retuned = ear_features(sharp[None], cents).harmony
    untouched = ear_features(sharp[None]).harmony
    similarity = torch.nn.functional.cosine_similarity
    same = similarity(plain.flatten(), retuned.flatten(), dim=0)
    assert same > 0.97 and same >= similarity(plain.flatten(), untouched.flatten(), dim=0)


def test_silence_has_no_tuning():
    assert estimate_tuning(torch.zeros(SAMPLING_RATE)) == (0.0, 0.0)


def rotated(hidden: torch.Tensor, channels: int, semitones: int) -> torch.Tensor:
    pitched, scalar = hidden.split([12 * channels, hidden.shape[-1] - 12 * channels], dim=-1)
    turned = pitched.unflatten(-1, (channels, 12)).roll(semitones, dims=-1).flatten(-2)
    return torch.cat([turned, scalar], dim=-1)


def test_layers_commute_with_transposition(ear):
    hidden = torch.randn(2, 6, 12 * 4 + 8)
    from modeling_saxsolo.ear_layers_saxsolo import rotary_angles

    rotary = rotary_angles(6, 2, hidden.device)
    for layer in ear.layers:
        plain = layer(hidden, rotary, None)
        turned = layer(rotated(hidden, 4, 5), rotary, None)
        torch.testing.assert_close(turned, rotated(plain, 4, 5), atol=1e-5, rtol=1e-4)


def test_pitch_linear_is_the_sum_written_out():
    layer = PitchLinear(2, 1, 1, 1, bias=True)
    torch.nn.init.normal_(layer.pitched)
    torch.nn.init.normal_(layer.spread)
    torch.nn.init.normal_(layer.pooled)
    hidden = torch.randn(25)
    pitched, scalar = hidden[:24].view(2, 12), hidden[24]
    out = layer(hidden)
    for place in range(12):
        heard = sum(
            (layer.pitched[0, c, step] * pitched[c, (place + step) % 12])
            for c in range(2)
            for step in range(12)
        )
        torch.testing.assert_close(out[place], heard + layer.spread[0, 0] * scalar)
    torch.testing.assert_close(
        out[12], (layer.pooled[0] @ pitched).sum() + layer.scalar[0, 0] * scalar
    )


def test_octave_fold_moves_with_an_octave_within_its_register():
    fold = OctaveFold(24, 1, 2, 1)
    torch.nn.init.normal_(fold.pitched)
    notes = torch.zeros(1, 1, 24, 1)
    notes[0, 0, 3] = 1
    higher = torch.zeros(1, 1, 24, 1)
    higher[0, 0, 8] = 1
    torch.testing.assert_close(fold(higher), rotated(fold(notes), 2, 5))


def test_log_conv_moves_with_the_notes():
    conv = LogConv(24, 1, 1)
    torch.nn.init.normal_(conv.kernel)
    notes = torch.zeros(1, 1, 24, 1)
    notes[0, 0, 6] = 1
    moved = notes.roll(4, dims=2)
    torch.testing.assert_close(conv(moved)[:, :, 4:], conv(notes)[:, :, :-4])


@pytest.mark.parametrize("chunk", [1, 5])
def test_causal_hearing_does_not_change_with_the_future(ear, chunk):
    """Change the sound from a time on: no frame that ends its look-ahead before it may change."""
    audio = noise(40 * HOP)
    change = 26 * HOP
    other = audio.clone()
    other[:, change:] = noise(40 * HOP - change, seed=1)
    with torch.inference_mode():
        features = [ear_features(sound) for sound in (audio, other)]
        first, second = (ear(f.harmony, f.bass, f.rhythm, chunk) for f in features)
    frame_starts = torch.arange(first.chord.shape[1]) / 50
    unseen = frame_starts + lookahead_seconds(chunk) < change / SAMPLING_RATE
    assert unseen.sum() > 20
    for name in first:
        changed = (first[name] - second[name]).abs().amax(dim=(0, 2)) > 1e-5
        assert not (changed & unseen).any(), name
    assert ((first.chord - second.chord).abs().amax(dim=(0, 2)) > 1e-4).any()


def test_hearing_the_whole_does_change_with_the_future(ear):
    audio = noise(40 * HOP)
    other = audio.clone()
    other[:, 30 * HOP :] = 0
    with torch.inference_mode():
        features = [ear_features(sound) for sound in (audio, other)]
        first, second = (ear(f.harmony, f.bass, f.rhythm) for f in features)
    assert (first.chord - second.chord)[:, 0].abs().max() > 1e-6


def test_lookahead_is_the_end_of_the_chunk_and_half_the_longest_window():
    assert lookahead_seconds(1) == pytest.approx(0.04 + REACH)
    with pytest.raises(ValueError, match="chunk=0"):
        from modeling_saxsolo.ear_saxsolo import chunk_mask

        chunk_mask(4, 0, torch.device("cpu"))


@pytest.mark.parametrize("chunk", [None, 7])
@pytest.mark.parametrize("tokens", [10, 600, 601, 900, 2_345])
def test_windows_keep_every_token_once(tokens, chunk):
    found = windows(tokens, chunk)
    firsts = [first for _, first, _ in found]
    assert firsts[0] == 0 and firsts == sorted(set(firsts)) and found[-1][2] == tokens
    for (start, first, end), after in zip(found, [*firsts[1:], tokens], strict=True):
        assert start <= first < after <= end
        if chunk is not None:
            assert start % chunk == 0


def test_hear_names_probabilities_for_every_frame(ear):
    audio = chord([48, 52, 55], seconds=2.0)
    heard = ear.hear(audio)
    frames = num_tokens(len(audio)) * FRAMES_PER_TOKEN
    sizes = {"chord": 85, "bass": 13, "phase": 12, "place": 8, "root": 13, "quality": 8}
    for name, size in sizes.items():
        assert heard[name].shape == (frames, size)
        torch.testing.assert_close(heard[name].sum(-1), torch.ones(frames))
    assert heard["beats"].shape == (frames, 2) and 0 < heard["beats"].min()


def test_long_tracks_are_heard_in_windows(ear, monkeypatch):
    from modeling_saxsolo import ear_saxsolo

    monkeypatch.setattr(ear_saxsolo, "WINDOW", 16)
    monkeypatch.setattr(ear_saxsolo, "CONTEXT", 4)
    audio = noise(50 * HOP)[0]
    for chunk in (None, 3):
        assert len(ear.hear(audio, 0.0, chunk)["chord"]) == 50 * FRAMES_PER_TOKEN


@pytest.mark.parametrize("tokens", [1, 5, 63, 64, 480, 599, 600, 601, 720, 1_299])
def test_a_track_by_blocks_is_heard_as_the_whole(ear, tokens):
    audio = noise(tokens * HOP - 17)[0]
    whole = ear.hear(audio, 15.0)
    blocks = audio.split(7 * HOP + 311)
    stretches = list(hear_blocks(ear, blocks, 15.0))
    heard = join_heard(stretches)
    in_place = join_heard(iter(stretches), tokens * FRAMES_PER_TOKEN + 3)
    assert all(torch.equal(in_place[name], heard[name]) for name in heard)
    for name, values in whole.items():
        torch.testing.assert_close(heard[name], values, atol=1e-5, rtol=1e-5)
    again = join_heard(list(hear_blocks(ear, audio.split(40_000), 15.0)))
    assert all(torch.equal(again[name], heard[name]) for name in heard)
    assert label_posteriors(heard).shape == (41, tokens * FRAMES_PER_TOKEN)


def test_tuning_by_blocks_is_that_of_the_whole():
    audio = chord([48, 52.3, 55], seconds=6.0)
    meter = TuningMeter()
    for block in audio.split(1_237):
        meter.push(block)
    assert meter.cents == pytest.approx(estimate_tuning(audio)[0], abs=1e-6)


def test_root_and_quality_are_sums_of_the_joint():
    joint = torch.zeros(85)
    joint[3 * 7 + 2], joint[3 * 7 + 1], joint[84] = 0.5, 0.3, 0.2
    root, quality = root_and_quality(joint)
    assert root[3] == 0.8 and root[12] == pytest.approx(0.2)
    assert (quality[2], quality[1]) == (0.5, pytest.approx(0.3))


def test_saved_and_loaded_it_hears_the_same(ear, tmp_path):
    ear.save_pretrained(tmp_path)
    again = SaxsoloEar.from_pretrained(tmp_path).eval()
    features = ear_features(noise(10 * HOP))
    with torch.inference_mode():
        first = ear(features.harmony, features.bass, features.rhythm)
        second = again(features.harmony, features.bass, features.rhythm)
    for name in first:
        torch.testing.assert_close(first[name], second[name])


def test_a_fresh_ear_starts_with_signal_in_every_layer():
    torch.manual_seed(1)
    features = ear_features(noise(10 * HOP))
    with torch.inference_mode():
        out = SaxsoloEar(SaxsoloEarConfig())(features.harmony, features.bass, features.rhythm)
    assert 0.1 < out.chord.std() < 10
    assert out.beats.shape[1] == 10 * FRAMES_PER_TOKEN == 10 * RHYTHM_COLUMNS // 2


def test_heads_must_divide_the_channels():
    with pytest.raises(ValueError, match="num_attention_heads=3"):
        SaxsoloEarConfig(num_attention_heads=3)
    for wrong in ({"chord": 0.0}, {"root": 1.5}):
        with pytest.raises(ValueError, match="temperatures"):
            SaxsoloEarConfig(temperatures=wrong)
