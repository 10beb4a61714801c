// Asks once a minute whether the list of alerts has changed since this page was
// made. The number in the navigation follows; the page itself is read again where
// nothing is being filled in, and else says that there is something new.
"use strict";
{
  const place = document.querySelector("[data-alerts-mark]");
  const pauseSeconds = 60;

  async function ask() {
    const answer = await fetch("/alerts/waiting", { headers: { Accept: "application/json" }, cache: "no-store" }).catch(() => null);
    if (!answer) return; // no network now: ask again later
    if (!answer.ok) {
      if (answer.status === 401 || answer.status === 403) clearInterval(timer);
      return;
    }
    const now = await answer.json();
    const count = document.querySelector("[data-nav-count]");
    if (count) {
      count.hidden = now.waiting === 0;
      count.querySelector("b").textContent = now.waiting;
    }
    if (String(now.mark) === place.dataset.alertsMark) return;
    const busy = place.hasAttribute("data-alerts-touched") || document.activeElement?.matches("input, select, textarea");
    if (busy || document.visibilityState === "hidden") place.hidden = false;
    else location.reload();
  }

  let timer;
  if (place) {
    document.querySelector("main").addEventListener("change", () => place.setAttribute("data-alerts-touched", ""));
    timer = setInterval(ask, pauseSeconds * 1000);
    place.ask = ask; // for tests, which do not wait
  }
}
