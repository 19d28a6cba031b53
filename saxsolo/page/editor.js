// The notes of a take, moved, added and removed in its picture. The box "Line" gets them as text, and
// the next take voices them as they stand.
(() => {
  const NAMES = ["C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B"];
  // what a note may be: a frame of the model, and the lowest and highest pitch that it plays
  const FRAME = 0.02, LOWEST = 40, HIGHEST = 99, NEW = 0.25;
  // pixels at the right edge of a note by which it is made longer
  const EDGE = 5;
  const MOST_UNDONE = 200;

  const named = (pitch) => NAMES[pitch % 12] + (Math.floor(pitch / 12) - 1);
  const short = (number) => String(Math.round(1000 * number) / 1000);
  const value = (note, name) => Number(note.dataset[name]);
  const notesOf = (roll) =>
    [...roll.querySelectorAll(".note")].sort((a, b) => value(a, "at") - value(b, "at"));
  const chosenOf = (roll) => roll.querySelector(".note.chosen");
  const rollOf = (element) => element.closest(".take").querySelector(".roll");
  const toFrame = (seconds) => Math.round(seconds / FRAME) * FRAME;

  function place(roll, note, at, length, pitch) {
    const seconds = Number(roll.dataset.seconds);
    at = Math.max(0, Math.min(toFrame(at), seconds - FRAME));
    length = Math.max(FRAME, Math.min(toFrame(length), seconds - at));
    const low = Math.max(LOWEST, Number(roll.dataset.low));
    pitch = Math.max(low, Math.min(Math.round(pitch), HIGHEST, Number(roll.dataset.high)));
    Object.assign(note.dataset, { at, length, pitch });
    const { left, scale, top, row, high } = roll.dataset;
    note.setAttribute("x", Number(left) + scale * at);
    note.setAttribute("width", Math.max(scale * length - 0.5, 1.5));
    note.setAttribute("y", Number(top) + row * (high - pitch));
  }

  function choose(roll, note) {
    chosenOf(roll)?.classList.remove("chosen");
    note?.classList.add("chosen");
    if (note) {
      const words = `${named(value(note, "pitch"))} at ${short(value(note, "at"))} s`;
      say(roll, `${words}, ${short(value(note, "length"))} s long`);
    }
  }

  function say(roll, text) {
    roll.closest(".take").querySelector(".edit-status").textContent = text;
  }

  // one voice: a note ends where the next begins, as the horn will play it
  const text = (roll) => {
    const notes = notesOf(roll);
    return notes
      .map((note, i) => {
        const gap = i + 1 < notes.length ? value(notes[i + 1], "at") - value(note, "at") : Infinity;
        const length = Math.min(value(note, "length"), gap);
        if (length <= 0) return "";
        return `@${short(value(note, "at"))} ${short(length)} ${named(value(note, "pitch"))}`;
      })
      .filter(Boolean)
      .join("; ");
  };

  const kept = (roll) =>
    notesOf(roll).map((note) => ["at", "length", "pitch"].map((name) => value(note, name)));

  // before a change
  function remember(roll) {
    roll.undone = (roll.undone || []).slice(1 - MOST_UNDONE);
    roll.undone.push(kept(roll));
  }

  // the box is in the page only while its fold is open
  function withBox(use, tries = 20) {
    const box = document.querySelector("#line textarea");
    if (box) return use(box);
    if (tries === 20) document.querySelector("#line-fold button")?.click();
    if (tries) setTimeout(() => withBox(use, tries - 1), 100);
  }

  // after a change
  function write(roll) {
    const tools = roll.closest(".take");
    tools.querySelector(".undo-edit").disabled = !roll.undone?.length;
    withBox((box) => {
      box.value = text(roll);
      box.dispatchEvent(new Event("input", { bubbles: true }));
      tools.querySelector(".voice-notes").disabled = false;
    });
  }

  function undo(roll) {
    const notes = roll.undone?.pop();
    if (!notes) return;
    roll.querySelectorAll(".note").forEach((note) => note.remove());
    notes.forEach((note) => add(roll, ...note));
    write(roll);
    say(roll, "The last change is undone.");
  }

  function add(roll, at, length, pitch) {
    const note = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    note.setAttribute("class", "note");
    note.setAttribute("height", roll.dataset.row - 1);
    note.setAttribute("rx", 1.5);
    roll.insertBefore(note, roll.querySelector(".wave"));
    place(roll, note, at, length, pitch);
    return note;
  }

  // second and pitch under the pointer
  function under(roll, event) {
    const box = roll.getBoundingClientRect();
    const { left, scale, top, row, high } = roll.dataset;
    return [
      (event.clientX - box.left - left) / scale,
      Number(high) - Math.floor((event.clientY - box.top - top) / row),
    ];
  }

  function toggle(button) {
    const roll = rollOf(button);
    const editing = roll.classList.toggle("editing");
    button.setAttribute("aria-pressed", String(editing));
    button.closest(".editor").querySelector(".editing-tools").hidden = !editing;
    say(roll, "");
    if (editing) roll.closest(".scroll").focus();
    else choose(roll, null);
  }

  let drag = null; // {roll, note, longer, from: [second, pitch], at, length, pitch, moved}

  document.addEventListener("pointerdown", (event) => {
    const roll = event.target.closest?.(".roll.editing");
    if (!roll || event.button) return;
    const note = event.target.closest(".note");
    choose(roll, note);
    if (!note) return;
    event.preventDefault();
    roll.closest(".scroll").focus({ preventScroll: true });
    const longer = note.getBoundingClientRect().right - event.clientX < EDGE;
    const [at, length, pitch] = ["at", "length", "pitch"].map((name) => value(note, name));
    drag = { roll, note, longer, from: under(roll, event), at, length, pitch, moved: false };
  });

  document.addEventListener("pointermove", (event) => {
    if (!drag) return;
    const { roll, note, longer, from, at, length, pitch } = drag;
    const [second, row] = under(roll, event);
    const [later, higher] = [second - from[0], row - from[1]];
    if (!drag.moved && Math.abs(later) < FRAME && !higher) return;
    if (!drag.moved) remember(roll);
    drag.moved = true;
    if (longer) place(roll, note, at, length + later, pitch);
    else place(roll, note, at + later, length, pitch + higher);
    choose(roll, note);
  });

  const dropped = () => {
    if (drag?.moved) write(drag.roll);
    drag = null;
  };
  document.addEventListener("pointerup", dropped);
  document.addEventListener("pointercancel", dropped);

  document.addEventListener("dblclick", (event) => {
    const roll = event.target.closest?.(".roll.editing");
    if (!roll || event.target.closest(".note")) return;
    const [second, pitch] = under(roll, event);
    if (second < 0 || pitch < Number(roll.dataset.low) || pitch > Number(roll.dataset.high)) return;
    remember(roll);
    choose(roll, add(roll, second, NEW, pitch));
    write(roll);
  });

  const KEYS = {
    ArrowUp: [0, 0, 1], ArrowDown: [0, 0, -1], ArrowRight: [FRAME, 0, 0], ArrowLeft: [-FRAME, 0, 0],
    "+": [0, FRAME, 0], "-": [0, -FRAME, 0],
  };

  document.addEventListener("keydown", (event) => {
    const roll = document.activeElement?.closest?.(".scroll")?.querySelector(".roll.editing");
    if (!roll) return;
    const note = chosenOf(roll), notes = notesOf(roll), index = notes.indexOf(note);
    if (event.key === "PageDown" || event.key === "PageUp") {
      const next = event.key === "PageDown" ? index + 1 : Math.max(index, 0) - 1;
      choose(roll, notes[Math.max(0, Math.min(next, notes.length - 1))]);
      chosenOf(roll)?.scrollIntoView({ block: "nearest", inline: "nearest" });
    } else if (event.key.toLowerCase() === "z" && (event.ctrlKey || event.metaKey)) {
      undo(roll);
    } else if (note && event.key in KEYS) {
      const [later, longer, higher] = KEYS[event.key];
      remember(roll);
      const { at, length, pitch } = note.dataset;
      place(roll, note, Number(at) + later, Number(length) + longer, Number(pitch) + higher);
      choose(roll, note);
      write(roll);
    } else if (note && (event.key === "Delete" || event.key === "Backspace")) {
      remember(roll);
      note.remove();
      choose(roll, notes[index + 1] || notes[index - 1] || null);
      write(roll);
    } else if (event.key === "Insert") {
      remember(roll);
      const after = note ? value(note, "at") + value(note, "length") : 0;
      choose(roll, add(roll, after, NEW, note ? value(note, "pitch") : Number(roll.dataset.low)));
      write(roll);
    } else return;
    event.preventDefault();
  });

  document.addEventListener("click", (event) => {
    const button = event.target.closest?.(".editor button");
    if (!button) return;
    if (button.matches(".edit-notes")) toggle(button);
    if (button.matches(".undo-edit")) undo(rollOf(button));
    if (button.matches(".voice-notes")) document.querySelector("#again")?.click();
  });
})();
