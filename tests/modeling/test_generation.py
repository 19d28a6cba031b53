"""generate(): every way of playing gives what the plain forward pass would."""

import pytest
import torch
from transformers import GenerationConfig

from modeling_saxsolo import FrameStreamer, apply_delay, undo_delay
from modeling_saxsolo.sampling_saxsolo import ScoreGrammar, WhenThenWhat

GREEDY = {"do_sample": False}
SAMPLE = {"do_sample": True, "top_k": 5, "codec_temperature": 0.8, "codec_top_k": 9}


def play(model, inputs, seed=0, **settings):
    torch.manual_seed(seed)
    return model.generate(**inputs, **{**GREEDY, **settings})


def greedy_by_hand(model, inputs, guidance=1.0):
    """The oracle: the whole sequence through forward() for every step, nothing cached."""
    config = model.config
    batch, _, frames = inputs["backing_codes"].shape
    pad, delays = config.pad_token_id, config.stream_delays
    tokens = torch.full((batch, len(delays), 1), config.bos_token_id)
    null = {"backing_codes": inputs["backing_codes"], "attention_mask": torch.zeros(batch, frames)}
    grammar = ScoreGrammar(config)
    for step in range(frames + max(delays)):
        ids = tokens.flatten(0, 1)
        logits = model(**inputs, decoder_input_ids=ids, use_cache=False).logits[:, -1]
        if guidance != 1:
            without = model(**null, decoder_input_ids=ids, use_cache=False).logits[:, -1]
            logits = without + guidance * (logits - without)
        best = grammar(ids, logits.detach().clone()).argmax(-1).view(batch, -1)
        for stream, delay in enumerate(delays):
            if not delay <= step < delay + frames:
                best[:, stream] = pad
        tokens = torch.cat([tokens, best.unsqueeze(-1)], dim=-1)
    return undo_delay(tokens[..., 1:], delays)


@pytest.mark.parametrize("guidance", [1.0, 2.5])
@pytest.mark.parametrize("clock", ["both", "none"])
def test_greedy_playing_equals_the_oracle(make_model, make_backing, clock, guidance):
    model = make_model(clock=clock)
    inputs = make_backing(model.config, frames=12)
    expected = greedy_by_hand(model, inputs, guidance)
    assert torch.equal(play(model, inputs, guidance_scale=guidance), expected)


@pytest.mark.parametrize(
    "settings", [{"use_cache": False}, {"cache_implementation": "static"}], ids=["none", "static"]
)
@pytest.mark.parametrize("guidance", [1.0, 2.0])
def test_every_cache_gives_the_same(make_model, make_backing, settings, guidance):
    model = make_model()
    inputs = make_backing(model.config)
    inputs["attention_mask"][0, 14:] = 0
    expected = play(model, inputs, guidance_scale=guidance)
    assert torch.equal(play(model, inputs, guidance_scale=guidance, **settings), expected)


@pytest.mark.parametrize("seed", [0, 1])
def test_sampling_repeats_with_its_seed(make_model, make_backing, seed):
    model = make_model()
    inputs = make_backing(model.config)
    first = play(model, inputs, seed, **SAMPLE)
    assert torch.equal(play(model, inputs, seed, **SAMPLE), first)
    assert not torch.equal(play(model, inputs, seed + 10, **SAMPLE), first)


def test_a_batch_is_its_rows_and_padded_rows_end_with_pads(make_model, make_backing):
    model = make_model()
    inputs = make_backing(model.config, batch=3, frames=20)
    inputs["attention_mask"][1, 13:] = 0
    inputs["attention_mask"][2] = 0
    together = play(model, inputs)
    assert (together[1, :, 13:] == model.config.pad_token_id).all()
    assert (together[1, :, :13] < model.config.codebook_size).all()
    for row, frames in enumerate([20, 13, 20]):
        alone = {k: v[row : row + 1] for k, v in inputs.items()}
        alone = {k: v if k == "condition_ids" else v[..., :frames] for k, v in alone.items()}
        assert torch.equal(play(model, alone)[0], together[row, :, :frames])


def test_guidance_of_one_is_none_and_two_is_not(make_model, make_backing):
    model = make_model()
    inputs = make_backing(model.config)
    plain = play(model, inputs, **SAMPLE)
    assert torch.equal(play(model, inputs, guidance_scale=1.0, **SAMPLE), plain)
    assert torch.equal(play(model, inputs, guidance_scale=None, **SAMPLE), plain)
    assert not torch.equal(play(model, inputs, guidance_scale=3.0, **SAMPLE), plain)


def test_guidance_needs_no_mask_conditions_or_labels(make_model, make_backing):
    model = make_model()
    inputs = make_backing(model.config)
    inputs["condition_ids"][:] = -1
    bare = {"backing_codes": inputs["backing_codes"]}
    guided = play(model, inputs, guidance_scale=2.0)
    assert torch.equal(play(model, bare, guidance_scale=2.0), guided)


@pytest.mark.parametrize("name", ["backing_codes", "condition_ids", "frame_label_inputs"])
def test_what_is_heard_changes_the_solo(make_model, make_backing, name):
    model = make_model()
    inputs = make_backing(model.config)
    first = play(model, inputs)
    size = 2 if name == "condition_ids" else 3
    inputs[name] = (inputs[name].clamp(min=0) + 1) % size
    assert not torch.equal(play(model, inputs), first)


def test_only_codes_come_out(make_model, make_backing):
    model = make_model()
    solo = play(model, make_backing(model.config), **SAMPLE, temperature=3.0)
    for stream, size in enumerate(model.config.stream_sizes):
        assert 0 <= solo[:, stream].min() <= solo[:, stream].max() < size


def test_a_pitch_is_held_only_after_it_began(make_model, make_backing):
    model = make_model()
    inputs = make_backing(model.config, batch=4, frames=40)
    score = play(model, inputs, do_sample=True, temperature=5.0)[:, 0]
    pitches = 4
    holds = 0
    for row in score.tolist():
        for before, now in zip([0, *row], row, strict=False):
            if now > pitches:
                holds += 1
                assert before in (now, now - pitches)
    assert holds


@pytest.mark.parametrize("what", [0.5, 1.0, 3.0])
def test_pitch_temperature_leaves_the_time_of_notes_alone(make_model, what):
    """The chance of rest, any onset and hold stays; that of each pitch is its power's."""
    config = make_model().config
    pitches = (config.score_vocab_size - 1) // 2
    scores = torch.randn(3, config.vocab_size)
    scores[:, config.score_vocab_size :] = torch.finfo(scores.dtype).min
    scores[0, 2] = torch.finfo(scores.dtype).min
    before = scores.softmax(-1)
    after = WhenThenWhat(config, 1.0, what)(None, scores.clone()).softmax(-1)
    struck = slice(1, 1 + pitches)
    torch.testing.assert_close(after[:, 0], before[:, 0])
    torch.testing.assert_close(after[:, 1 + pitches :], before[:, 1 + pitches :])
    torch.testing.assert_close(after[:, struck].sum(-1), before[:, struck].sum(-1))
    power = before[:, struck] ** (1 / what)
    torch.testing.assert_close(
        after[:, struck] / after[:, struck].sum(-1, keepdim=True),
        power / power.sum(-1, keepdim=True),
    )


def test_an_onset_is_no_rarer_for_being_spread_over_pitches(make_model):
    """Rest, onset and hold equally likely stay so at any temperature."""
    config = make_model().config
    pitches = (config.score_vocab_size - 1) // 2
    scores = torch.full((1, config.vocab_size), torch.finfo(torch.float32).min)
    scores[:, [0, 1 + pitches]] = 0.0
    scores[:, 1 : 1 + pitches] = -torch.log(torch.tensor(float(pitches)))
    drawn = WhenThenWhat(config, 0.5, 1.0)(None, scores).softmax(-1)
    assert float(drawn[0, 1 : 1 + pitches].sum()) == pytest.approx(1 / 3, abs=1e-5)


def test_pitch_temperature_of_the_config_is_played(make_model, make_backing):
    plain, bold = make_model(), make_model(pitch_temperature=50.0)
    inputs = make_backing(plain.config)
    first = play(plain, inputs, do_sample=True)
    assert torch.equal(play(bold, inputs, do_sample=True, pitch_temperature=1.0), first)
    told = play(plain, inputs, do_sample=True, pitch_temperature=50.0)
    assert torch.equal(play(bold, inputs, do_sample=True), told)
    assert not torch.equal(told, first)
    with pytest.raises(ValueError, match="pitch_temperature 0"):
        play(plain, inputs, pitch_temperature=0)


@pytest.mark.parametrize("known", [1, 2, 7, 20])
def test_a_prompt_is_kept_and_continued(make_model, make_backing, known):
    model = make_model()
    inputs = make_backing(model.config)
    whole = play(model, inputs)
    continued = play(model, inputs, prompt_codes=whole[..., :known])
    assert torch.equal(continued, whole)
    other = (whole[..., :known] + 1) % 9
    continued = play(model, inputs, prompt_codes=other)
    assert torch.equal(continued[..., :known], other)


def test_max_new_tokens_counts_frames(make_model, make_backing):
    model = make_model()
    inputs = make_backing(model.config)
    prompt = play(model, inputs)[..., :4]
    assert play(model, inputs, max_new_tokens=6).shape[-1] == 6
    assert play(model, inputs, prompt_codes=prompt, max_new_tokens=6).shape[-1] == 10
    assert play(model, inputs, max_new_tokens=600).shape[-1] == 20


def test_several_solos_for_each_backing(make_model, make_backing):
    model = make_model()
    inputs = make_backing(model.config)
    many = play(model, inputs, num_return_sequences=3, **SAMPLE)
    repeated = {k: v.repeat_interleave(3, dim=0) for k, v in inputs.items()}
    assert torch.equal(many, play(model, repeated, **SAMPLE))
    assert not torch.equal(many[0], many[1])


def test_settings_of_the_checkpoint_equal_settings_of_the_call(make_model, make_backing):
    model = make_model()
    inputs = make_backing(model.config)
    settings = {**SAMPLE, "temperature": 0.7, "top_p": 0.9, "guidance_scale": 2.0}
    called = play(model, inputs, **settings)
    torch.manual_seed(0)
    given = model.generate(**inputs, generation_config=GenerationConfig(**settings))
    assert torch.equal(given, called)
    model.generation_config = GenerationConfig(**settings)
    torch.manual_seed(0)
    assert torch.equal(model.generate(**inputs), called)


def test_score_and_codebooks_are_sampled_apart(make_model, make_backing):
    model = make_model()
    inputs = make_backing(model.config)
    # With one choice left for the codebooks they follow the score without chance.
    settings = {"do_sample": True, "temperature": 4.0, "codec_top_k": 1}
    one, two = play(model, inputs, 0, **settings), play(model, inputs, 1, **settings)
    assert not torch.equal(one[:, 0], two[:, 0])
    settings = {"do_sample": True, "top_k": 1, "codec_top_k": 1, "codec_temperature": 4.0}
    assert torch.equal(play(model, inputs, 0, **settings), play(model, inputs, **GREEDY))


def test_without_a_score_stream_the_library_samples_all(make_model, make_backing):
    model = make_model(score_vocab_size=0)
    inputs = make_backing(model.config)
    solo = play(model, inputs, do_sample=True, top_k=1)
    assert solo.shape == (2, 3, 20)
    assert torch.equal(solo, play(model, inputs))
    assert not torch.equal(solo, play(model, inputs, do_sample=True, temperature=4.0))


def test_parallel_prediction_has_no_steps_to_spare(make_model, make_backing):
    model = make_model(delays=[0, 0, 0], score_lead=0)
    inputs = make_backing(model.config, frames=12)
    assert torch.equal(play(model, inputs), greedy_by_hand(model, inputs))


@pytest.mark.parametrize("frames_at_once", [1, 3, 50])
@pytest.mark.parametrize("known", [0, 2, 9])
@pytest.mark.parametrize("frames", [20, 100])
def test_the_streamer_gets_every_frame_once(
    make_model, make_backing, frames_at_once, known, frames
):
    model = make_model()
    inputs = make_backing(model.config, frames=frames)
    prompt = torch.zeros(2, 4, known, dtype=torch.long)
    got = []
    streamer = FrameStreamer(model.config, got.append, frames_at_once)
    solo = play(model, inputs, prompt_codes=prompt, streamer=streamer, **SAMPLE)
    assert torch.equal(torch.cat(got, dim=-1), solo[..., known:])
    assert all(part.shape[-1] == frames_at_once for part in got[:-1])


def test_the_streamer_can_stop_the_solo(make_model, make_backing):
    model = make_model()

    def stop(codes):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        play(model, make_backing(model.config), streamer=FrameStreamer(model.config, stop))


def windows_played(model, inputs, monkeypatch, **settings):
    """The solo, and what each window saw: (frames, known steps, new steps)."""
    windows = []
    original = type(model)._play_window

    def spy(self, inputs, past, processors, steps, *rest):
        windows.append((inputs["backing_codes"].shape[-1], past.shape[-1], steps))
        return original(self, inputs, past, processors, steps, *rest)

    monkeypatch.setattr(type(model), "_play_window", spy)
    return play(model, inputs, **settings), windows


def test_long_backings_slide_the_window(make_model, make_backing, monkeypatch):
    model = make_model()
    inputs = make_backing(model.config, batch=1, frames=131)
    solo, windows = windows_played(model, inputs, monkeypatch)
    assert solo.shape == (1, 4, 131)
    assert sum(new for _, _, new in windows) == 131 + 3
    assert all(frames == 48 for frames, _, _ in windows)
    # First to the lookahead's margin, then always with at least half a window of its own past.
    assert windows[0] == (48, 0, 40)
    assert all(past >= 24 for _, past, _ in windows[1:])


def test_each_window_continues_what_is_there(make_model, make_backing):
    model = make_model()
    inputs = make_backing(model.config, batch=1, frames=90)
    solo = play(model, inputs)
    config = model.config
    # The second window, by hand: frames 16..63, steps 16..39 known, its first frames unseen.
    delayed = apply_delay(solo, config.stream_delays, config.pad_token_id)[..., 16:40]
    for stream, delay in enumerate(config.stream_delays):
        delayed[:, stream, :delay] = config.pad_token_id
    start = torch.full((1, 4, 1), config.bos_token_id)
    ids = torch.cat([start, delayed], dim=-1).flatten(0, 1)
    window = {k: v if k == "condition_ids" else v[..., 16:64] for k, v in inputs.items()}
    logits = model(**window, decoder_input_ids=ids).logits[:, -1]
    best = ScoreGrammar(config)(ids, logits.detach().clone()).argmax(-1)
    expected = [solo[0, n, 40 - delay] for n, delay in enumerate(config.stream_delays)]
    assert best.tolist() == [int(code) for code in expected]


def test_a_long_prompt_starts_in_a_later_window(make_model, make_backing, monkeypatch):
    model = make_model()
    inputs = make_backing(model.config, batch=1, frames=131)
    prompt = torch.zeros(1, 4, 100, dtype=torch.long)
    solo, windows = windows_played(model, inputs, monkeypatch, prompt_codes=prompt)
    assert torch.equal(solo[..., :100], prompt)
    assert len(windows) == 2
    whole_prompt = torch.zeros(1, 4, 131, dtype=torch.long)
    assert torch.equal(play(model, inputs, prompt_codes=whole_prompt), whole_prompt)


def test_what_cannot_be_done_is_refused(make_model, make_backing):
    model = make_model()
    inputs = make_backing(model.config)
    with pytest.raises(ValueError, match="num_beams 4: .*do_sample=True"):
        play(model, inputs, num_beams=4)
    with pytest.raises(ValueError, match="return_dict_in_generate"):
        play(model, inputs, return_dict_in_generate=True)
    with pytest.raises(ValueError, match="tempperature"):
        play(model, inputs, tempperature=2)


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("backing_codes", (2, 4, 20), r"\(2, 4, 20\): give \(B, 3, T\)"),
        ("backing_codes", (2, 3, 0), "at least one frame"),
        ("attention_mask", (2, 19), r"attention_mask is \(2, 19\) .* ask for \(2, 20\)"),
        ("condition_ids", (2, 3), r"condition_ids is \(2, 3\) .* ask for \(2, 2\)"),
        ("frame_label_inputs", (2, 3, 20), r"is \(2, 3, 20\) .* ask for \(2, 2, 20\)"),
        ("prompt_codes", (2, 3, 5), r"prompt_codes are \(2, 3, 5\).*\(2, 4\) and t <= 20"),
        ("prompt_codes", (2, 4, 21), r"prompt_codes are \(2, 4, 21\)"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(make_model, make_backing, name, shape, message):
    model = make_model()
    inputs = make_backing(model.config)
    inputs[name] = torch.zeros(shape, dtype=torch.long)
    with pytest.raises(ValueError, match=message):
        play(model, inputs)


def notes_without_sound(model, inputs):
    """The oracle: the score stream greedily, step by step, every code a pad."""
    config = model.config
    batch, _, frames = inputs["backing_codes"].shape
    pad, grammar = config.pad_token_id, ScoreGrammar(config)
    tokens = torch.full((batch, config.num_streams, 1), config.bos_token_id)
    for _ in range(frames):
        ids = tokens.flatten(0, 1)
        logits = model(**inputs, decoder_input_ids=ids, use_cache=False).logits[:, -1]
        best = grammar(ids, logits.detach().clone()).argmax(-1).view(batch, -1)
        best[:, 1:] = pad
        tokens = torch.cat([tokens, best.unsqueeze(-1)], dim=-1)
    return tokens[:, 0, 1:]


def test_planned_notes_are_those_of_the_score_alone(make_model, make_backing):
    model = make_model()
    inputs = make_backing(model.config)
    planned = play(model, inputs, plan_frames=7)
    assert torch.equal(planned[:, 0], notes_without_sound(model, inputs))
    assert not torch.equal(planned[:, 0], play(model, inputs)[:, 0])


@pytest.mark.parametrize("guidance", [1.0, 2.0])
@pytest.mark.parametrize("plan", [1, 6, 19, 100])
def test_how_far_ahead_notes_are_planned_changes_nothing(make_model, make_backing, plan, guidance):
    """Within one window; guidance is for the notes, the sound follows them."""
    model = make_model()
    inputs = make_backing(model.config)
    whole = play(model, inputs, plan_frames=1000, guidance_scale=guidance)
    assert torch.equal(play(model, inputs, plan_frames=plan, guidance_scale=guidance), whole)


def test_the_sound_of_planned_notes_is_that_of_given_notes(make_model, make_backing):
    """Each code is the likeliest one after the planned notes and the codes before it."""
    model = make_model()
    config = model.config
    inputs = make_backing(model.config)
    solo = play(model, inputs, plan_frames=5)
    steps = apply_delay(solo, config.stream_delays, config.pad_token_id)
    start = torch.full_like(steps[..., :1], config.bos_token_id)
    ids = torch.cat([start, steps[..., :-1]], dim=-1).flatten(0, 1)
    best = model(**inputs, decoder_input_ids=ids, use_cache=False).logits.argmax(-1)
    best = undo_delay(best.view(steps.shape), config.stream_delays)
    assert torch.equal(best[:, 1:], solo[:, 1:])


def test_plans_over_many_windows_keep_a_prompt_and_the_form(make_model, make_backing):
    model = make_model(plan_frames=9)
    inputs = make_backing(model.config, frames=130)
    prompt = play(model, inputs)[..., :13]
    solo = play(model, inputs, prompt_codes=prompt, do_sample=True, onset_bias=1.0)
    assert solo.shape == (2, model.config.num_streams, 130)
    assert torch.equal(solo[..., :13], prompt)
    for stream, size in enumerate(model.config.stream_sizes):
        assert 0 <= solo[:, stream].min() <= solo[:, stream].max() < size
    frames = []
    streamer = FrameStreamer(model.config, frames.append, 7)
    torch.manual_seed(0)
    whole = model.generate(**inputs, do_sample=True, streamer=streamer)
    assert torch.equal(torch.cat(frames, dim=-1), whole)


def test_plans_need_a_score_and_a_bias_makes_notes(make_model, make_backing):
    bare = make_model(score_vocab_size=0)
    with pytest.raises(ValueError, match="plan_frames 5"):
        play(bare, make_backing(bare.config), plan_frames=5)
    model = make_model()
    inputs = make_backing(model.config, frames=40)
    struck = [
        int(((s > 0) & (s <= 4)).sum())
        for s in (play(model, inputs, do_sample=True, onset_bias=b)[:, 0] for b in (-3.0, 3.0))
    ]
    assert struck[0] < struck[1]
