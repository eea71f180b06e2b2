// In the page: from an event to the paint of the last frame that shows its effect.
() => {
  const VIEW = ".dffw-panel";
  const AFTER = 8; // frames that are watched after the first that shows it: a picture that comes in pieces is not there yet
  const seen = (canvas) => {
    const view = canvas.closest(".dffw-scroller").getBoundingClientRect();
    const box = canvas.getBoundingClientRect();
    return canvas.width > 0 && box.bottom > view.top && box.top < view.bottom;
  };
  const tiles = () => [...document.querySelectorAll(".dffw-tile canvas")].filter(seen);

  /** A number that another picture has not. */
  const numberOf = (canvas) => {
    const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    const words = new Uint32Array(pixels.buffer);
    let sum = 7;
    for (let i = 0; i < words.length; i += 3) sum = (Math.imul(sum, 31) + words[i]) | 0;
    return sum;
  };
  const picture = () => tiles().map(numberOf).join();

  // Calls back right after the paint of each frame, before whatever else the page has to do, until that gives true.
  const everyPaint = (look) => {
    const frame = () =>
      requestAnimationFrame(() =>
        scheduler.postTask(() => look(performance.now()) || frame(), { priority: "user-blocking" }));
    frame();
  };

  window.bench = {
    tiles,
    picture,
    everyPaint,
    shown: (k) => document.querySelectorAll(".dffw-cards .dffw-card").length === k,

    /**
     * Waits for the next `event`. `told`: a selector whose text has to be another one before a frame counts; the first
     * that does is taken then, because overlays of another layer fade in over several.
     * bench.found gives the milliseconds.
     */
    watch(event, told) {
      const before = picture();
      const said = told && document.querySelector(told).textContent;
      bench.found = new Promise((resolve) => {
        addEventListener(event, () => {
          const start = performance.now();
          let [last, at, frames] = [before, 0, 0];
          everyPaint((now) => {
            if (told && document.querySelector(told).textContent === said) return false;
            const present = picture();
            if (present !== last) [last, at] = [present, now];
            if (at) frames += 1;
            if (frames <= (told ? 0 : AFTER)) return false;
            resolve(at - start);
            return true;
          });
        }, { capture: true, once: true });
      });
    },
  };
}
