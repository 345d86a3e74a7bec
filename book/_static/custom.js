"use strict";

// Paper is white: a book that is shown dark is printed light.
window.addEventListener("beforeprint", () => {
  const shown = document.documentElement.dataset;
  const { theme } = shown;
  shown.theme = "light";
  window.addEventListener("afterprint", () => (shown.theme = theme), { once: true });
});

document.addEventListener("DOMContentLoaded", () => {
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
