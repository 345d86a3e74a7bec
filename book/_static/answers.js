"use strict";
/* The calculator of the answers page: reads four controls, asks grpo.js, and writes three answers. */
(() => {
  const form = document.getElementById("calculator");
  const box = (name) => document.getElementById(`calculator-${name}`);
  const answers = Object.fromEntries([...form.querySelectorAll("[data-answer]")].map((a) => [a.dataset.answer, a]));
  const LEAST_DELTA = 1e-8; // that the explorer takes; in a group a smaller one makes no difference to see

  /** What a number must be, and how that is said. */
  const RULES = {
    p_ref: [(x) => x >= 0 && x <= 1, "A number from 0 to 1."],
    beta: [(x) => x > 0 && x < Infinity, "A number above 0. With 0, the default of TRL, nothing holds a run: every prompt that is ever solved is sent to 1."],
    size: [(x) => Number.isInteger(x) && x >= 2 && x <= 256, "A whole number from 2 to 256."],
  };

  function read() {
    const given = {};
    for (const [name, [isRight, message]] of Object.entries(RULES)) {
      const text = box(name).value.trim();
      const right = text !== "" && isRight(Number(text));
      box(name).setAttribute("aria-invalid", String(!right));
      box(`${name}-message`).textContent = right ? "" : message;
      given[name] = right ? Number(text) : null;
    }
    return Object.values(given).includes(null) ? null : given;
  }

  /** Three digits of a probability in per cent; of what it lacks to 1, if that is little. */
  function percent(L) {
    if (L === -Infinity) return "0 %";
    if (L === Infinity) return "100 %";
    const short = grpo.sigmoid(-L);
    if (short < 0.001) return `all but ${short < 1e-12 ? "less than 1 in 10¹²" : `1 in ${Number((1 / short).toPrecision(2)).toLocaleString("en")}`}`;
    return `${Number((100 * grpo.sigmoid(L)).toPrecision(3))} %`;
  }

  const WORDS = {
    SETTLES: ({ limit }) => percent(limit),
    RUNS_TO_ONE: ({ limit }) => `It runs to one: ${percent(limit)}`,
    NEAR: ({ limit }) => percent(limit),
    ABSORBED: ({ limit }) => `${percent(limit)}, where it is`,
    OSCILLATES: ({ low, high }) => `Nowhere: it goes on between ${percent(low)} and ${percent(high)}`,
    MOVES: ({ low, high }) => `Nowhere in ${grpo.STEPS} updates: last between ${percent(low)} and ${percent(high)}`,
    RISES: ({ last }) => `Still rising at ${percent(last)} after ${grpo.STEPS} updates`,
    FALLS: ({ last }) => `Still falling at ${percent(last)} after ${grpo.STEPS} updates`,
    UNDECIDED: () => `Not decided in ${grpo.STEPS} updates`,
  };

  function pace({ limit, steps }) {
    if (limit === undefined) return "–";
    if (steps === null) return `More than ${grpo.STEPS} exact updates`;
    if (steps === 0) return "It starts there";
    return `Within 1 % of the odds from exact update ${steps} on`;
  }

  function answer() {
    const given = read();
    const setting = { alpha: 1, ...JSON.parse(box("library").value) };
    const inGroups = "deviation" in setting;
    box("size").disabled = !inGroups;
    for (const cell of Object.values(answers)) if (cell !== answers.link) cell.textContent = "–";
    answers.link.hidden = given === null;
    if (given === null) return;
    const { p_ref, beta, size } = given;
    const q = 1 - p_ref;
    answers.dead.textContent = inGroups ? `${Number((100 * (p_ref ** size + q ** size)).toPrecision(3))} %` : "None: no groups";
    const whole = { ...setting, p_ref, beta, ...(inGroups && { size }) };
    const linked = "delta" in whole ? { ...whole, delta: Math.max(whole.delta, LEAST_DELTA) } : whole;
    answers.link.href = `explorer.html#${new URLSearchParams(linked)}`;
    const r = grpo.recurrence(whole);
    if (!r.normalization.proved) {
      answers.end.textContent = "Not known: for this size the number of places to end is not proved";
      return;
    }
    const L_ref = grpo.logit(p_ref);
    const verdict = grpo.verdict(r, L_ref, L_ref);
    answers.end.textContent = WORDS[verdict.regime](verdict);
    answers.pace.textContent = pace(verdict);
  }

  form.addEventListener("input", answer);
  form.addEventListener("submit", (event) => event.preventDefault());
  answer();
})();
