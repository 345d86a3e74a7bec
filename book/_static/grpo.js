"use strict";
/* The mathematics of the explorer, in log-odds as in grpo_lib: a test compares the two.

   Everywhere `s` is a setting {beta, eps, alpha, normalization}: beta > 0, eps > 0, alpha in
   [0, 1], normalization "mean-variance" or "mean-only". L stands for log-odds. */
const grpo = (() => {
  const STEPS = 2000;       // after which a run that has not settled is given up
  const LONGEST_CYCLE = 64; // periods that are looked for
  const SETTLED = 1e-6;     // distance in log-odds from where a run ends
  const REPEATED = 1e-10;   // distance in log-odds between two rounds of a cycle
  const ONE = 5e-5;         // a probability is called 1 if it rounds to 1.0000

  const sigmoid = (L) => 1 / (1 + Math.exp(-L));
  const logit = (p) => Math.log(p) - Math.log1p(-p);

  /** Omega(L) = 1 / sqrt(p (1 - p) + eps), or 1 with mean-only normalisation. */
  function scale(s, L) {
    if (s.normalization === "mean-only") return 1;
    const cosh = Math.cosh(L / 2);
    return 1 / Math.sqrt(0.25 / (cosh * cosh) + s.eps);
  }

  function step(s, L, L_ref) {
    const anchor = s.alpha === 1 ? L_ref : s.alpha === 0 ? L : s.alpha * L_ref + (1 - s.alpha) * L;
    return anchor + scale(s, L) / s.beta;
  }

  /** Derivative of the step in log-odds. */
  function slope(s, L) {
    if (s.normalization === "mean-only") return 1 - s.alpha;
    const omega = scale(s, L);
    const share = (omega / (2 * Math.cosh(L / 2))) ** 2;
    return 1 - s.alpha + ((Math.tanh(L / 2) / 2) * share * omega) / s.beta;
  }

  function trajectory(s, L_ref, L_0, steps) {
    const states = [L_0];
    for (let n = 0; n < steps; n++) states.push(step(s, states[n], L_ref));
    return states;
  }

  /** The two L > 0 where Omega'(L) = b, ascending; none if b is above the largest slope.

      With z = 1 + 4 eps cosh(L/2)^2 the equation is sinh(L/2) = b z^(3/2), a cubic in z whose roots
      are (2 / sqrt(3)) sin(phi) / root with sin(3 phi) = w. */
  function turningPoints(b, eps) {
    const root = 2 * Math.sqrt(eps) * b;
    const w = ((1 + 4 * eps) * Math.sqrt(27) * root) / 2;
    if (w >= 1) return [];
    const third = Math.asin(w) / 3;
    return [third, Math.PI / 3 - third].map((phi) => {
      const z = ((2 / Math.sqrt(3)) * Math.sin(phi)) / root;
      return 2 * Math.asinh(b * z ** 1.5);
    });
  }

  /** Every fixed point as {L, slope}, ascending: for alpha = 0 the two ends, otherwise the zeros of
      L_ref + Omega(L) / b - L with b = alpha beta, one at most on each piece between the turning
      points. */
  function fixedPoints(s, L_ref) {
    if (s.alpha === 0) {
      const push = scale(s, Infinity) / s.beta;
      return [-1, 1].map((end) => ({ L: end * Infinity, slope: Math.exp(-end * push) }));
    }
    const b = s.alpha * s.beta;
    if (s.normalization === "mean-only") return [{ L: L_ref + 1 / b, slope: 1 - s.alpha }];
    const isBelow = (L) => (L - L_ref) * b < scale(s, L);
    const low = L_ref + 1 / Math.sqrt(0.25 + s.eps) / b - 1;
    const high = L_ref + 1 / Math.sqrt(s.eps) / b + 1;
    const turns = turningPoints(b, s.eps).filter((L) => low < L && L < high);
    const ends = [low, ...turns, high];
    const found = [];
    for (let piece = 0; piece + 1 < ends.length; piece++) {
      const [from, to] = [ends[piece], ends[piece + 1]];
      if (isBelow(from) === isBelow(to)) continue;
      const L = bisect((x) => isBelow(x) === isBelow(from), from, to);
      found.push({ L, slope: slope(s, L) });
    }
    return found;
  }

  /** Where `holds` turns from true to false between two numbers, to the last bit. */
  function bisect(holds, low, high) {
    for (;;) {
      const middle = low / 2 + high / 2;
      if (!(low < middle && middle < high)) return middle;
      if (holds(middle)) low = middle;
      else high = middle;
    }
  }

  /** What becomes of a run: {kind, steps, low, high, period}.

      kind is "one" (its limit is 1 to four digits), "settles", "cycle" or "open" (none of these in
      2000 steps). `low` and `high` bound the states at the end; `steps` is the step from which on
      the odds, of success or of failure, stay within one per cent of the limit. */
  function verdict(s, L_ref, L_0) {
    const states = trajectory(s, L_ref, L_0, STEPS);
    const last = states[STEPS];
    if (s.alpha === 0) {
      const steps = states.findIndex((L) => L > logit(0.99));
      return { kind: "one", low: Infinity, high: Infinity, steps: steps < 0 ? null : steps };
    }
    const limit = fixedPoints(s, L_ref).find(
      (point) => Math.abs(point.slope) < 1 && Math.abs(last - point.L) <= SETTLED * Math.max(1, Math.abs(point.L)),
    );
    if (limit) {
      const steps = states.findLastIndex((L) => Math.abs(L - limit.L) > 0.01) + 1;
      const kind = sigmoid(-limit.L) < ONE ? "one" : "settles";
      return { kind, low: limit.L, high: limit.L, steps };
    }
    for (let period = 2; period <= LONGEST_CYCLE; period++) {
      const round = states.slice(-period);
      const before = states.slice(-2 * period, -period);
      if (round.every((L, i) => Math.abs(L - before[i]) <= REPEATED)) {
        return { kind: "cycle", low: Math.min(...round), high: Math.max(...round), period };
      }
    }
    const end = states.slice(-STEPS / 4);
    return { kind: "open", low: Math.min(...end), high: Math.max(...end) };
  }

  /** Probability at which a run ends, NaN if it has not come to rest after some steps: fast, for a
      whole picture of them. */
  function ending(s, L_ref, L_0, steps) {
    if (s.alpha === 0) return 1;
    const still = 1e-3 * s.alpha;
    let L = L_0;
    for (let n = 0; n < steps; n++) {
      const next = step(s, L, L_ref);
      if (Math.abs(next - L) < still) return sigmoid(next);
      L = next;
    }
    return NaN;
  }

  /** Curves of the (beta, p_ref) diagram, exact for this eps and alpha, as lists of {beta, L_ref}.

      fold: two fixed points meet, where the slope is +1. flip: a fixed point starts to oscillate,
      where the slope is -1. Each curve runs along one turning point up to the largest beta that
      has any, and back along the other one. */
  function boundaries(s, betas) {
    if (s.alpha === 0 || s.normalization === "mean-only") return { fold: [], flip: [] };
    const { eps, alpha } = s;
    const steepest = 1 / (3 * Math.sqrt(3 * eps) * (1 + 4 * eps));
    const curve = (factor, sign) => {
      const tip = (steepest / factor) * (1 - 1e-9);
      const grid = [...betas.filter((beta) => beta < tip), tip];
      const branch = (beta, which) => {
        const L = sign * turningPoints(factor * beta, eps)[which];
        return { beta, L_ref: L - scale(s, L) / (alpha * beta) };
      };
      const there = grid.map((beta) => branch(beta, 0));
      const back = grid.map((beta) => branch(beta, 1)).reverse();
      return [...there, ...back];
    };
    return { fold: curve(alpha, 1), flip: curve(2 - alpha, -1) };
  }

  return { sigmoid, logit, scale, step, slope, trajectory, turningPoints, fixedPoints, verdict, ending, boundaries };
})();
window.grpo = grpo;
