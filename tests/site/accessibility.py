"""Rules of accessibility, checked once for each distinct thing on a page."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
STATES = (("dark", PHONE), ("light", DESKTOP))
"""Theme and window in which each page is checked."""

SIGNATURES = r"""() => {
    const LOOK = ["color", "backgroundColor", "backgroundImage", "display", "visibility", "opacity",
        "filter", "textShadow", "fontSize", "fontWeight"];
    const VALUES = /^(class|role|tabindex|type|lang|scope|for|aria-(?!label$).*)$/;
    const REFERENCES = ["for", "aria-labelledby", "aria-describedby", "aria-controls", "aria-owns"];
    const amount = text => Math.min(text.trim().length, 2);  // one letter is not text to axe-core
    const ids = {};
    document.querySelectorAll("[id]").forEach(({ id }) => ids[id] = (ids[id] ?? 0) + 1);
    const named = new Set(REFERENCES.flatMap(name => [...document.querySelectorAll(`[${name}]`)]
        .flatMap(element => element.getAttribute(name).split(/\s+/))));

    const attribute = ({ name, value }) => {
        if (name === "id") return `id ${ids[value]} ${named.has(value) ? value : ""}`;
        return `${name} ${VALUES.test(name) ? value : amount(value)}`;
    };
    const signature = element => {
        const style = getComputedStyle(element);
        const overflows = element.scrollWidth > element.clientWidth
            || element.scrollHeight > element.clientHeight;
        const scrolls = overflows && /auto|scroll/.test(style.overflow);
        const own = [...element.childNodes].filter(node => node.nodeType === Node.TEXT_NODE);
        return JSON.stringify([
            element.tagName, scrolls, amount(own.map(text => text.data).join("")),
            amount(element.textContent), LOOK.map(name => style[name]),
            [...element.attributes].map(attribute).sort(),
            [...new Set([...element.children].map(child => child.tagName))].sort(),
        ]);
    };
    window.signatures ??= new Map();
    for (const element of document.body.querySelectorAll("*"))
        signatures.set(element, (signatures.get(element) ?? "") + signature(element));
}"""
"""Note of each element all that the rules depend on: what it is, says and looks like as it is now.

The colours that axe-core compares follow from those of the element and of its ancestors.
"""

EMPTY_REPEATS = """() => {
    const known = new Map();
    const numbers = new Map([[document.body, 0]]);
    const kept = new Set([document.body]);
    for (const [element, signature] of signatures) {
        const path = `${numbers.get(element.parentElement)} ${signature}`;
        const isNew = !known.has(path);
        if (isNew) known.set(path, known.size + 1);
        numbers.set(element, known.get(path));
        for (let above = element; isNew && !kept.has(above); above = above.parentElement)
            kept.add(above);
    }
    for (const element of signatures.keys()) {
        if (kept.has(element) || !kept.has(element.parentElement)) continue;
        if (element.parentElement.closest("a, button, label, summary")) continue;  // a whole name
        element.replaceChildren();
        if (element.matches("pre *, svg *")) element.remove();
        else element.hidden = !element.matches("dt, dd, th, td");  // a pair each
    }
}"""
"""Empty and hide what holds nothing new: whose signature, and those of all above, came before.

It stays in its place, for a style may count the neighbours, if not in code or in drawings.
"""


def settle(page: Page) -> None:
    """Wait until the page has been drawn as it is now, and observers of sizes have been told."""
    page.evaluate(
        "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
    )


def show(page: Page, theme: str, window: dict[str, int]) -> None:
    """Show a page in a theme and a window of this size."""
    page.set_viewport_size(window)
    page.evaluate("theme => document.documentElement.dataset.theme = theme", theme)
    settle(page)


def out_of_reach(page: Page) -> list[str]:
    """Boxes that scroll, in which no key gets the focus.

    A rule of axe-core, too. But a thinned out page is not as wide, and this one asks the whole.
    """
    return page.evaluate(
        """() => {
        const visible = part => part.checkVisibility({ visibilityProperty: true });
        return [...document.body.querySelectorAll(":not(mjx-container *)")].filter(box => {
            const { overflowX, overflowY } = getComputedStyle(box);
            const wide = box.scrollWidth > box.clientWidth && /auto|scroll/.test(overflowX);
            const high = box.scrollHeight > box.clientHeight && /auto|scroll/.test(overflowY);
            return (wide || high) && visible(box) && ![box, ...box.querySelectorAll("*")].some(
                part => part.tabIndex >= 0 && visible(part));
        }).map(box => box.cloneNode().outerHTML);
        }"""
    )


def thin_out(page: Page) -> None:
    """Keep one of the many like elements, or axe-core would take minutes for a chapter.

    A word stands for each formula: axe-core does not see the glyphs that MathJax draws as text.
    Colours change at once from here on, not by a transition. The page is left in the last state.
    """
    page.add_style_tag(
        content="* { transition: none !important } [hidden] { display: none !important }"
    )
    page.evaluate(
        "document.querySelectorAll('mjx-container').forEach(math => math.replaceChildren('xyz'))"
    )
    for state in STATES:
        show(page, *state)
        page.evaluate(SIGNATURES)
    page.evaluate(EMPTY_REPEATS)


def violations(page: Page) -> list[str]:
    """Serious and critical violations that axe-core finds, dark on a phone and light on a desktop.

    The page is thinned out, and of no use afterwards.
    """
    thin_out(page)
    found = []
    for theme, window in reversed(STATES):
        show(page, theme, window)
        # Without preload: axe-core would ask for the style sheets once more.
        options = {"resultTypes": ["violations"], "preload": False}
        found += [
            f"{theme}: {rule['id']}: {node['html'][:200]}"
            for rule in Axe().run(page, options=options).response["violations"]
            if rule["impact"] in ("serious", "critical")
            for node in rule["nodes"]
        ]
    return found
