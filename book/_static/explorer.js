"use strict";
/* The explorer: reads the controls, asks grpo.js, and fills the verdict, the table and the figures.

   A setting is {p_ref, p_0, beta, eps, delta, alpha, normalization}; p_0 is null if the run starts
   at the reference. It is what the address holds after its "#". */
const explorer = (() => {
  const SHOWN = 50;         // steps drawn, as in the paper's Figure 5
  const FRAME = 15.5;       // log-odds beyond which the figures do not reach
  const form = document.getElementById("explorer");
  const boxes = [...form.querySelectorAll("input[type=number]")];
  const names = boxes.map((box) => box.id);
  const sliders = Object.fromEntries([...form.querySelectorAll("input[type=range]")].map((s) => [s.dataset.for, s]));
  const fields = Object.fromEntries(["normalization", "from-reference", "figure-5", "copy-link"].map((id) => [id, document.getElementById(id)]));
  const DEFAULTS = { ...Object.fromEntries(boxes.map((box) => [box.id, Number(box.value)])), p_0: null, normalization: "mean-variance" };
  let setting = { ...DEFAULTS };
  let plots = null; // once Bokeh has built them

  // Numbers and their places on the sliders.

  const SCALES = {
    linear: { to: (value) => value, from: (place) => place },
    log: { to: Math.log10, from: (place) => 10 ** place },
    "log-odds": { to: grpo.logit, from: grpo.sigmoid },
  };

  /** Few digits, also of 1 - p where p is close to 1. */
  function rounded(value, scale) {
    const near = scale === "log-odds" && value > 0.5 ? 1 - Number((1 - value).toPrecision(3)) : value;
    return Number(near.toPrecision(near > 0.5 && scale === "log-odds" ? 9 : 3));
  }

  function fits(name, value) {
    const { min, max } = document.getElementById(name);
    return Number.isFinite(value) && Number(min) <= value && value <= Number(max);
  }

  function clamped(name, value) {
    const { min, max } = document.getElementById(name);
    return Math.min(Math.max(value, Number(min)), Number(max));
  }

  // Words.

  const POWERS = "⁰¹²³⁴⁵⁶⁷⁸⁹";
  const power = (exponent) => `10${exponent < 0 ? "⁻" : ""}${[...String(Math.abs(exponent))].map((d) => POWERS[d]).join("")}`;

  /** A positive number with four digits, small ones with a power of ten. */
  function digits(value, count = 4) {
    if (value === Infinity) return "∞";
    if (value === 0 || (value >= 1e-4 && value < 1e4)) return String(Number(value.toPrecision(count)));
    const [mantissa, exponent] = value.toExponential(1).split("e");
    return `${mantissa} × ${power(Number(exponent))}`;
  }

  /** A probability, told by what it lacks to 1 if that is little. 1 - p is sigma(-L). */
  function probability(L) {
    if (L > 9.2) {
      const lack = Math.exp(-L) > 1e-300 ? digits(grpo.sigmoid(-L)) : power(-Math.ceil(L / Math.LN10));
      return L === Infinity ? "1" : `1 − ${lack}`;
    }
    return L < -700 ? "0" : digits(grpo.sigmoid(L));
  }

  /** The verdict in words, one for each regime. */
  const SENTENCES = {
    SETTLES: (v) => `Settles at ${probability(v.limit)}`,
    RUNS_TO_ONE: (v) => (v.limit === Infinity ? "Runs to one" : `Runs to one: limit ${probability(v.limit)}`),
    OSCILLATES: (v) => `Oscillates between ${probability(v.low)} and ${probability(v.high)}`,
    UNDECIDED: () => "Undecided",
  };

  const EXPLANATIONS = {
    SETTLES: approach,
    RUNS_TO_ONE: (v) => {
      if (v.limit < Infinity) return approach(v);
      const passed = v.steps === null ? `p is still below 0.99 after ${grpo.STEPS} steps.` : `p passes 0.99 at step ${v.steps}.`;
      return `Without a share of the reference nothing holds it back. ${passed}`;
    },
    OSCILLATES: (v) => (v.period ? `It repeats a cycle of ${v.period} values.` : `In ${grpo.STEPS} steps it has repeated no short cycle.`),
    UNDECIDED: (v) => {
      const last = v.period ? `It has come to repeat ${v.period} values` : "Its last states lie";
      return `No theorem has settled it in ${grpo.STEPS} steps. ${last} between ${probability(v.low)} and ${probability(v.high)}.`;
    },
  };

  function approach({ steps }) {
    if (steps === null) return `It is still farther than 1 % from it after ${grpo.STEPS} steps.`;
    return steps === 0 ? "It starts within 1 % of it." : `It stays within 1 % of it from step ${steps} on.`;
  }

  // The address.

  function address() {
    const { p_0, ...rest } = setting;
    return new URLSearchParams(p_0 === null ? rest : { ...rest, p_0 }).toString();
  }

  /** The setting that an address holds, null if it holds none; a bad value gives way to the default. */
  function fromAddress(hash) {
    const given = new URLSearchParams(hash.replace(/^#/, ""));
    if (!Object.keys(DEFAULTS).some((name) => given.has(name))) return null;
    const read = { ...DEFAULTS };
    for (const name of names) {
      const value = given.get(name)?.trim() ? Number(given.get(name)) : NaN;
      if (fits(name, value)) read[name] = value;
    }
    if (Object.hasOwn(grpo.NORMALIZATIONS, given.get("normalization"))) read.normalization = given.get("normalization");
    return read;
  }

  // Controls.

  function showControls() {
    for (const name of names) {
      const value = setting[name] ?? setting.p_ref;
      const box = document.getElementById(name);
      const slider = sliders[name];
      if (document.activeElement !== box) box.value = String(value);
      if (document.activeElement !== slider) slider.value = SCALES[slider.dataset.scale].to(value);
      slider.setAttribute("aria-valuetext", String(value));
      if (name === "p_0") box.disabled = slider.disabled = setting.p_0 === null;
    }
    for (const control of form.querySelectorAll("[data-normalization]")) {
      control.hidden = control.dataset.normalization !== setting.normalization;
    }
    fields.normalization.value = setting.normalization;
    fields["from-reference"].checked = setting.p_0 === null;
    const same = [...fields["figure-5"].options].find((option) => option.value && matches(JSON.parse(option.value)));
    fields["figure-5"].value = same ? same.value : "";
  }

  function matches(preset) {
    return Object.entries({ ...DEFAULTS, ...preset }).every(([name, value]) => setting[name] === value);
  }

  function choose(change) {
    setting = { ...setting, ...change };
    showControls();
    scheduleDraw();
    history.replaceState(history.state, "", `#${address()}`);
  }

  function listen() {
    for (const box of boxes) {
      box.addEventListener("input", () => {
        const good = box.value !== "" && fits(box.id, Number(box.value));
        box.setAttribute("aria-invalid", String(!good));
        if (good) choose({ [box.id]: Number(box.value) });
      });
      box.addEventListener("blur", () => {
        box.removeAttribute("aria-invalid");
        box.value = String(setting[box.id] ?? setting.p_ref);
      });
    }
    for (const [name, slider] of Object.entries(sliders)) {
      slider.addEventListener("input", () => {
        const { scale } = slider.dataset;
        choose({ [name]: clamped(name, rounded(SCALES[scale].from(Number(slider.value)), scale)) });
      });
    }
    fields.normalization.addEventListener("change", () => choose({ normalization: fields.normalization.value }));
    fields["from-reference"].addEventListener("change", (event) => choose({ p_0: event.target.checked ? null : setting.p_ref }));
    fields["figure-5"].addEventListener("change", ({ target }) => target.value && choose({ ...DEFAULTS, ...JSON.parse(target.value) }));
    for (const button of form.querySelectorAll("[data-preset]")) {
      button.addEventListener("click", () => choose({ ...DEFAULTS, ...JSON.parse(button.dataset.preset) }));
    }
    fields["copy-link"].addEventListener("click", copyLink);
    form.addEventListener("reset", (event) => {
      event.preventDefault();
      choose(DEFAULTS);
    });
    form.addEventListener("submit", (event) => event.preventDefault());
    window.addEventListener("hashchange", () => {
      const read = fromAddress(location.hash);
      if (read) choose(read);
    });
  }

  async function copyLink() {
    const button = fields["copy-link"];
    history.replaceState(history.state, "", `#${address()}`);
    let told = "Copied";
    try {
      await navigator.clipboard.writeText(location.href);
    } catch {
      told = "See the address bar"; // a page that is not served securely has no clipboard
    }
    button.textContent = told;
    setTimeout(() => (button.textContent = "Copy link"), 2000);
  }

  // Drawing.

  let waiting = false;
  function scheduleDraw() {
    if (!waiting) requestAnimationFrame(draw);
    waiting = true;
  }

  function draw() {
    waiting = false;
    const L_ref = grpo.logit(setting.p_ref);
    const L_0 = grpo.logit(setting.p_0 ?? setting.p_ref);
    const r = grpo.recurrence(setting);
    const states = grpo.trajectory(r, L_ref, L_0, SHOWN);
    const points = grpo.fixedPoints(r, L_ref);
    const verdict = grpo.verdict(r, L_ref, L_0);
    const shown = `After ${SHOWN} steps p is ${probability(states[SHOWN])}.`;
    document.getElementById("verdict").textContent = `${SENTENCES[verdict.regime](verdict)}.`;
    document.getElementById("detail").textContent = `${EXPLANATIONS[verdict.regime](verdict)} ${shown}`;
    showPoints(points);
    if (plots) {
      drawRun(r, L_ref, states, points);
      drawPhase(L_ref);
    }
  }

  function showPoints(points) {
    const rows = points.map(({ L, slope }) => {
      const row = document.createElement("tr");
      const size = Math.abs(slope) < 1e-4 ? "≈ 0" : `${slope < 0 ? "−" : ""}${digits(Math.abs(slope))}`;
      for (const text of [probability(L), size, Math.abs(slope) < 1 ? "attracted" : "repelled"]) {
        row.insertCell().textContent = text;
      }
      return row;
    });
    document.getElementById("points").replaceChildren(...rows);
  }

  const inFrame = (L) => Math.min(Math.max(L, -FRAME), FRAME);

  function drawRun(r, L_ref, states, points) {
    const seen = states.map(inFrame);
    let low = Math.floor(Math.min(...seen, L_ref) - 0.5);
    let high = Math.ceil(Math.max(...seen) + 0.5);
    const missing = Math.max(0, 6 - (high - low)) / 2;
    [low, high] = [Math.max(low - missing, -FRAME - 0.5), Math.min(high + missing, FRAME + 0.5)];
    for (const range of [plots.map.x_range, plots.map.y_range, plots.run.y_range]) range.setv({ start: low, end: high });
    setTicks(plots.map.below[0], low, high, 5);
    for (const axis of [plots.map.left[0], plots.run.left[0]]) setTicks(axis, low, high, 9);

    const grid = Array.from({ length: 241 }, (_, i) => low + ((high - low) * i) / 240);
    fill("curve", { x: grid, y: grid.map((L) => Math.min(grpo.step(r, L, L_ref), 2 * FRAME)) });
    const corners = seen.slice(0, -1).flatMap((L, n) => [[L, n ? L : low], [L, seen[n + 1]]]);
    fill("cobweb", { x: corners.map(([x]) => x), y: corners.map(([, y]) => y) });
    const places = points.map(({ L }) => inFrame(L));
    const colours = points.map(({ slope }) => (Math.abs(slope) < 1 ? "#111111" : "#ffffff"));
    fill("points", { x: places, y: places, fill: colours });
    fill("levels", { y: places });
    fill("states", { x: seen.map((_, n) => n), y: seen });
  }

  const DECADES = [-6, -5, -4, -3, -2, -1];
  const TICKS = [[1], [1, 3], [1, 2, 5]].map((leading) =>
    [...DECADES.flatMap((d) => leading.map((m) => m * 10 ** d)).filter((p) => p < 0.5)].flatMap((p) => [
      { L: grpo.logit(p), label: p < 1e-3 ? smallLabel(p) : digits(p) },
      { L: -grpo.logit(p), label: p < 1e-3 ? `1−${smallLabel(p)}` : String(Number((1 - p).toPrecision(4))) },
    ]).concat({ L: 0, label: "0.5" }),
  );
  TICKS.unshift(TICKS[0].filter(({ L }) => Math.round(Math.abs(L) / Math.LN10) % 2 === 0));

  function smallLabel(p) {
    const [mantissa, exponent] = p.toExponential(0).split("e");
    return mantissa === "1" ? power(Number(exponent)) : `${mantissa}·${power(Number(exponent))}`;
  }

  /** Round probabilities as ticks of an axis in log-odds, as many as fit. */
  function setTicks(axis, low, high, most) {
    const inside = TICKS.map((ticks) => ticks.filter(({ L }) => low <= L && L <= high));
    const chosen = inside.findLast((ticks) => ticks.length <= most) ?? inside[0];
    axis.ticker.ticks = chosen.map(({ L }) => L);
    axis.major_label_overrides = new Map(chosen.map(({ L, label }) => [L, label]));
  }

  function drawPhase(L_ref) {
    const here = { x: [Math.log10(setting.beta)], y: [L_ref] };
    for (const colour of ["white", "#D55E00"]) fill(`here ${colour}`, here);
    const { p_ref, beta, ...rest } = setting;
    const key = JSON.stringify(rest);
    if (key === drawPhase.key) return;
    drawPhase.key = key;
    const betas = Array.from({ length: 201 }, (_, i) => 10 ** (-2 + i / 50));
    const curves = grpo.boundaries(grpo.recurrence(setting), betas);
    for (const [name, curve] of Object.entries(curves)) {
      fill(name, { x: curve.map((point) => Math.log10(point.beta)), y: curve.map((point) => point.L_ref) });
    }
    paint({ ...setting }, key);
  }

  /** Value of the picture's colour: the probability at the end of a run, above 1 if it oscillates,
      NaN if it is undecided. */
  function shade({ regime, limit }) {
    if (regime === "UNDECIDED") return NaN;
    return regime === "OSCILLATES" ? 2 : grpo.sigmoid(limit);
  }

  /** The picture of where runs end, a few milliseconds at a time so that sliders stay smooth. */
  function paint(s, key) {
    const source = plots.sources.picture;
    const image = source.data.image[0];
    const [height, width] = image.shape;
    const edge = plots.phase.y_range.end;
    const values = new Float64Array(width * height);
    let column = 0;
    (function some() {
      if (key !== drawPhase.key) return; // a newer picture is on its way
      const until = performance.now() + 10;
      for (; column < width && performance.now() < until; column++) {
        const r = grpo.recurrence({ ...s, beta: 10 ** (-2 + (4 * (column + 0.5)) / width) });
        for (let row = 0; row < height; row++) {
          const L_ref = edge * ((2 * (row + 0.5)) / height - 1);
          values[row * width + column] = shade(grpo.ending(r, L_ref, s.p_0 === null ? L_ref : grpo.logit(s.p_0)));
        }
      }
      if (column < width) return void setTimeout(some);
      image.set(values);
      source.change.emit();
      document.getElementById("explorer-phase").dataset.painted = key;
    })();
  }

  function fill(name, data) {
    plots.sources[name].data = data;
  }

  async function build() {
    const items = JSON.parse(document.getElementById("explorer-figures").textContent);
    const views = await Promise.all(items.map((item) => Bokeh.embed.embed_item(item)));
    const [map, run, phase] = views.map((view) => view.roots[0].model);
    const sources = {};
    for (const { renderers } of [map, run, phase]) {
      for (const { data_source } of renderers) if (data_source.name) sources[data_source.name] = data_source;
    }
    plots = { map, run, phase, sources };
    setTicks(phase.left[0], phase.y_range.start, phase.y_range.end, 13);
    draw();
  }

  setting = fromAddress(location.hash) ?? setting;
  listen();
  showControls();
  draw();
  build();

  return {
    /** Move to a place of the phase diagram: log10 beta and log-odds of the reference. */
    choose: (log_beta, L_ref) =>
      choose({
        beta: clamped("beta", rounded(10 ** log_beta, "log")),
        p_ref: clamped("p_ref", rounded(grpo.sigmoid(L_ref), "log-odds")),
      }),
    address,
    fromAddress,
  };
})();
window.explorer = explorer;
