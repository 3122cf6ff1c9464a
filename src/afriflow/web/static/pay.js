// The payer's comforts; every page works without. A form is sent once, a number says whose it is while it is typed,
// a clock runs down, a waiting page changes by itself, and a receipt is shared or printed.
(() => {
  "use strict";
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  addEventListener("submit", ({ target }) => {
    if (target.matches("[data-once]")) setTimeout(() => all("button", target).forEach((item) => { item.disabled = true; }));
  });
  // Back leads to the page as it was left: what became of the payment meanwhile has to be asked for.
  addEventListener("pageshow", ({ persisted }) => { if (persisted) location.reload(); });

  // A prefix is a hint and never a wall: what somebody chose by hand stays chosen.
  const phone = document.querySelector("[data-operators]");
  if (phone) {
    const { code, trunk, operators } = JSON.parse(phone.dataset.operators);
    const told = document.getElementById("phone-told");
    const chosen = () => document.querySelector("[name=method]:checked");
    let byHand = Boolean(chosen());
    const national = (written) => {
      let digits = written.replace(/\D/g, "");
      const abroad = /^\s*(\+|00)/.test(written);
      if (abroad) digits = digits.replace(/^00/, "");
      if (digits.startsWith(code)) return digits.slice(code.length);
      if (abroad) return "";
      return trunk && digits.startsWith(trunk) ? digits.slice(trunk.length) : digits;
    };
    const ownerOf = (digits) => {
      let best = null;
      for (const [id, name, prefixes] of operators) {
        for (const prefix of prefixes) {
          if (digits.startsWith(prefix) && (!best || prefix.length > best.length)) best = { id, name, length: prefix.length };
        }
      }
      return best;
    };
    const look = () => {
      const owner = ownerOf(national(phone.value));
      const option = owner && document.querySelector(`[name=method][value="${owner.id}"]`);
      if (option && !byHand) option.checked = true;
      const other = chosen() && chosen().value !== owner?.id && operators.some(([id]) => id === chosen().value);
      told.hidden = !owner;
      told.classList.toggle("differs", Boolean(other));
      const words = owner ? (other ? told.dataset.differs : told.dataset.agrees).replace("{}", owner.name) : "";
      if (told.lastElementChild.textContent === words) return;
      told.lastElementChild.textContent = words;
      told.firstElementChild.replaceChildren(...(option ? [option.parentElement.querySelector(".disc").cloneNode(true)] : []));
    };
    phone.addEventListener("input", look);
    addEventListener("change", ({ target }) => { if (target.name === "method") { byHand = true; look(); } });
    look();
  }

  const run = () => {
    for (const clock of all("[data-left]")) {
      clock.dataset.began ??= performance.now();
      const left = Math.max(0, Math.round(clock.dataset.left - (performance.now() - clock.dataset.began) / 1000));
      clock.hidden = false;
      clock.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
    }
  };
  run();
  setInterval(run, 1000);

  addEventListener("click", ({ target }) => {
    const button = target.closest("[data-share], [data-print]");
    if (!button) return;
    if ("print" in button.dataset) print();
    else navigator.share({ title: document.title, text: button.dataset.share, url: button.dataset.url }).catch(() => {});
  });
  const offer = () => {
    for (const button of all("[data-print]")) button.hidden = false;
    for (const button of all("[data-share]")) button.hidden = !navigator.share;
  };
  offer();

  const main = document.querySelector("[data-watch]");
  if (!main) return;
  let pause = main.dataset.every * 1000;
  let timer;
  const swap = async () => {
    const answer = await fetch(location.pathname, { cache: "no-store" });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.querySelector("main");
    // What has to be typed comes as a page of its own, so that nothing typed is ever taken away again.
    if (!answer.ok || !fresh || fresh.querySelector("form")) return location.replace(location.pathname);
    document.title = page.title;
    main.querySelector(".panel").replaceChildren(...fresh.querySelector(".panel").childNodes);
    for (const name of ["watch", "state", "every"]) {
      if (name in fresh.dataset) main.dataset[name] = fresh.dataset[name];
      else delete main.dataset[name];
    }
    pause = main.dataset.every * 1000;
    run();
    offer();
  };
  const look = async () => {
    clearTimeout(timer);
    if (document.hidden || !main.dataset.watch) return; // asked again when the payer comes back from the operator's prompt
    try {
      const answer = await fetch(main.dataset.watch, { cache: "no-store" });
      if (answer.ok && (await answer.json()).state !== main.dataset.state) await swap();
    } catch { /* no network: the next look may have one */ }
    pause = Math.min(pause * 1.1, 10000);
    timer = setTimeout(look, pause);
  };
  document.addEventListener("visibilitychange", look);
  addEventListener("online", look);
  timer = setTimeout(look, pause);
})();
