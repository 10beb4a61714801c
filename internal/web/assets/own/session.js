// Warns before the session ends for want of activity and lets one press extend
// it without leaving the page, so nothing typed is lost.
"use strict";
// A browser may keep a page that was left, whatever its headers say, and show it
// again on Back, after signing out too: it is hidden, and asked for anew.
addEventListener("pagehide", (event) => { if (event.persisted) document.documentElement.hidden = true; });
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
{
  const bar = document.querySelector("[data-session-ends-in]");
  const warnSeconds = 60;

  function arm(secondsLeft) {
    clearTimeout(arm.warn);
    clearTimeout(arm.end);
    bar.hidden = true;
    arm.warn = setTimeout(() => { bar.hidden = false; }, Math.max(0, secondsLeft - warnSeconds) * 1000);
    arm.end = setTimeout(() => { bar.querySelector("[data-session-text]").textContent = bar.dataset.sessionEnded; }, secondsLeft * 1000);
  }

  if (bar) {
    arm(Number(bar.dataset.sessionEndsIn));
    bar.querySelector("form").addEventListener("submit", async (event) => {
      event.preventDefault();
      const answer = await fetch(event.target.action, { method: "POST", headers: { Accept: "application/json" } });
      if (answer.ok) arm((await answer.json()).ends_in_seconds);
      else location.reload();
    });
  }
}
