"use strict";
/* Runs a chapter in the reader's browser. Nothing is loaded before the click. A worker computes, so
   that the page stays alive, and can be stopped. */
(() => {
  const place = document.querySelector(".in-page");
  const [start, stop, again] = place.querySelectorAll("button");
  const status = place.querySelector("[role=status]");
  const output = place.querySelector(".in-page-output");
  const form = place.querySelector("form");
  const source = form.querySelector("textarea");
  const whole = (url) => new URL(url, location.href).href; // a worker has another base
  let worker = null;

  function show(tag, fill) {
    const made = document.createElement(tag);
    fill(made);
    output.append(made);
  }

  const HEARD = {
    status: ({ text }) => { status.textContent = text; },
    text: ({ text }) => show("pre", (made) => { made.textContent = text; }),
    html: ({ text }) => show("div", (made) => { made.innerHTML = text; }), // of a table that this chapter made
    figure: ({ text }) => show("img", (made) => {
      made.alt = "The figure of this cell; the page above describes it.";
      made.src = `data:image/svg+xml,${encodeURIComponent(text)}`;
    }),
    exercise: ({ text }) => { source.value = text; form.hidden = false; },
    done: () => rest("Done."),
    failed: ({ text }) => rest(text),
  };

  function rest(text) {
    status.textContent = text;
    stop.hidden = true;
    start.disabled = again.disabled = false;
  }

  function work(task) {
    stop.hidden = false;
    start.disabled = again.disabled = true;
    worker.postMessage(task);
  }

  function end(text) {
    worker?.terminate();
    worker = null;
    form.hidden = true;
    rest(text);
  }

  start.addEventListener("click", () => {
    end("");
    output.replaceChildren();
    const { pyodide, wheel, files } = JSON.parse(place.dataset.run);
    worker = new Worker(whole("../_static/in-page-worker.js"), { type: "module" });
    worker.addEventListener("message", ({ data }) => HEARD[data.kind](data));
    worker.addEventListener("error", ({ message }) => end(`It could not be started: ${message}`));
    work({ pyodide, wheel: whole(wheel), files: files.map(whole) });
  });
  stop.addEventListener("click", () => end("Stopped."));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    output.replaceChildren();
    work({ source: source.value });
  });
  source.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !again.disabled) form.requestSubmit();
  });
})();
