// Comforts only, every page works without: a form is sent once, the menu shows where one is, and a waiting page
// notices what is new.
(() => {
  "use strict";
  const buttons = (form) => form.querySelectorAll("button");
  addEventListener("submit", ({ target }) => {
    if (target.matches("[data-once]")) setTimeout(() => buttons(target).forEach((item) => { item.disabled = true; }));
  });
  // Going back shows the page as it was left: the buttons must work again.
  addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-once]")) buttons(form).forEach((item) => { item.disabled = false; });
  });
  // What was unfolded stays so when a page brings its region anew.
  let unfolded = [];
  addEventListener("htmx:beforeSwap", () => { unfolded = [...document.querySelectorAll("details[open][id]")].map((item) => item.id); });
  addEventListener("htmx:afterSwap", () => unfolded.forEach((id) => document.getElementById(id)?.setAttribute("open", "")));
  // On a phone the menu is wider than the screen: it begins where one is.
  const here = document.querySelector(".tabs [aria-current]");
  if (here) here.parentElement.scrollLeft = here.offsetLeft - here.parentElement.offsetLeft;
  const watched = document.querySelector("[data-watch]");
  if (!watched) return;
  const { watch, state, every } = watched.dataset;
  let pause = Number(every) * 1000;
  let timer;
  const look = async () => {
    clearTimeout(timer);
    if (document.hidden) return; // asked again when the payer comes back from the operator's prompt
    try {
      const answer = await fetch(watch, { cache: "no-store" });
      if (answer.ok && (await answer.json()).state !== state) {
        location.replace(location.pathname);
        return;
      }
    } catch { /* no network: the next look may have one */ }
    pause = Math.min(pause * 1.1, 10000);
    timer = setTimeout(look, pause);
  };
  document.addEventListener("visibilitychange", look);
  timer = setTimeout(look, pause);
})();
