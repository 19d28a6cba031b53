// The chart of a track: it follows the player, and a bar that is chosen plays from there.
// Charts come and go on the page, so the document listens for their events.
(() => {
  const current = (section, selector, seconds) =>
    [...section.querySelectorAll(selector)].find(
      (part) => Number(part.dataset.start) <= seconds && seconds < Number(part.dataset.end)
    );

  function mark(section, selector, now) {
    section.querySelectorAll(`${selector}[aria-current]`).forEach((part) => {
      if (part !== now) part.removeAttribute("aria-current");
    });
    if (!now || now.hasAttribute("aria-current")) return false;
    now.setAttribute("aria-current", "true");
    return true;
  }

  // scrolls the chart alone, never the page
  function reveal(bar) {
    const chart = bar.closest(".chart");
    const item = bar.parentElement;
    const below = item.offsetTop + item.offsetHeight - chart.scrollTop - chart.clientHeight;
    if (below > 0 || item.offsetTop < chart.scrollTop) chart.scrollTop = item.offsetTop;
  }

  function follow(section) {
    const seconds = section.querySelector(".track").currentTime;
    const bar = current(section, ".bar", seconds);
    if (mark(section, ".bar", bar)) reveal(bar);
    mark(section, ".chord", bar && current(bar, ".chord", seconds));
  }

  function tick(track) {
    const section = track.closest(".heard");
    if (!section || !track.isConnected) return track.pause();
    follow(section);
    if (!track.paused) requestAnimationFrame(() => tick(track));
  }

  // one bar at a time is reached by the Tab key, the others from it by the arrow keys
  function select(bar) {
    bar.closest(".chart").querySelectorAll(".bar").forEach((other) => (other.tabIndex = -1));
    bar.tabIndex = 0;
  }

  function neighbour(bar, key) {
    const bars = [...bar.closest(".chart").querySelectorAll(".bar")];
    const at = bars.indexOf(bar);
    const top = (other) => other.getBoundingClientRect().top;
    const inRow = bars.filter((other) => Math.abs(top(other) - top(bars[0])) < 2).length;
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -inRow, ArrowDown: inRow };
    if (key === "Home") return bars[0];
    if (key === "End") return bars[bars.length - 1];
    return key in steps ? bars[at + steps[key]] || bar : null;
  }

  function writeFor(section, horn) {
    section.dataset.horn = horn;
    section.querySelectorAll(".downloads a[data-horns]").forEach((link) => {
      const query = horn === "concert" ? "" : `?horn=${horn}`;
      link.href = link.getAttribute("href").split("?")[0] + query;
    });
  }

  document.addEventListener("click", (event) => {
    const bar = event.target.closest(".heard .bar");
    if (!bar) return;
    select(bar);
    const track = bar.closest(".heard").querySelector(".track");
    track.currentTime = Number(bar.dataset.start);
    track.play();
  });

  document.addEventListener("keydown", (event) => {
    const bar = event.target.closest && event.target.closest(".heard .bar");
    const next = bar && !event.ctrlKey && !event.altKey && !event.metaKey && neighbour(bar, event.key);
    if (!next) return;
    event.preventDefault();
    select(next);
    next.focus();
  });

  document.addEventListener("change", (event) => {
    if (!event.target.matches(".heard input[name=horn]")) return;
    window.saxsoloHorn = event.target.value;
    writeFor(event.target.closest(".heard"), event.target.value);
  });

  // media events do not bubble; only one player sounds at a time
  document.addEventListener(
    "play",
    (event) => {
      document.querySelectorAll("audio").forEach((other) => {
        const either = event.target.matches(".track") || other.matches(".track");
        if (other !== event.target && either) other.pause();
      });
      if (event.target.matches(".track")) tick(event.target);
    },
    true
  );
  document.addEventListener(
    "seeked",
    (event) => event.target.matches(".heard .track") && follow(event.target.closest(".heard")),
    true
  );

  // the horn stays from track to track
  new MutationObserver(() => {
    document.querySelectorAll(".heard:not([data-alive])").forEach((section) => {
      section.dataset.alive = "yes";
      const choice = section.querySelector(`input[value="${window.saxsoloHorn || "concert"}"]`);
      choice.checked = true;
      writeFor(section, choice.value);
    });
  }).observe(document.documentElement, { childList: true, subtree: true });
})();
