"use strict";
/* The explorer: reads the controls, asks grpo.js, and fills the verdict, the table and the figures.

   A setting is {p_ref, p_0, beta, eps, delta, alpha, normalization, low, high, size, deviation,
   penalty, true_positive, false_positive}. Null are p_0 if the run starts at the reference, low and
   high without a clip, and size without groups. A number that a box was given stays in it, legal or
   not. `used` is what is computed with, and what the address holds after its "#". */
const explorer = (() => {
  const { FRAME, SCALES, rounded, digits, probability, inFrame } = words;
  const SHOWN = 50;         // steps drawn, as in the paper's Figure 5
  const form = document.getElementById("explorer");
  const boxes = [...form.querySelectorAll("input[type=number]")];
  const names = boxes.map((box) => box.id);
  const sliders = Object.fromEntries([...form.querySelectorAll("input[type=range]")].map((s) => [s.dataset.for, s]));
  const fields = Object.fromEntries(["normalization", "deviation", "penalty", "from-reference", "clip", "groups", "figure-5", "copy-link", "as-it-is-run"].map((id) => [id, document.getElementById(id)]));
  const INITIAL = Object.fromEntries(boxes.map((box) => [box.id, Number(box.value)]));
  const OFF = { p_0: null, low: null, high: null, size: null }; // in place of a number
  const CHOICES = { normalization: grpo.NORMALIZATIONS, deviation: grpo.DEVIATIONS, penalty: grpo.PENALTIES };
  const DEFAULTS = { ...INITIAL, ...OFF, ...Object.fromEntries(Object.entries(CHOICES).map(([name, [first]]) => [name, first])) };
  let setting = { ...DEFAULTS };
  let plots = null; // once Bokeh has built them

  function fits(name, value) {
    const { min, max } = document.getElementById(name);
    const right = name === "size" ? Number.isInteger(value) : Number.isFinite(value);
    return right && Number(min) <= value && value <= Number(max);
  }

  function clamped(name, value) {
    const { min, max } = document.getElementById(name);
    return Math.min(Math.max(value, Number(min)), Number(max));
  }

  // What can be computed, and what cannot.

  const isForward = (s) => s.penalty === "forward";

  /** Why a control is not offered beside the others, by the name of its message. */
  function reasons(s) {
    const found = {};
    if (isForward(s)) {
      found.alpha = "1 with the forward penalty, whose update is solved for that alone.";
      found.clip = "Off with the forward penalty: that update is solved without a clip.";
    }
    if (isForward(s)) found.verifier = "Off with the forward penalty: its fixed point is proved without errors alone.";
    else if (s.size !== null) found.verifier = "Off with groups: fixed points are proved for the whole population alone.";
    else if (s.normalization !== "mean-variance") found.verifier = "Off here: fixed points are proved with mean and variance alone.";
    return found;
  }

  /** The setting without what is not offered. */
  function used(s) {
    const off = reasons(s);
    return {
      ...s,
      ...(off.alpha && { alpha: 1 }),
      ...(off.clip && { low: null, high: null }),
      ...(off.verifier && { true_positive: 1, false_positive: 0 }),
    };
  }

  const ERRORS = ["true_positive", "false_positive"];

  /** Whether a number plays a part. */
  function counts(name, s) {
    const off = reasons(s);
    const only = document.getElementById(name).closest("[data-normalization]");
    if (only) return only.dataset.normalization === s.normalization;
    if (name === "alpha") return !off.alpha;
    return ERRORS.includes(name) ? !off.verifier : used(s)[name] !== null;
  }

  /** What is wrong with the numbers that play a part, by name. */
  function faults(s) {
    const found = {};
    for (const name of names.filter((one) => counts(one, s))) {
      const { min, max } = document.getElementById(name);
      const kind = name === "size" ? "A whole number from" : "A number from";
      if (!fits(name, s[name])) found[name] = `${kind} ${digits(Number(min))} to ${digits(Number(max))}.`;
    }
    if (Object.keys(found).length) return found;
    const { alpha, p_ref, p_0, true_positive: T, false_positive: F } = used(s);
    if (T <= F) found.false_positive = `Below T, which is ${T}: otherwise training drives success down, and fixed points are not known.`;
    if (0 < alpha && alpha < 1 && p_0 !== null && Math.abs(p_ref - p_0) === 1) {
      found.p_0 = "No policy is near both one that always succeeds and one that never does: change one of the two, or α.";
    }
    if (!Object.keys(found).length && !grpo.recurrence(used(s)).normalization.proved) {
      found.size = "For this size and constant the number of fixed points is not proved: change one of them.";
    }
    return found;
  }

  /** The name of a control as it is read, without its symbol. */
  function label(name) {
    return form.querySelector(`label[for=${name}]`).textContent;
  }

  // The address.

  function address() {
    const { deviation, penalty, true_positive, false_positive, ...rest } = used(setting);
    const given = {
      ...rest,
      deviation: rest.size === null ? null : deviation,
      penalty: penalty === DEFAULTS.penalty ? null : penalty,
      ...(true_positive < 1 || false_positive > 0 ? { true_positive, false_positive } : {}),
    };
    return new URLSearchParams(Object.entries(given).filter(([, value]) => value !== null)).toString();
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
    for (const [name, choices] of Object.entries(CHOICES)) {
      if (choices.includes(given.get(name))) read[name] = given.get(name);
    }
    if (read.low === null || read.high === null) read.low = read.high = null;
    for (const name of Object.keys(faults(read))) {
      if (name === "false_positive") Object.assign(read, { true_positive: 1, false_positive: 0 });
      else read[name] = DEFAULTS[name];
    }
    return read;
  }

  // Controls.

  /** What a box shows: of a number that plays no part, what it would be. */
  function shownNumber(name) {
    return used(setting)[name] ?? (name === "p_0" ? setting.p_ref : INITIAL[name]);
  }

  function showControls() {
    const given = used(setting);
    const off = reasons(setting);
    for (const name of names) {
      const value = shownNumber(name);
      const box = document.getElementById(name);
      const slider = sliders[name];
      box.disabled = slider.disabled = !counts(name, setting);
      if (Number.isNaN(value)) continue;
      if (box.value === "" || Number(box.value) !== value) box.value = String(value);
      const place = SCALES[slider.dataset.scale].to(value);
      if (document.activeElement !== slider) slider.value = Math.min(Math.max(place, slider.min), slider.max);
      slider.setAttribute("aria-valuetext", String(value));
    }
    for (const control of form.querySelectorAll("[data-normalization]")) {
      control.hidden = control.dataset.normalization !== setting.normalization;
    }
    for (const name of Object.keys(CHOICES)) fields[name].value = setting[name];
    fields["from-reference"].checked = setting.p_0 === null;
    fields.clip.checked = given.low !== null;
    fields.clip.disabled = Boolean(off.clip);
    fields.groups.checked = setting.size !== null;
    fields.deviation.disabled = setting.size === null || setting.normalization === "mean-only";
    const same = [...fields["figure-5"].options].find((option) => option.value && matches(JSON.parse(option.value)));
    fields["figure-5"].value = same ? same.value : "";
  }

  /** Say beside each field what is wrong with it, or why it is off. */
  function showMessages(wrong) {
    const told = { ...reasons(setting), ...wrong };
    const { eps, true_positive: T, false_positive: F } = used(setting);
    if (!told.verifier && F > 0 && F < 0.5 && Math.abs(T + F - 1) < 1e-12) {
      const larger = (eps + F * (1 - F)) / (1 - 2 * F) ** 2;
      told.verifier = `Errors of the same rate on both sides act exactly as a smoothing ε of ${digits(larger)}.`;
    }
    for (const place of form.querySelectorAll(".explorer-message")) {
      const text = told[place.id.replace(/-message$/, "")] ?? "";
      if (place.textContent !== text) place.textContent = text;
    }
    for (const box of boxes) box.setAttribute("aria-invalid", String(box.id in wrong));
  }

  function matches(preset) {
    return Object.entries({ ...DEFAULTS, ...preset }).every(([name, value]) => setting[name] === value);
  }

  function choose(change) {
    setting = { ...setting, ...change };
    for (const name of names) { // a bad number is forgotten with the control that held it
      if (!counts(name, setting) && setting[name] !== null && !fits(name, setting[name])) setting[name] = DEFAULTS[name];
    }
    const wrong = faults(setting);
    showControls();
    showMessages(wrong);
    scheduleDraw();
    if (!Object.keys(wrong).length) history.replaceState(history.state, "", `#${address()}`);
  }

  function listen() {
    for (const box of boxes) {
      box.addEventListener("input", () => choose({ [box.id]: box.value === "" ? NaN : Number(box.value) }));
    }
    for (const [name, slider] of Object.entries(sliders)) {
      slider.addEventListener("input", () => {
        const { scale } = slider.dataset;
        choose({ [name]: clamped(name, rounded(SCALES[scale].from(Number(slider.value)), scale)) });
      });
    }
    for (const name of Object.keys(CHOICES)) {
      fields[name].addEventListener("change", () => choose({ [name]: fields[name].value }));
    }
    const numbers = (on, ...some) => choose(Object.fromEntries(some.map((name) => [name, on ? INITIAL[name] : null])));
    fields.clip.addEventListener("change", ({ target }) => numbers(target.checked, "low", "high"));
    fields.groups.addEventListener("change", ({ target }) => numbers(target.checked, "size"));
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
      unfold();
    });
  }

  /** Open what is folded if it is in use. */
  function unfold() {
    const more = ["low", "size", "penalty", ...ERRORS];
    if (more.some((name) => setting[name] !== DEFAULTS[name])) fields["as-it-is-run"].open = true;
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
    const bad = Object.keys(faults(setting));
    form.parentElement.classList.toggle("explorer-stale", bad.length > 0);
    if (bad.length) {
      document.getElementById("verdict").textContent = "No verdict.";
      document.getElementById("detail").textContent = `Nothing can be computed: see the message at “${label(bad[0])}”.`;
      showPoints([]);
      return;
    }
    const given = used(setting);
    const L_ref = grpo.logit(given.p_ref);
    const L_0 = grpo.logit(given.p_0 ?? given.p_ref);
    const r = grpo.recurrence(given);
    const states = grpo.trajectory(r, L_ref, L_0, SHOWN);
    const points = grpo.fixedPoints(r, L_ref);
    const verdict = grpo.verdict(r, L_ref, L_0);
    const shown = `After ${SHOWN} steps p is ${probability(states[SHOWN])}.`;
    document.getElementById("verdict").textContent = words.sentence(verdict);
    document.getElementById("detail").textContent = `${words.explanation(verdict)} ${shown}`;
    for (const legend of document.querySelectorAll("[data-ending]")) {
      legend.hidden = (legend.dataset.ending === "computed") !== (r.clip !== null || isForward(given));
    }
    showPoints(points);
    if (plots) {
      drawRun(r, L_ref, states, points);
      drawPhase(given, L_ref);
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

  function drawRun(r, L_ref, states, points) {
    const seen = states.map(inFrame);
    const [low, high] = words.range([...seen, inFrame(L_ref)]);
    for (const range of [plots.map.x_range, plots.map.y_range, plots.run.y_range]) range.setv({ start: low, end: high });
    setTicks(plots.map.below[0], low, high, 5);
    for (const axis of [plots.map.left[0], plots.run.left[0]]) setTicks(axis, low, high, 9);

    const grid = Array.from({ length: 241 }, (_, i) => low + ((high - low) * i) / 240);
    fill("curve", { x: grid, y: grid.map((L) => Math.max(Math.min(grpo.step(r, L, L_ref), 2 * FRAME), -2 * FRAME)) });
    const corners = seen.slice(0, -1).flatMap((L, n) => [[L, n ? L : low], [L, seen[n + 1]]]);
    fill("cobweb", { x: corners.map(([x]) => x), y: corners.map(([, y]) => y) });
    const places = points.map(({ L }) => inFrame(L));
    const colours = points.map(({ slope }) => (Math.abs(slope) < 1 ? "#111111" : "#ffffff"));
    fill("points", { x: places, y: places, fill: colours });
    fill("levels", { y: places });
    fill("states", { x: seen.map((_, n) => n), y: seen });
  }

  function setTicks(axis, low, high, most) {
    const chosen = words.ticks(low, high, most);
    axis.ticker.ticks = chosen.map(({ L }) => L);
    axis.major_label_overrides = new Map(chosen.map(({ L, label }) => [L, label]));
  }

  function drawPhase(given, L_ref) {
    const { start, end } = plots.phase.y_range;
    const here = { x: [Math.log10(given.beta)], y: [Math.min(Math.max(L_ref, start), end)] };
    for (const colour of ["white", "#D55E00"]) fill(`here ${colour}`, here);
    const { p_ref, beta, ...rest } = given;
    const key = JSON.stringify(rest);
    if (key === drawPhase.key) return;
    drawPhase.key = key;
    const betas = Array.from({ length: 201 }, (_, i) => 10 ** (-2 + i / 50));
    const curves = grpo.boundaries(grpo.recurrence(given), betas);
    for (const [name, curve] of Object.entries(curves)) {
      fill(name, { x: curve.map((point) => Math.log10(point.beta)), y: curve.map((point) => point.L_ref) });
    }
    paint(given, key);
  }

  /** Value of the picture's colour: the probability at the end of a run, above 1 if it oscillates or
      moves up and down, NaN if it is undecided. */
  function shade({ regime, limit, last = limit }) {
    if (regime === "UNDECIDED") return NaN;
    return last === undefined ? 2 : grpo.sigmoid(last);
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
  unfold();
  showControls();
  showMessages({});
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
