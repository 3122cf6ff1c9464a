// A comfort only, the form works without: the file is read here as it comes, so that it is seen how far it has come.
(() => {
  "use strict";
  const form = document.querySelector("form[data-export]");
  if (!form) return;
  const part = (name) => form.querySelector(`[data-${name}]`);
  const bar = form.querySelector("progress");
  const button = form.querySelector("button");
  const numbers = new Intl.NumberFormat(document.documentElement.lang);
  const NEWLINE = 10;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    part("progress").hidden = false;
    part("done").hidden = part("failed").hidden = true;
    try {
      const answer = await fetch(`${form.action}?${new URLSearchParams(new FormData(form))}`, { redirect: "error" });
      if (!answer.ok) throw new Error(answer.statusText);
      const pieces = [];
      const reader = answer.body.getReader();
      let rows = -1; // the first line names the columns
      for (let step = await reader.read(); !step.done; step = await reader.read()) {
        pieces.push(step.value);
        for (const byte of step.value) if (byte === NEWLINE) rows += 1;
        bar.max = Math.max(bar.max, rows, 1);
        bar.value = rows;
        part("rows").textContent = numbers.format(Math.max(0, rows));
      }
      bar.value = bar.max;
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob(pieces, { type: "text/csv" }));
      link.download = form.dataset.file;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60000);
      part("done").hidden = false;
    } catch {
      part("failed").hidden = false; // cut off in the middle: half a file is none
    } finally {
      button.disabled = false;
    }
  });
})();
