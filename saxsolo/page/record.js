// Plays a track and records the microphone on the same clock, so that both begin together; what is
// recorded goes where a chosen file would go. The delay of loudspeaker and microphone is taken out
// as far as the browser tells it.
(() => {
  let on = null; // {panel, context, stream, node, source, parts, begins}

  const say = (panel, text) => (panel.querySelector(".record-status").textContent = text);

  const worklet = `registerProcessor("keep", class extends AudioWorkletProcessor {
    process(inputs) {
      if (inputs[0][0]) this.port.postMessage([currentTime, inputs[0][0].slice()]);
      return true;
    }
  });`;

  function click(context, time, strong) {
    const tone = new OscillatorNode(context, { frequency: strong ? 1760 : 1320 });
    const gain = new GainNode(context, { gain: 0.3 });
    gain.gain.setValueAtTime(0.3, time);
    gain.gain.exponentialRampToValueAtTime(0.001, time + 0.06);
    tone.connect(gain).connect(context.destination);
    tone.start(time);
    tone.stop(time + 0.07);
  }

  // a bar of clicks before the track, in its tempo; seconds until the track begins
  function countIn(panel, context, from) {
    const tempo = Number(panel.dataset.tempo);
    if (!tempo || !panel.querySelector(".count-in").checked) return 0;
    const beats = Number(panel.dataset.beats);
    for (let i = 0; i < beats; i++) click(context, from + (i * 60) / tempo, i === 0);
    return (beats * 60) / tempo;
  }

  async function start(panel) {
    if (!navigator.mediaDevices) {
      return say(panel, "The browser gives the microphone to https or to this machine only.");
    }
    const button = panel.querySelector(".record");
    button.disabled = true;
    say(panel, "Loading");
    let stream;
    try {
      const plain = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
      stream = await navigator.mediaDevices.getUserMedia({ audio: plain });
      const context = new AudioContext();
      await context.resume();
      const response = await fetch(panel.dataset.track);
      if (!response.ok) throw new Error(await response.text());
      const track = await context.decodeAudioData(await response.arrayBuffer());
      const code = URL.createObjectURL(new Blob([worklet], { type: "text/javascript" }));
      await context.audioWorklet.addModule(code);
      URL.revokeObjectURL(code);
      const node = new AudioWorkletNode(context, "keep", { numberOfOutputs: 0, channelCount: 1,
        channelCountMode: "explicit" });
      const parts = [];
      node.port.onmessage = (event) => parts.push(event.data);
      context.createMediaStreamSource(stream).connect(node);
      const source = new AudioBufferSourceNode(context, { buffer: track });
      source.connect(context.destination);
      const now = context.currentTime + 0.2;
      const begins = now + countIn(panel, context, now);
      source.start(begins);
      source.onended = () => on && on.source === source && stop();
      on = { panel, context, stream, node, source, parts, begins };
      document.querySelectorAll("audio").forEach((other) => other.pause());
      button.textContent = "Stop";
      button.setAttribute("aria-pressed", "true");
      say(panel, "Recording");
    } catch (error) {
      stream?.getTracks().forEach((track) => track.stop());
      say(panel, error.name === "NotAllowedError" ? "The microphone was refused." : error.message);
    }
    button.disabled = false;
  }

  function stop() {
    const { panel, context, stream, source, parts, begins } = on;
    on = null;
    source.stop();
    const [microphone] = stream.getAudioTracks();
    const delay = (context.outputLatency || context.baseLatency || 0) +
      (microphone.getSettings().latency || 0);
    stream.getTracks().forEach((track) => track.stop());
    const sound = from(parts, begins + delay, context.sampleRate);
    context.close();
    const button = panel.querySelector(".record");
    button.textContent = "Record again";
    button.removeAttribute("aria-pressed");
    if (!sound.length) return say(panel, "Nothing was recorded.");
    const seconds = (sound.length / context.sampleRate).toFixed(1);
    const took = delay ? `, ${Math.round(1000 * delay)} ms of delay taken out` : "";
    say(panel, `${seconds} s recorded${took}`);
    send(new File([wav(sound, context.sampleRate)], "recording.wav", { type: "audio/wav" }));
  }

  // the samples from a moment of the clock on
  function from(parts, moment, rate) {
    const kept = [];
    for (const [time, samples] of parts) {
      const skip = Math.round((moment - time) * rate);
      if (skip < samples.length) kept.push(skip > 0 ? samples.subarray(skip) : samples);
    }
    const sound = new Float32Array(kept.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of kept) {
      sound.set(part, at);
      at += part.length;
    }
    return sound;
  }

  // 16 bits, mono
  function wav(sound, rate) {
    const bytes = new DataView(new ArrayBuffer(44 + 2 * sound.length));
    const text = (at, word) => [...word].forEach((c, i) => bytes.setUint8(at + i, c.charCodeAt(0)));
    text(0, "RIFF");
    bytes.setUint32(4, 36 + 2 * sound.length, true);
    text(8, "WAVEfmt ");
    bytes.setUint32(16, 16, true);
    bytes.setUint16(20, 1, true);
    bytes.setUint16(22, 1, true);
    bytes.setUint32(24, rate, true);
    bytes.setUint32(28, 2 * rate, true);
    bytes.setUint16(32, 2, true);
    bytes.setUint16(34, 16, true);
    text(36, "data");
    bytes.setUint32(40, 2 * sound.length, true);
    sound.forEach((x, i) =>
      bytes.setInt16(44 + 2 * i, Math.round(32767 * Math.max(-1, Math.min(1, x))), true)
    );
    return bytes.buffer;
  }

  function send(file) {
    // an earlier solo stands where the new one goes
    const box = document.querySelector("#judge-solo");
    const put = () => {
      const input = box.querySelector("input[type=file]");
      if (!input) return false;
      const files = new DataTransfer();
      files.items.add(file);
      input.files = files.files;
      input.dispatchEvent(new Event("change", { bubbles: true }));
      return true;
    };
    if (put()) return;
    box.querySelector("button[aria-label='Clear'], button[aria-label*='emove']")?.click();
    setTimeout(put, 300);
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest(".recorder .record");
    if (!button) return;
    if (on) stop();
    else start(button.closest(".recorder"));
  });
})();
