"use strict";
/* Numbers, axes and verdicts as the explorer and live pictures show them. L stands for log-odds. */
const words = (() => {
  const FRAME = 15.5; // log-odds beyond which no figure reaches
  // Numbers and their places on the sliders.

  const SCALES = {
    linear: { to: (value) => value, from: (place) => place },
    log: { to: Math.log10, from: (place) => 10 ** place },
    "log-odds": { to: grpo.logit, from: grpo.sigmoid },
    whole: { to: Math.log2, from: (place) => Math.round(2 ** place) },
  };

  /** Few digits, also of 1 - p where p is close to 1. */
  function rounded(value, scale) {
    const near = scale === "log-odds" && value > 0.5 ? 1 - Number((1 - value).toPrecision(3)) : value;
    return Number(near.toPrecision(near > 0.5 && scale === "log-odds" ? 9 : 3));
  }

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
    ABSORBED: (v) => `Absorbed at ${probability(v.limit)}`,
    NEAR: (v) => `After ${grpo.STEPS} steps near ${probability(v.limit)}`,
    RISES: (v) => `After ${grpo.STEPS} steps still rising, at ${probability(v.last)}`,
    FALLS: (v) => `After ${grpo.STEPS} steps still falling, at ${probability(v.last)}`,
    MOVES: (v) => `After ${grpo.STEPS} steps still between ${probability(v.low)} and ${probability(v.high)}`,
  };

  const EXPLANATIONS = {
    SETTLES: approach,
    RUNS_TO_ONE: (v) => {
      if (v.limit < Infinity) return approach(v);
      return `Without a share of the reference nothing holds it back. ${passed(v)}`;
    },
    OSCILLATES: (v) => (v.period ? `It repeats a cycle of ${v.period} values.` : `In ${grpo.STEPS} steps it has repeated no short cycle.`),
    UNDECIDED: (v) => {
      const last = v.period ? `It has come to repeat ${v.period} values` : "Its last states lie";
      return `No theorem has settled it in ${grpo.STEPS} steps. ${last} between ${probability(v.low)} and ${probability(v.high)}.`;
    },
    ABSORBED: ({ limit }) => `A policy that ${limit > 0 ? "always" : "never"} succeeds leaves nothing to reweigh.`,
    NEAR: (v) => `Computed by iteration, not proved. ${v.limit === Infinity ? passed(v) : approach(v)}`,
    RISES: () => "Computed by iteration, not proved. It is near no fixed point yet.",
    FALLS: () => "Computed by iteration, not proved. It is near no fixed point yet.",
    MOVES: (v) => `Computed by iteration, not proved. ${v.period ? `It has come to repeat ${v.period} values.` : "It has repeated no short cycle."}`,
  };

  function passed({ steps }) {
    return steps === null ? `p is still below 0.99 after ${grpo.STEPS} steps.` : `p passes 0.99 at step ${steps}.`;
  }

  function approach({ steps }) {
    if (steps === null) return `It is still farther than 1 % from it after ${grpo.STEPS} steps.`;
    return steps === 0 ? "It starts within 1 % of it." : `It stays within 1 % of it from step ${steps} on.`;
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

  /** Round probabilities as ticks of an axis in log-odds, as {L, label}: as many as fit. */
  function ticks(low, high, most) {
    const inside = TICKS.map((some) => some.filter(({ L }) => low <= L && L <= high));
    return inside.findLast((some) => some.length <= most) ?? inside[0];
  }

  const inFrame = (L) => Math.min(Math.max(L, -FRAME), FRAME);

  /** Where an axis begins and ends that shows these log-odds: six wide at least. */
  function range(seen) {
    const [low, high] = [Math.floor(Math.min(...seen) - 0.5), Math.ceil(Math.max(...seen) + 0.5)];
    const missing = Math.max(0, 6 - (high - low)) / 2;
    return [Math.max(low - missing, -FRAME - 0.5), Math.min(high + missing, FRAME + 0.5)];
  }

  return {
    FRAME, SCALES, rounded, digits, probability, ticks, inFrame, range,
    sentence: (verdict) => `${SENTENCES[verdict.regime](verdict)}.`,
    explanation: (verdict) => EXPLANATIONS[verdict.regime](verdict),
  };
})();
window.words = words;
