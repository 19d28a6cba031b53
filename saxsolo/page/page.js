// The mixer of a take: solo and backing start at the same sample, the balance is two gains.
// Takes come and go on the page, so the document listens for their events.
(() => {
  const clock = (s) => `${Math.floor(s / 60)}:${String(Math.floor(s % 60)).padStart(2, "0")}`;
  const decibels = (db) => Math.pow(10, db / 20);
  let context = null;
  let on = null; // {mixer, solo, band, soloGain, bandGain, started, offset}

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
    return [
      quieter * Number(mixer.dataset.gain) * decibels(Math.min(db, 0)),
      quieter * decibels(-Math.max(db, 0)),
    ];
  }

  function setGains() {
    if (!on) return;
    const [solo, band] = gains(on.mixer);
    on.soloGain.gain.setTargetAtTime(solo, context.currentTime, 0.02);
    on.bandGain.gain.setTargetAtTime(band, context.currentTime, 0.02);
  }

  const place = () => Math.min(on.offset + context.currentTime - on.started, on.seconds);

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
    const { mixer, solo, band } = on;
    on = null;
    solo.stop();
    band.stop();
    find(mixer, "play").textContent = "Play mix";
  }

  async function start(mixer, from) {
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
    const begin = from >= seconds - 0.05 ? 0 : from;
    const wire = (buffer) => {
      const source = new AudioBufferSourceNode(context, { buffer });
      const gain = new GainNode(context);
      source.connect(gain).connect(context.destination);
      return [source, gain];
    };
    const [solo, soloGain] = wire(sounds[0]);
    const [band, bandGain] = wire(sounds[1]);
    [soloGain.gain.value, bandGain.gain.value] = gains(mixer);
    const started = context.currentTime + 0.05;
    solo.start(started, begin);
    band.start(started, begin);
    on = { mixer, solo, band, soloGain, bandGain, started, offset: begin, seconds };
    button.textContent = "Pause";
    document.querySelectorAll("audio").forEach((other) => other.pause());
    requestAnimationFrame(tick);
  }

  function tick() {
    if (!on) return;
    if (!on.mixer.isConnected) return stop();
    const at = Math.max(place(), on.offset);
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
    });
  }).observe(document.documentElement, { childList: true, subtree: true });

  document.addEventListener("click", (event) => {
    const button = event.target.closest(".mixer-play");
    if (button) {
      const mixer = button.closest(".mixer");
      if (on && on.mixer === mixer) stop();
      else start(mixer, Number(find(mixer, "seek").value));
      return;
    }
    const roll = event.target.closest(".roll");
    if (roll) {
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
    if (event.target.matches(".mixer-seek")) seekTo(mixer, Number(event.target.value));
  });

  // only one player sounds at a time
  document.addEventListener("play", () => stop(), true);
})();
