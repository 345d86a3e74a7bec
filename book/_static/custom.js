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

  // What scrolls inside its own box must scroll by keyboard too, so the box takes the focus.
  const boxes = document.querySelectorAll("pre, figure, div.cell_output .text_html, .dependency-graph");
  const width = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
      else target.removeAttribute("tabindex");
    }
  });
  boxes.forEach((box) => width.observe(box));
});
