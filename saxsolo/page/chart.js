// A chart file may be dropped on the box itself: it goes where the box for files sends it.
(() => {
  const boxes = "#chords, #judge-chords";
  const box = (event) => event.target.closest && event.target.closest(boxes);
  const brings = (event) => [...(event.dataTransfer?.types || [])].includes("Files");

  document.addEventListener("dragover", (event) => {
    if (!box(event) || !brings(event)) return;
    event.preventDefault();
    box(event).classList.add("dropping");
  });
  document.addEventListener("dragleave", (event) => box(event)?.classList.remove("dropping"));
  document.addEventListener(
    "drop",
    (event) => {
      const target = box(event);
      if (!target || !brings(event)) return;
      event.preventDefault();
      event.stopPropagation();
      target.classList.remove("dropping");
      const files = new DataTransfer();
      files.items.add(event.dataTransfer.files[0]);
      const input = document.querySelector(`#${target.id.replace("chords", "chart-file")} input[type=file]`);
      if (!input) return;
      input.files = files.files;
      input.dispatchEvent(new Event("change", { bubbles: true }));
    },
    true
  );
})();
