// The mixer of a take: solo and backing start at the same sample, the balance is two gains.
// Takes come and go on the page, so the document listens for their events.
(() => {
  const clock = (s) => `${Math.floor(s / 60)}:${String(Math.floor(s % 60)).padStart(2, "0")}`;
  const decibels = (db) => Math.pow(10, db / 20);
  let context = null;
  let on = null; // {mixer, soloGain, bandGain, seconds, offset, place, end}

  const find = (mixer, name) => mixer.querySelector(`.mixer-${name}`);

  async function loadedSounds(mixer) {
    if (!mixer.sounds) {
      const load = async (url) => {
        const response = await fetch(url);
        if (!response.ok) throw new Error(await response.text());
        return context.decodeAudioData(await response.arrayBuffer());
      };
      mixer.sounds = Promise.all([load(mixer.dataset.solo), load(mixer.dataset.backing)]);
      mixer.sounds.catch(() => (mixer.sounds = null));
    }
    return mixer.sounds;
  }

  function gains(mixer) {
    const db = Number(find(mixer, "balance").value);
    const quieter = Number(mixer.dataset.quieter);
    const sounds = (name) => (mixer.querySelector(`.mute-${name}`).checked ? 0 : quieter);
    return [
      sounds("solo") * Number(mixer.dataset.gain) * decibels(Math.min(db, 0)),
      sounds("band") * decibels(-Math.max(db, 0)),
    ];
  }

  function setGains() {
    if (!on) return;
    const [solo, band] = gains(on.mixer);
    on.soloGain.gain.setTargetAtTime(solo, context.currentTime, 0.02);
    on.bandGain.gain.setTargetAtTime(band, context.currentTime, 0.02);
  }

  // [from, to] in seconds of the bars that are played over and over; null without a loop
  function loopOf(mixer) {
    const edges = JSON.parse(mixer.dataset.bars);
    if (!mixer.querySelector(".loop").checked || edges.length < 2) return null;
    const bar = (name) => Number(mixer.querySelector(`.loop-${name}`).value) || 1;
    const first = Math.max(1, Math.min(bar("from"), edges.length - 1));
    const last = Math.max(first, Math.min(bar("to"), edges.length - 1));
    return [edges[first - 1], edges[last]];
  }

  // a bar of clicks in the tempo of the bar that follows; seconds until the music begins
  function countIn(mixer, at, speed, when) {
    const edges = JSON.parse(mixer.dataset.bars);
    const beats = Number(mixer.dataset.beats);
    if (!mixer.querySelector(".count-in").checked || edges.length < 2 || !beats) return 0;
    const bar = Math.max(0, Math.min(edges.findLastIndex((e) => e <= at + 0.01), edges.length - 2));
    const beat = (edges[bar + 1] - edges[bar]) / beats / speed;
    on.clicks = [];
    for (let i = 0; i < beats; i++) {
      const tone = new OscillatorNode(context, { frequency: i ? 1320 : 1760 });
      const gain = new GainNode(context, { gain: 0 });
      const time = when + i * beat;
      gain.gain.setValueAtTime(0.3, time);
      gain.gain.exponentialRampToValueAtTime(0.001, time + 0.06);
      tone.connect(gain).connect(context.destination);
      tone.start(time);
      tone.stop(time + 0.07);
      on.clicks.push(tone);
    }
    return beats * beat;
  }

  // at full speed: both sounds on the clock of the context, sample by sample
  function atFullSpeed([solo, band], begin, loop, when) {
    const sources = [[solo, on.soloGain], [band, on.bandGain]].map(([buffer, gain]) => {
      const source = new AudioBufferSourceNode(context, { buffer });
      if (loop) Object.assign(source, { loop: true, loopStart: loop[0], loopEnd: loop[1] });
      source.connect(gain);
      source.start(when, begin);
      return source;
    });
    on.end = () => sources.forEach((source) => source.stop());
    on.place = () => {
      const at = begin + Math.max(0, context.currentTime - when);
      return loop && at > loop[1] ? loop[0] + ((at - loop[0]) % (loop[1] - loop[0])) : at;
    };
  }

  // slower: the browser stretches one file, solo on the left and band on the right, so that they
  // cannot part; the pitch stays
  function slowly(mixer, sounds, begin, loop, when, speed) {
    mixer.both = mixer.both || URL.createObjectURL(new Blob([stereo(...sounds)], { type: "audio/wav" }));
    const audio = new Audio(mixer.both);
    audio.preservesPitch = true;
    audio.playbackRate = speed;
    const parts = new ChannelSplitterNode(context, { numberOfOutputs: 2 });
    new MediaElementAudioSourceNode(context, { mediaElement: audio }).connect(parts);
    parts.connect(on.soloGain, 0);
    parts.connect(on.bandGain, 1);
    audio.currentTime = begin;
    const timer = setTimeout(() => audio.play(), Math.max(0, 1000 * (when - context.currentTime)));
    on.end = () => {
      clearTimeout(timer);
      audio.pause();
      parts.disconnect();
    };
    on.place = () => {
      if (loop && audio.currentTime >= loop[1]) audio.currentTime = loop[0];
      return audio.currentTime;
    };
  }

  // a WAV of 16 bits; the band is mixed to one channel
  function stereo(solo, band) {
    const frames = Math.max(solo.length, band.length);
    const bytes = new DataView(new ArrayBuffer(44 + 4 * frames));
    const text = (at, word) => [...word].forEach((c, i) => bytes.setUint8(at + i, c.charCodeAt(0)));
    text(0, "RIFF");
    bytes.setUint32(4, 36 + 4 * frames, true);
    text(8, "WAVEfmt ");
    bytes.setUint32(16, 16, true);
    bytes.setUint16(20, 1, true);
    bytes.setUint16(22, 2, true);
    bytes.setUint32(24, solo.sampleRate, true);
    bytes.setUint32(28, 4 * solo.sampleRate, true);
    bytes.setUint16(32, 4, true);
    bytes.setUint16(34, 16, true);
    text(36, "data");
    bytes.setUint32(40, 4 * frames, true);
    const put = (at, x) => bytes.setInt16(at, Math.round(32767 * Math.max(-1, Math.min(1, x))), true);
    const one = solo.getChannelData(0);
    const many = [...Array(band.numberOfChannels).keys()].map((c) => band.getChannelData(c));
    for (let i = 0; i < frames; i++) {
      put(44 + 4 * i, one[i] || 0);
      put(46 + 4 * i, many.reduce((sum, channel) => sum + (channel[i] || 0), 0) / many.length);
    }
    return bytes.buffer;
  }

  function show(mixer, seconds) {
    const seek = find(mixer, "seek");
    seek.value = seconds;
    seek.setAttribute("aria-valuetext", clock(seconds));
    find(mixer, "time").textContent = `${clock(seconds)} / ${clock(Number(mixer.dataset.seconds))}`;
    const roll = mixer.parentElement.querySelector(".roll");
    const head = roll && roll.querySelector(".playhead");
    if (!head) return;
    const x = Number(roll.dataset.left) + Number(roll.dataset.scale) * seconds;
    head.setAttribute("x1", x);
    head.setAttribute("x2", x);
    const box = roll.parentElement;
    if (on && on.mixer === mixer && (x < box.scrollLeft || x > box.scrollLeft + box.clientWidth - 60))
      box.scrollLeft = x - 60;
  }

  function stop() {
    if (!on) return;
    const { mixer, end, clicks } = on;
    on = null;
    end();
    clicks?.forEach((tone) => tone.stop());
    find(mixer, "play").textContent = "Play mix";
  }

  async function start(mixer, from, counted = false) {
    stop();
    context = context || new AudioContext();
    await context.resume();
    const button = find(mixer, "play");
    button.textContent = "Loading";
    let sounds;
    try {
      sounds = await loadedSounds(mixer);
    } catch (error) {
      button.textContent = "Play mix";
      find(mixer, "time").textContent = error.message;
      return;
    }
    const seconds = Number(mixer.dataset.seconds);
    const loop = loopOf(mixer);
    const outside = loop && (from < loop[0] || from >= loop[1] - 0.05);
    const begin = outside ? loop[0] : from >= seconds - 0.05 ? 0 : from;
    const [soloGain, bandGain] = gains(mixer).map((gain) => new GainNode(context, { gain }));
    soloGain.connect(context.destination);
    bandGain.connect(context.destination);
    const speed = Number(mixer.querySelector(".speed").value);
    on = { mixer, soloGain, bandGain, offset: begin, seconds };
    const now = context.currentTime + 0.05;
    const when = now + (counted ? countIn(mixer, begin, speed, now) : 0);
    if (speed === 1) atFullSpeed(sounds, begin, loop, when);
    else slowly(mixer, sounds, begin, loop, when, speed);
    button.textContent = "Pause";
    document.querySelectorAll("audio").forEach((other) => other.pause());
    requestAnimationFrame(tick);
  }

  function tick() {
    if (!on) return;
    if (!on.mixer.isConnected) return stop();
    const at = Math.min(on.place(), on.seconds);
    show(on.mixer, at);
    if (at >= on.seconds) {
      const { mixer } = on;
      stop();
      show(mixer, 0);
      return;
    }
    requestAnimationFrame(tick);
  }

  function seekTo(mixer, seconds) {
    show(mixer, seconds);
    if (on && on.mixer === mixer) start(mixer, seconds);
  }

  function applyBalance(mixer) {
    const db = Number(find(mixer, "balance").value);
    const text = db === 0 ? "0 dB" : db > 0 ? `solo +${db} dB` : `band +${-db} dB`;
    find(mixer, "level").textContent = text;
    find(mixer, "balance").setAttribute("aria-valuetext", text);
    setGains();
    const take = mixer.closest(".take");
    take.querySelectorAll(".mix-link, a[href*='take.zip']").forEach((link) => {
      link.href = link.getAttribute("href").split("?")[0] + (db ? `?balance=${db}` : "");
    });
    share(take, db);
  }

  function share(take, db) {
    const query = new URLSearchParams(take.dataset.link);
    if (db) query.set("balance", db);
    const link = new URL(window.location.href);
    link.search = query.toString();
    link.hash = "";
    take.querySelector("#share-link").value = link.href;
    // a reload brings the settings of the take that is shown
    window.history.replaceState(null, "", link);
  }

  const linked = Number(new URLSearchParams(window.location.search).get("balance")) || 0;
  let first = true;

  new MutationObserver(() => {
    // Gradio's player has no name of its own
    document.querySelectorAll("#stream audio:not([aria-label])").forEach((audio) => {
      audio.setAttribute("aria-label", "Live stream");
    });
    document.querySelectorAll(".take:not([data-alive])").forEach((take) => {
      take.dataset.alive = "yes";
      const mixer = take.querySelector(".mixer");
      // the balance stays from take to take; a link brings the first
      const db = first ? linked : window.saxsoloBalance || 0;
      first = false;
      find(mixer, "balance").value = Math.max(-20, Math.min(20, db));
      applyBalance(mixer);
      if (window.saxsoloTakeHorn) {
        take.dataset.horn = window.saxsoloTakeHorn;
        take.querySelector("select.written-for").value = window.saxsoloTakeHorn;
      }
    });
  }).observe(document.documentElement, { childList: true, subtree: true });

  document.addEventListener("click", (event) => {
    const button = event.target.closest(".mixer-play");
    if (button) {
      const mixer = button.closest(".mixer");
      if (on && on.mixer === mixer) stop();
      else start(mixer, Number(find(mixer, "seek").value), true);
      return;
    }
    const roll = event.target.closest(".roll");
    if (roll && !roll.classList.contains("editing")) {
      const x = event.clientX - roll.getBoundingClientRect().left - Number(roll.dataset.left);
      const mixer = roll.closest(".take").querySelector(".mixer");
      seekTo(mixer, Math.max(0, Math.min(x / Number(roll.dataset.scale), mixer.dataset.seconds)));
      return;
    }
    if (event.target.closest(".copy")) {
      const share = event.target.closest(".share");
      const field = share.querySelector("input");
      field.select();
      const done = () => (share.querySelector(".copied").textContent = "Copied");
      if (navigator.clipboard) navigator.clipboard.writeText(field.value).then(done, () => {});
      else if (document.execCommand("copy")) done();
    }
  });

  document.addEventListener("input", (event) => {
    const mixer = event.target.closest && event.target.closest(".mixer");
    if (!mixer) return;
    if (event.target.matches(".mixer-balance")) {
      window.saxsoloBalance = Number(event.target.value);
      applyBalance(mixer);
    }
    if (event.target.matches(".mute-solo, .mute-band")) setGains();
    if (event.target.matches(".loop, .loop-from, .loop-to, .speed") && on && on.mixer === mixer)
      start(mixer, Number(find(mixer, "seek").value));
    if (event.target.matches(".mixer-seek")) seekTo(mixer, Number(event.target.value));
  });

  // the horn that the picture is written for stays from take to take
  document.addEventListener("change", (event) => {
    if (!event.target.matches(".take select.written-for")) return;
    window.saxsoloTakeHorn = event.target.value;
    event.target.closest(".take").dataset.horn = event.target.value;
  });

  // only one player sounds at a time
  document.addEventListener("play", () => stop(), true);
})();
