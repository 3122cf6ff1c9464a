// Comforts only, every page works without: a form is sent once, and the menu shows where one is.
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
})();
