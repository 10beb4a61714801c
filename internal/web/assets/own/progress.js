// Says that a question is being asked again once that takes longer than a moment.
// Without this script the browser's own sign is all there is.
"use strict";
{
  const patience = 300;
  for (const part of document.querySelectorAll("[data-progress]")) {
    const note = part.querySelector(".progress-note");
    let timer;
    const begin = () => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        note.textContent = `${part.dataset.progress} …`;
        note.hidden = false;
        part.setAttribute("aria-busy", "true");
      }, patience);
    };
    part.addEventListener("submit", begin);
    part.addEventListener("click", (event) => {
      const link = event.target.closest("a[href]");
      if (link && event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey) begin();
    });
    // A page that the browser brings back from its memory is not busy any more.
    addEventListener("pageshow", () => {
      clearTimeout(timer);
      note.hidden = true;
      part.removeAttribute("aria-busy");
    });
  }
}
