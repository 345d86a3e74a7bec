"use strict";
/* Live pictures in chapters: sliders, a verdict and two views, drawn once the fold is opened and
   again as sliders move. The mathematics is that of grpo.js, the words those of words.js. */
(() => {
  const SHOWN = 30; // steps drawn
  const FIXED = { normalization: "mean-variance", eps: 1e-5, alpha: 1 }; // what has no slider
  const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [380, 300, 70, 12, 10, 44];
  const [INNER, OUTER] = [WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM]; // of what the axes enclose
  const [LOWEST, HIGHEST] = [-14, 14]; // log-odds of references on the diagram, as in the explorer

  function add(parent, name, attributes, text = "") {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.textContent = text;
    parent.append(made);
    return made;
  }

  /** Empty axes in a picture; x and y are {low, high, ticks, name}, and a tick is {at, label}.
      Gives what draws on them: lines and areas through points, and dots. */
  function axes(svg, x, y) {
    const across = (value) => (INNER * (value - x.low)) / (x.high - x.low);
    const up = (value) => OUTER * (1 - (value - y.low) / (y.high - y.low));
    svg.replaceChildren();
    for (const { at, label } of x.ticks) {
      const place = LEFT + across(at);
      add(svg, "line", { class: "grid", x1: place, x2: place, y1: TOP, y2: TOP + OUTER });
      add(svg, "text", { x: place, y: HEIGHT - BOTTOM + 15, "text-anchor": "middle" }, label);
    }
    for (const { at, label } of y.ticks) {
      const place = TOP + up(at);
      add(svg, "line", { class: "grid", x1: LEFT, x2: LEFT + INNER, y1: place, y2: place });
      add(svg, "text", { x: LEFT - 6, y: place + 4, "text-anchor": "end" }, label);
    }
    add(svg, "text", { x: LEFT + INNER / 2, y: HEIGHT - 8, "text-anchor": "middle" }, x.name);
    const middle = TOP + OUTER / 2;
    add(svg, "text", { transform: `translate(12 ${middle}) rotate(-90)`, "text-anchor": "middle" }, y.name);
    const inside = add(svg, "svg", { x: LEFT, y: TOP, width: INNER, height: OUTER }); // cuts off what lies outside
    const path = (points) => points.map(([a, b], i) => `${i ? "L" : "M"}${across(a).toFixed(1)},${up(b).toFixed(1)}`).join("");
    return {
      line: (kind, points) => add(inside, "path", { class: kind, d: path(points) }),
      dot: (kind, [a, b], r) => add(inside, "circle", { class: kind, cx: across(a), cy: up(b), r }),
    };
  }

  /** An axis in log-odds, with probabilities at its ticks. */
  function successes(low, high, most, name) {
    return { low, high, name, ticks: words.ticks(low, high, most).map(({ L, label }) => ({ at: L, label })) };
  }

  function cobweb(svg, { r, L_ref, states, points, low, high }) {
    const view = axes(svg, successes(low, high, 5, "success now"), successes(low, high, 9, "success one step later"));
    const grid = Array.from({ length: 241 }, (_, i) => low + ((high - low) * i) / 240);
    view.line("diagonal", [[low, low], [high, high]]);
    view.line("run", states.slice(0, -1).flatMap((L, n) => [[L, n ? L : low], [L, states[n + 1]]]));
    view.line("curve", grid.map((L) => [L, words.inFrame(grpo.step(r, L, L_ref))]));
    for (const { L, slope } of points) view.dot(Math.abs(slope) < 1 ? "attracts" : "repels", [L, L], 5);
  }

  function phase(svg, { r, L_ref }) {
    const weights = [-2, -1, 0, 1, 2].map((at) => ({ at, label: String(10 ** at) }));
    const x = { low: -2, high: 2, ticks: weights, name: "weight β of the KL penalty" };
    const view = axes(svg, x, successes(LOWEST, HIGHEST, 13, "success of the reference"));
    const betas = Array.from({ length: 201 }, (_, i) => 10 ** (-2 + i / 50));
    for (const [kind, curve] of Object.entries(grpo.boundaries(r, betas))) {
      if (curve.length) view.line(kind, curve.map((point) => [Math.log10(point.beta), point.L_ref]));
    }
    view.dot("here", [Math.log10(r.beta), L_ref], 6);
  }

  function run(svg, { states, points, low, high }) {
    const steps = [0, 10, 20, 30].map((at) => ({ at, label: String(at) }));
    const view = axes(svg, { low: 0, high: SHOWN, ticks: steps, name: "step n" }, successes(low, high, 9, "success"));
    for (const { L } of points) view.line("diagonal", [[0, L], [SHOWN, L]]);
    const path = states.map((L, n) => [n, L]);
    view.line("run", path);
    for (const point of path) view.dot("state", point, 2.5);
  }

  const PICTURES = { cobweb, phase };

  function make(place) {
    const sliders = [...place.querySelectorAll("input")];
    const [picture, path] = place.querySelectorAll("svg");
    const verdict = place.querySelector(".live-verdict");
    const link = place.querySelector("a");

    function draw() {
      const chosen = {};
      for (const slider of sliders) {
        const { name, scale } = slider.dataset;
        chosen[name] = words.rounded(words.SCALES[scale].from(Number(slider.value)), scale);
        slider.previousElementSibling.querySelector("output").textContent = String(chosen[name]);
        slider.setAttribute("aria-valuetext", String(chosen[name]));
      }
      const setting = { ...FIXED, ...chosen };
      const [r, L_ref] = [grpo.recurrence(setting), grpo.logit(setting.p_ref)];
      const found = grpo.verdict(r, L_ref, L_ref);
      verdict.textContent = `${words.sentence(found)} ${words.explanation(found)}`;
      link.href = `${link.href.split("#")[0]}#${new URLSearchParams(setting)}`;
      const states = grpo.trajectory(r, L_ref, L_ref, SHOWN).map(words.inFrame);
      const points = grpo.fixedPoints(r, L_ref).map(({ L, slope }) => ({ L: words.inFrame(L), slope }));
      const [low, high] = words.range([...states, words.inFrame(L_ref)]);
      PICTURES[place.dataset.picture](picture, { r, L_ref, states, points, low, high });
      run(path, { states, points, low, high });
    }

    place.addEventListener("toggle", draw, { once: true });
    for (const slider of sliders) slider.addEventListener("input", draw);
    if (place.open) draw();
  }

  for (const place of document.querySelectorAll("details.live")) make(place);
})();
