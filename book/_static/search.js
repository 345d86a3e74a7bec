"use strict";
/* Questions in whole sentences. Sphinx looks for pages that have every word of a question; here the
   words that only make it a question are left out, and what the index and the titles of pages name
   comes first if a question names it: "does Theorem 5 hold?" leads to Theorem 5. */
window.addEventListener("DOMContentLoaded", () => {
  if (typeof Search === "undefined") return; // its script is on the pages that search, and no others

  const FILLERS = new Set(
    ("a about all am an and any are as at bad be been but by can could did do does ever every fair for " +
      "from get go goes going good had happen happens has have hold holds how i if in into is it its kept " +
      "know let long matter mean means much must my need no not of ok on or our right safe shall should so " +
      "still such tell that the their them then there these they this to true up down use used using was " +
      "we were what when where which while who why will with without wrong would you your").split(" ")
  );
  const stemmer = new Stemmer();

  /** The words of a text, without the marks around them; those with a digit as they are. */
  const words = (text) =>
    text
      .toLowerCase()
      .split(/[\s,;:?!()"“”=]+/)
      .map((word) => word.replace(/^['.]+|['.]+$/g, ""))
      .filter(Boolean);
  const stem = (word) => (/[\d_.@]/.test(word) ? word : stemmer.stemWord(word));
  const telling = (text) => words(text).filter((word) => !FILLERS.has(word)).map(stem);

  /** How much of a question a name takes, in letters: it must be in it word by word, and in order. */
  const taken = (asked, name) => {
    let place = -1;
    let gaps = 0;
    for (const word of name) {
      const next = asked.indexOf(word, place + 1);
      if (next === -1) return 0;
      if (place !== -1) gaps += next - place - 1;
      place = next;
    }
    return Math.max(0, name.join("").length - gaps);
  };

  /** What the index and the titles name: [words, [document, anchor] of each place]. */
  const names = () => {
    const { docnames, titles, indexentries } = Search._index;
    const entries = Object.entries(indexentries).map(([name, places]) => [
      telling(name),
      places.filter(([, , isMain]) => isMain).map(([page, anchor]) => [page, anchor ? `#${anchor}` : ""]),
    ]);
    const pages = docnames.map((_, page) => [telling(titles[page] ?? ""), [[page, ""]]]);
    return [...pages, ...entries].filter(([name, places]) => name.length && places.length);
  };

  const { _parseQuery: parse, _performSearch: perform } = Search;
  Search._parseQuery = (query) => {
    const kept = query.split(/\s+/).filter((word) => !FILLERS.has(words(word).join(" ")));
    const asked = kept.map((word) => word.replace(/[?!.,;:]+$/, "")).join(" ");
    return [query.replace(/[?!.,;:\s]+$/, ""), ...parse(asked || query).slice(1)];
  };
  Search._performSearch = (query, ...terms) => {
    const { docnames, titles, filenames } = Search._index;
    const asked = telling(query);
    const named = names()
      .map(([name, places]) => [taken(asked, name), places])
      .filter(([score]) => score > 0)
      .sort(([a], [b]) => a - b)
      .flatMap(([score, places]) =>
        places.map(([page, anchor]) => [docnames[page], titles[page], anchor, null, 100 + score, filenames[page]])
      );
    const address = ([page, , anchor]) => page + anchor;
    const last = new Map(named.map((hit) => [address(hit), hit])); // each once, at its best place
    const first = named.filter((hit) => last.get(address(hit)) === hit);
    return [...perform(query, ...terms).filter((hit) => !last.has(address(hit))), ...first];
  };
});
