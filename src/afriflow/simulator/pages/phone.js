// Prompts appear by themselves, and only when there is something new: whoever is about to press a button keeps it.
(() => {
  "use strict";
  const look = async () => {
    try {
      const answer = await fetch(location.href, { cache: "no-store" });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.querySelector("main");
      const shown = document.querySelector("main");
      if (answer.ok && fresh && fresh.innerHTML !== shown.innerHTML) {
        shown.replaceWith(fresh);
        document.title = page.title;
      }
    } catch { /* the simulator is away: it comes back */ }
    setTimeout(look, 2000);
  };
  setTimeout(look, 2000);
})();
