"""The search of the built book leads to what was asked for."""

from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page

from tests.site.accessibility import DESKTOP, PHONE

ANSWERS = "book/answers.html"

FIRST_HITS = {
    "KL grows": f"{ANSWERS}#kl-only-grows",
    "my KL grows": f"{ANSWERS}#kl-only-grows",
    "loss is 0": f"{ANSWERS}#loss-is-0-at-the-start",
    "reward oscillates": f"{ANSWERS}#reward-goes-up-and-down",
    "reward collapses": f"{ANSWERS}#reward-collapses",
    "frac_reward_zero_std": f"{ANSWERS}#frac-reward-zero-std-is-high",
    "clip_ratio": f"{ANSWERS}#clip-ratio-is-0-or-high",
    "which beta": f"{ANSWERS}#which-beta",
    "divide by std": f"{ANSWERS}#divide-by-the-standard-deviation-or-not",
    "scale_rewards": f"{ANSWERS}#divide-by-the-standard-deviation-or-not",
    "num_generations": f"{ANSWERS}#how-large-a-group",
    "pass@k falls": f"{ANSWERS}#reward-collapses",
    "renew the reference": f"{ANSWERS}#renew-the-reference",
    "ref_model_mixup_alpha": f"{ANSWERS}#renew-the-reference",
    "noisy rewards": f"{ANSWERS}#noisy-rewards",
    "learning rate": f"{ANSWERS}#learning-rate",
    "run stalls": f"{ANSWERS}#reward-stalls-below-1",
    "Adam": f"{ANSWERS}#adam-in-place-of-sgd",
    "entropy": f"{ANSWERS}#entropy-falls",
    "Theorem 5": "notebooks/theorem-5.html#theorem-5",
    "theorem 10": "notebooks/theorem-10.html#theorem-10",
    "Theorem 1": "notebooks/theorem-1.html#theorem-1",
    "Lemma 2": "notebooks/lemma-2.html#lemma-2",
    "Proposition 1": "notebooks/proposition-1.html#proposition-1",
    "III.14": "notebooks/dead-groups.html#beyond-9-dead",
    "II.9": "notebooks/phase-diagram.html#beyond-2-curves",
    "Dead groups kept, dropped, resampled": "notebooks/dead-groups.html#beyond-9-dead",
    "E13": "book/errata.html#e13-",
    "does Theorem 5 hold?": "notebooks/theorem-5.html#theorem-5",
    "Is E13 fair?": "book/errata.html#e13-",
    "my KL grows, is that bad?": f"{ANSWERS}#kl-only-grows",
    "which beta should I use?": f"{ANSWERS}#which-beta",
    "Should I divide by the std?": f"{ANSWERS}#divide-by-the-standard-deviation-or-not",
    "How large must num_generations be?": f"{ANSWERS}#how-large-a-group",
    "what does clip_ratio mean?": f"{ANSWERS}#clip-ratio-is-0-or-high",
    "Why is the loss 0 at the start?": f"{ANSWERS}#loss-is-0-at-the-start",
    "why do my rewards oscillate?": f"{ANSWERS}#reward-goes-up-and-down",
    "does my entropy collapse?": f"{ANSWERS}#entropy-falls",
    "Do I need to renew the reference?": f"{ANSWERS}#renew-the-reference",
    "Are dead groups a problem?": f"{ANSWERS}#frac-reward-zero-std-is-high",
    "What is Lemma 2 about?": "notebooks/lemma-2.html#lemma-2",
    "What holds instead of E6?": "book/errata.html#e6-",
    "How do I cite this?": "book/cite.html",
    "where is the glossary?": "book/glossary.html",
}
"""Where each question leads; the names of errata go on."""


RANKED = """query => {
    const hits = Search._performSearch(...Search._parseQuery(query)); // the last is shown first
    const [page, , anchor] = hits.at(-1) ?? [];
    return `${page}.html${anchor}`;
}"""


def first_hit(page: Page) -> tuple[str, str]:
    """Address of the hit shown first, from the root of the book, and what is shown of its text."""
    hit = page.locator("#search-results ul.search > li").first
    text = hit.locator(".context").text_content() or ""
    return hit.locator("a").first.evaluate("a => a.pathname.slice(1) + a.hash"), text


def is_meant(address: str, query: str) -> bool:
    wanted = FIRST_HITS[query]
    return address.startswith(wanted) if wanted.endswith("-") else address == wanted


SENTENCES = [query for query in FIRST_HITS if query.endswith("?")]


def test_the_first_hit_is_what_was_asked_for(page: Page) -> None:
    page.goto("/search.html?q=mirror")
    page.wait_for_function("Search.hasIndex()")
    found = {query: page.evaluate(RANKED, query) for query in FIRST_HITS}
    assert {query: hit for query, hit in found.items() if not is_meant(hit, query)} == {}
    page.evaluate("Search._index.indexentries = {}")
    for query in ("KL grows", "divide by std", "num_generations", "Theorem 5", "E13"):
        assert not is_meant(page.evaluate(RANKED, query), query)


def test_without_its_script_a_search_does_not_understand_sentences(page: Page) -> None:
    page.route("**/search.js*", lambda route: route.fulfill(body=""))
    page.goto("/search.html?q=mirror")
    page.wait_for_function("Search.hasIndex()")
    found = {query: page.evaluate(RANKED, query) for query in SENTENCES}
    missed = [query for query, hit in found.items() if not is_meant(hit, query)]
    assert len(missed) > len(SENTENCES) / 2


def test_a_word_left_out_and_a_question_without_an_answer(page: Page) -> None:
    page.goto("/search.html?q=mirror")
    page.wait_for_function("Search.hasIndex()")
    count = "query => Search._performSearch(...Search._parseQuery(query)).length"
    assert page.evaluate(count, "mirror -theorem") < page.evaluate(count, "mirror") != 0
    assert page.evaluate(count, "does xylophone matter?") == 0


@pytest.mark.parametrize(
    ("query", "size"), [("KL grows", DESKTOP), ("Theorem 5", PHONE), ("E13", PHONE)]
)
def test_a_hit_is_shown_with_its_text_and_leads_there(
    page: Page, query: str, size: dict[str, int]
) -> None:
    page.set_viewport_size(size)
    page.goto(f"/search.html?q={quote(query)}")
    page.locator("#search-results ul.search > li .context").first.wait_for()
    address, text = first_hit(page)
    assert is_meant(address, query)
    assert len(text) > 60
    assert page.evaluate("document.scrollingElement.scrollWidth") <= size["width"]
    page.locator("#search-results ul.search > li a").first.click()
    page.wait_for_url(f"**/{address.partition('#')[0]}*")
    home = page.locator(f"[id='{address.partition('#')[2]}']").first  # sphinx-proof: two
    assert text[3:40].split()[1] in (home.text_content() or "")


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_nothing_covers_what_is_typed(page: Page, size: dict[str, int]) -> None:
    page.set_viewport_size(size)
    page.goto("/search.html")
    field = page.locator(".bd-search:visible input[type=search]").first
    covered = """input => {
        const style = getComputedStyle(input);
        const start = input.getBoundingClientRect().left + parseFloat(style.paddingLeft);
        return [...input.form.querySelectorAll("i, svg")].filter((icon) => {
            const { width, left, right } = icon.getBoundingClientRect();
            return width > 0 && left < start + 10 && right > start;
        }).length;
    }"""
    assert field.evaluate(covered) == 0
    page.add_style_tag(content=".bd-search .form-control { padding-left: 0 !important }")
    assert field.evaluate(covered) == 1


def test_a_search_in_files_throws_no_errors(browser: Browser, site: Path) -> None:
    page = browser.new_page()
    faults: list[str] = []
    page.on("console", lambda message: message.type == "error" and faults.append(message.text))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(f"{(site / 'search.html').as_uri()}?q=mirror")
    finished = page.locator("#search-results .search-summary:not(:empty)")
    finished.wait_for()
    assert page.locator("#search-results ul.search > li").count() > 0
    page.wait_for_timeout(500)
    assert faults == []
    page.evaluate("DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = true; Search.query('mirror')")
    page.wait_for_timeout(500)
    assert faults != []
    page.close()
