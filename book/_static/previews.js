"use strict";
/* What a link leads to, shown beside it: a box, a term of the glossary, an erratum or a figure. The
   mouse or the keyboard opens it; the mouse may move onto it, and Escape closes it. A touch follows the
   link as ever. */
window.addEventListener("DOMContentLoaded", () => {
  const SHOWN = "div.proof, dl.glossary dt, figure, #errata section";
  const DELAY = 300; // ms, so that a mouse that only passes opens nothing
  const preview = document.createElement("div");
  preview.id = "preview";
  preview.role = "tooltip";
  preview.hidden = true;
  const pages = new Map(); // by address, as promises
  let link = null; // that the preview belongs to
  let timer;

  const page = (address) => {
    if (address === location.href.split("#")[0]) return Promise.resolve(document);
    if (!pages.has(address))
      pages.set(
        address,
        fetch(address)
          .then((answer) => answer.text())
          .then((text) => new DOMParser().parseFromString(text, "text/html"))
      );
    return pages.get(address);
  };

  /** What to show of a target: a term with its meaning, or the thing itself; null if it is neither. */
  const content = (target, address) => {
    const thing = target?.closest(SHOWN);
    if (!thing || (thing !== target && !target.matches("span"))) return null;
    const parts = thing.matches("dt") ? [thing, thing.nextElementSibling] : [thing];
    const copy = document.createElement("div");
    copy.append(...parts.map((part) => document.importNode(part, true)));
    copy.querySelectorAll("details, script, button, a.headerlink, mjx-container + script").forEach((part) => part.remove());
    copy.querySelectorAll("[id]").forEach((part) => part.removeAttribute("id"));
    copy.querySelectorAll("img").forEach((image) => (image.src = new URL(image.getAttribute("src"), address)));
    copy.querySelectorAll("a").forEach((inner) => inner.replaceWith(...inner.childNodes));
    return copy;
  };

  const close = () => {
    clearTimeout(timer);
    link?.removeAttribute("aria-describedby");
    link = null;
    preview.hidden = true;
    preview.replaceChildren();
  };

  const place = () => {
    const lines = [...link.getClientRects()];
    const { left, bottom } = lines.at(-1);
    const { top } = lines[0];
    const { width, height } = preview.getBoundingClientRect();
    const room = document.documentElement.clientWidth - width - 8;
    const below = bottom + height <= innerHeight || top < height;
    preview.style.left = `${Math.max(8, Math.min(left, room)) + scrollX}px`;
    preview.style.top = `${(below ? bottom : top - height) + scrollY}px`;
  };

  const open = async (wanted) => {
    close();
    link = wanted;
    const [address, anchor] = wanted.href.split("#");
    const found = await page(address).catch(() => null); // without it there is still the link
    const copy = found && content(found.getElementById(decodeURIComponent(anchor)), address);
    if (!copy || link !== wanted) return;
    preview.replaceChildren(copy);
    preview.hidden = false;
    link.setAttribute("aria-describedby", preview.id);
    place();
    if (copy.querySelector(".math:not(:has(mjx-container))") && window.MathJax?.typesetPromise) {
      await MathJax.typesetPromise([copy]);
      if (link === wanted) place();
    }
  };

  const leads = (target) => {
    const found = target.closest?.("article a[href*='#']:not(.headerlink)");
    const here = found?.href.startsWith(new URL(".", location).origin);
    return here && (location.protocol !== "file:" || found.pathname === location.pathname) ? found : null;
  };
  const soon = (action) => {
    clearTimeout(timer);
    timer = setTimeout(action, DELAY);
  };

  document.body.append(preview);
  document.addEventListener("pointerover", ({ target, pointerType }) => {
    if (pointerType !== "mouse") return;
    if (preview.contains(target)) clearTimeout(timer);
    else {
      const wanted = leads(target);
      if (wanted === null) link && soon(close);
      else if (wanted === link) clearTimeout(timer);
      else soon(() => open(wanted));
    }
  });
  document.addEventListener("focusin", ({ target }) => {
    const wanted = leads(target);
    if (wanted?.matches(":focus-visible")) open(wanted);
    else close();
  });
  document.addEventListener("focusout", close);
  document.addEventListener("keydown", ({ key }) => key === "Escape" && close());
});
