"use strict";

// On a first visit the theme's script learns late which theme it is; until then colours, and the borders
// that have them, would be missing.
if (document.documentElement.dataset.theme === "auto")
  document.documentElement.dataset.theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";

// Paper is white and has no folds: a book that is shown dark is printed light, and all of it.
window.addEventListener("beforeprint", () => {
  const shown = document.documentElement.dataset;
  const { theme } = shown;
  const closed = document.querySelectorAll("details:not([open])");
  shown.theme = "light";
  closed.forEach((fold) => (fold.open = true));
  const restore = () => {
    shown.theme = theme;
    closed.forEach((fold) => (fold.open = false));
  };
  window.addEventListener("afterprint", restore, { once: true });
});

// The formulas on the screen are set first, all others after it is shown; custom.css waits for it.
if (window.MathJax)
  MathJax.startup = {
    async pageReady() {
      const onScreen = [...document.querySelectorAll(".math")].filter((formula) => {
        // Any row of a table can widen a column, and with it move the rows that are seen.
        const { top, bottom, width } = (formula.closest("table") ?? formula).getBoundingClientRect();
        return width > 0 && bottom > 0 && top < innerHeight;
      });
      await MathJax.typesetPromise(onScreen);
      await document.fonts.ready;
      document.documentElement.classList.add("formulas-set");
      await new Promise((shown) => setTimeout(shown));
      return MathJax.startup.defaultPageReady();
    },
  };

// Open the folds that hide an element, or the one that is all a section has, and go there.
const reveal = (target) => {
  const own = target.querySelector(":scope > details.checks > summary");
  const closed = [];
  for (let part = own ?? target; part; part = part.parentElement)
    if (part.matches("details:not([open])")) closed.push(part);
  closed.forEach((fold) => (fold.open = true));
  if (closed.length) target.scrollIntoView();
};
const revealLinked = () => {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target) reveal(target);
};
window.addEventListener("hashchange", revealLinked);
// A link to where the address points already changes nothing, and its fold may be closed again.
window.addEventListener("click", ({ target }) => {
  const link = target.closest?.("a[href*='#']");
  if (link && link.href === location.href) revealLinked();
});

document.addEventListener("DOMContentLoaded", () => {
  // One switch opens all folds of every chapter, and closes them; the browser remembers.
  const button = document.querySelector("button.show-all");
  if (button) {
    const show = (all) => {
      button.setAttribute("aria-pressed", all);
      document
        .querySelectorAll("details.fold, .chapter-links details")
        .forEach((fold) => (fold.open = all));
    };
    button.addEventListener("click", () => {
      const all = button.getAttribute("aria-pressed") === "false";
      show(all);
      localStorage.setItem("folds", all ? "open" : "closed");
    });
    if (localStorage.getItem("folds") === "open") show(true);
  }
  revealLinked();
});

document.addEventListener("DOMContentLoaded", () => {
  // For the text of a hit a search fetches the page, which a browser does not do from a file.
  if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;

  // Sphinx calls the bibliography a list, but its entries are not items of one.
  document.querySelectorAll(".citation-list").forEach((list) => list.removeAttribute("role"));

  // What scrolls inside its own box must scroll by keyboard too, so the box takes the focus. The
  // theme gives and takes it as well, but some time after a change, and not when a fold opens: what
  // it says is looked at again at once, and so is a box when it or its content changes its size.
  const kinds =
    "pre, figure, div.cell_output .text_html, .cell_output > .output, .dependency-graph, " +
    ".pst-scrollable-table-container";
  const scrolls = (box) => {
    const { overflowX, overflowY } = getComputedStyle(box);
    const wide = box.scrollWidth > box.clientWidth && /auto|scroll/.test(overflowX);
    return wide || (box.scrollHeight > box.clientHeight && /auto|scroll/.test(overflowY));
  };
  const update = (changed) => {
    for (let box = changed.closest(kinds); box; box = box.parentElement.closest(kinds)) {
      if (!scrolls(box)) box.removeAttribute("tabindex");
      else if (box.tabIndex !== 0) box.tabIndex = 0;
    }
  };
  const updateAll = (changes) => changes.forEach(({ target }) => update(target));
  const sizes = new ResizeObserver(updateAll);
  const focus = new MutationObserver(updateAll);
  document.querySelectorAll(kinds).forEach((box) => {
    focus.observe(box, { attributeFilter: ["tabindex"] });
    [box, ...box.querySelectorAll(":scope > *, img, table")].forEach((part) => sizes.observe(part));
  });
});
