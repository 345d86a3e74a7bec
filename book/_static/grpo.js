"use strict";
/* The mathematics of the explorer, in log-odds as in grpo_lib: a test compares the two.

   L stands for log-odds. A normalisation is its scale Omega with facts about it:

     name                  what it is called in a setting
     scale(L)              Omega, positive and even
     scaleSlope(L)         its derivative Omega', odd
     bounds                [infimum, supremum] of Omega
     steepest              supremum of Omega'
     turningPoints(slope)  [c_1, c_2], c_1 <= c_2, where Omega' = slope >= 0; infinite if there are none

   On L > 0, Omega' rises from 0 to its supremum and falls to 0 from there on, and the Schwarzian
   derivative of Omega is negative; or Omega is constant. Nothing else is asked of a normalisation.

   A recurrence `r` is {beta, alpha, normalization, c, d, e} with beta > 0, alpha in [0, 1], and the
   states where a step has the slope 1 (at c), -1 (at -d) and 0 (at -e), two each. */
const grpo = (() => {
  const STEPS = 2000;       // for which a run is followed that no theorem has settled yet
  const LONGEST_CYCLE = 64; // periods that are looked for
  const REPEATED = 1e-10;   // distance in log-odds between two rounds of a cycle

  const sigmoid = (L) => 1 / (1 + Math.exp(-L));
  const logit = (p) => Math.log(p) - Math.log1p(-p);
  const clamp = (x, low, high) => Math.min(Math.max(x, low), high);

  /** Omega = 1 / sqrt(p (1 - p) + eps). */
  function meanVariance({ eps }) {
    const scale = (L) => {
      const cosh = Math.cosh(L / 2);
      return 1 / Math.sqrt(0.25 / (cosh * cosh) + eps);
    };
    return {
      name: "mean-variance",
      scale,
      scaleSlope(L) {
        const omega = scale(L);
        const share = (omega / (2 * Math.cosh(L / 2))) ** 2; // p (1 - p) / (p (1 - p) + eps)
        return (Math.tanh(L / 2) / 2) * share * omega;
      },
      bounds: [1 / Math.sqrt(0.25 + eps), 1 / Math.sqrt(eps)],
      steepest: 1 / (3 * Math.sqrt(3 * eps) * (1 + 4 * eps)),
      /* With z = 1 + 4 eps cosh(L/2)^2 the equation is sinh(L/2) = slope z^(3/2), a cubic in z whose
         roots are (2 / sqrt(3)) sin(phi) / root with sin(3 phi) = w. */
      turningPoints(slope) {
        if (slope === 0) return [0, Infinity];
        const root = 2 * Math.sqrt(eps) * slope;
        const w = ((1 + 4 * eps) * Math.sqrt(27) * root) / 2;
        if (w >= 1) return [Infinity, Infinity];
        const third = Math.asin(w) / 3;
        return [third, Math.PI / 3 - third].map((phi) => {
          const z = ((2 / Math.sqrt(3)) * Math.sin(phi)) / root;
          return 2 * Math.asinh(slope * z * Math.sqrt(z));
        });
      },
    };
  }

  /** Omega = 1 / (sqrt(p (1 - p)) + delta).

      With c = cosh(L/2) it is 2 c / (1 + 2 delta c), a Moebius transformation of c. So its Schwarzian
      derivative is that of c, and Omega' = sinh(L/2) / (1 + 2 delta c)^2. The logarithm of Omega' is
      concave on L > 0 and has its peak where 2 delta c^2 - c - 4 delta = 0. */
  function meanDeviation({ delta }) {
    const scale = (L) => 1 / (0.5 / Math.cosh(L / 2) + delta);
    const peak = Math.acosh((1 + Math.sqrt(1 + 32 * delta * delta)) / (4 * delta)); // of u = L / 2
    const steepest = Math.sinh(peak) / (1 + 2 * delta * Math.cosh(peak)) ** 2;
    return {
      name: "mean-deviation",
      scale,
      scaleSlope(L) {
        const share = 1 / (1 + 2 * delta * Math.cosh(L / 2)); // of the deviation in deviation + delta
        return (Math.tanh(L / 2) / 2) * share * scale(L);
      },
      bounds: [1 / (0.5 + delta), 1 / delta],
      steepest,
      /* Newton's method for log(Omega' / slope) in u = L / 2. A tangent of a concave function lies
         above it. So from a start outside the two roots, where the function is negative, each step
         goes towards them and none goes past the nearer one. Where no step does, rounding is left.
         The starts: cosh u >= 1 gives sinh u >= slope (1 + 2 delta)^2 at both roots, and
         sinh u < exp(u) / 2 < cosh u gives slope delta^2 exp(2 u) < exp(u) / 2. */
      turningPoints(slope) {
        if (slope === 0) return [0, Infinity];
        if (slope >= steepest) return [Infinity, Infinity];
        const newton = (start, direction) => {
          for (let u = start; ; ) {
            const [sinh, cosh] = [Math.sinh(u), Math.cosh(u)];
            const value = Math.log(sinh / slope) - 2 * Math.log1p(2 * delta * cosh);
            const next = u - value / (cosh / sinh - (4 * delta * sinh) / (1 + 2 * delta * cosh));
            if (!((next - u) * direction > 0)) return u;
            u = next;
          }
        };
        const u_1 = newton(Math.asinh(slope * (1 + 2 * delta) ** 2), 1);
        const u_2 = newton(-Math.log(2 * delta * delta * slope), -1);
        return [2 * Math.min(u_1, peak), 2 * Math.max(u_2, peak)]; // next to the peak rounding may cross it
      },
    };
  }

  /** Omega = 1. */
  function meanOnly() {
    return {
      name: "mean-only",
      scale: () => 1,
      scaleSlope: () => 0,
      bounds: [1, 1],
      steepest: 0,
      turningPoints: () => [Infinity, Infinity],
    };
  }

  const NORMALIZATIONS = { "mean-variance": meanVariance, "mean-deviation": meanDeviation, "mean-only": meanOnly };

  /** The recurrence of a setting {beta, alpha, normalization, ...}: a name, and what it depends on. */
  function recurrence({ beta, alpha, normalization: name, ...parameters }) {
    const normalization = NORMALIZATIONS[name](parameters);
    const [c, d, e] = [alpha, 2 - alpha, 1 - alpha].map((share) => normalization.turningPoints(share * beta));
    return { beta, alpha, normalization, c, d, e };
  }

  function step({ beta, alpha, normalization }, L, L_ref) {
    const anchor = alpha === 1 ? L_ref : alpha === 0 ? L : alpha * L_ref + (1 - alpha) * L;
    return anchor + normalization.scale(L) / beta;
  }

  /** Derivative of the step in log-odds. */
  function slope({ beta, alpha, normalization }, L) {
    return 1 - alpha + normalization.scaleSlope(L) / beta;
  }

  function trajectory(r, L_ref, L_0, steps) {
    const states = [L_0];
    for (let n = 0; n < steps; n++) states.push(step(r, states[n], L_ref));
    return states;
  }

  /** Every fixed point as {L, slope}, ascending: for alpha = 0 the two ends, otherwise the zeros of
      L_ref + Omega(L) / b - L with b = alpha beta, one at most on each piece between the turning
      points. */
  function fixedPoints(r, L_ref) {
    const { beta, alpha, normalization } = r;
    const [lowest, highest] = normalization.bounds;
    if (alpha === 0) {
      return [-1, 1].map((end) => ({ L: end * Infinity, slope: Math.exp((-end * highest) / beta) }));
    }
    const b = alpha * beta;
    const isBelow = (L) => L - L_ref < normalization.scale(L) / b;
    const [low, high] = [L_ref + lowest / b, L_ref + highest / b];
    const ends = [low, ...r.c.map((L) => clamp(L, low, high)), high];
    const below = [true, ...r.c.map(isBelow), false];
    const found = [];
    for (let piece = 0; piece < 3; piece++) {
      if (below[piece] === below[piece + 1]) continue;
      const L = bisect((x) => isBelow(x) === below[piece], ends[piece], ends[piece + 1]);
      found.push({ L, slope: slope(r, L) });
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

  /** How the run from L_0 ends, as {regime, limit}: what `regime` of grpo_lib says, by the theorems
      that its documentation proves.

      regime is "SETTLES" (at the lowest fixed point x_1 <= c_1), "RUNS_TO_ONE" (to the fixed point
      from c_2 on; that is p = 1 for alpha = 0), "OSCILLATES" (it approaches none, so there is no
      limit) or "UNDECIDED" (no theorem has settled it after STEPS steps).

      The library starts at the reference. Here any start will do: theorems 1 to 4 are about a state
      of any run. The fifth says that from x_1 or below no state exceeds x_2 if `high`, the step's
      local maximum, does not. That is so from any state up to x_2, as the step rises from its local
      minimum on, up to x_2 at x_2. And where the step has no slope below -1 on the states up to
      high, a run that starts above high falls until it is there. */
  function ending(r, L_ref, L_0) {
    if (r.alpha === 0) return { regime: "RUNS_TO_ONE", limit: Infinity };
    const { c: [c_1], d: [d_1, d_2], e: [e_1, e_2] } = r;
    const points = fixedPoints(r, L_ref).map(({ L }) => L);
    const [x_1, x_2 = Infinity] = points;
    const runsToOne = { regime: "RUNS_TO_ONE", limit: points.at(-1) };
    if (x_1 > c_1) return runsToOne;

    const radius = Math.min(x_1 >= -d_1 ? x_1 + d_1 : -d_2 - x_1, c_1 - x_1);
    const low = step(r, -e_1, L_ref);
    const high = step(r, -e_2, L_ref);
    const trap = low >= -e_2 && step(r, low, L_ref) <= x_2;
    const caught = radius < 0 ? { regime: "OSCILLATES" } : { regime: "SETTLES", limit: x_1 };
    const everywhere = trap || radius < 0 || d_1 === Infinity || high <= -d_2;
    const caughtFrom = high <= x_2 && everywhere ? -Infinity : trap ? low : Infinity;
    let L = L_0;
    for (let n = 0; n < STEPS; n++) {
      if (L > x_2) return runsToOne;
      if (L >= caughtFrom || Math.abs(L - x_1) < radius) return caught;
      L = step(r, L, L_ref);
    }
    return { regime: "UNDECIDED" };
  }

  /** The ending with what STEPS steps show of it.

      With a limit: `steps`, from which on the odds, of success or of failure, stay within one per
      cent of it (for a limit of 1: from which on p is above 0.99); null if that takes longer.
      Without: `low` and `high`, which bound the last states, and the `period` after which these
      repeat, if they do. */
  function verdict(r, L_ref, L_0) {
    const end = ending(r, L_ref, L_0);
    const states = trajectory(r, L_ref, L_0, STEPS);
    const { limit } = end;
    if (limit !== undefined) {
      const isThere = (L) => (limit === Infinity ? L > logit(0.99) : Math.abs(L - limit) <= 0.01);
      const steps = states.findLastIndex((L) => !isThere(L)) + 1;
      return { ...end, steps: steps > STEPS ? null : steps };
    }
    const repeats = (period) =>
      states.slice(-period).every((L, i) => Math.abs(L - states[STEPS + 1 - 2 * period + i]) <= REPEATED);
    const periods = Array.from({ length: LONGEST_CYCLE - 1 }, (_, i) => i + 2);
    const period = periods.find(repeats);
    const last = states.slice(-(period ?? STEPS / 4));
    return { ...end, low: Math.min(...last), high: Math.max(...last), period };
  }

  /** Curves of the (beta, p_ref) diagram, exact for this normalisation and alpha, as lists of
      {beta, L_ref}.

      fold: two fixed points meet, where the slope is +1. flip: a fixed point starts to oscillate,
      where the slope is -1. Each curve runs along one turning point up to the largest beta that
      has any, and back along the other one. */
  function boundaries({ alpha, normalization }, betas) {
    const { steepest } = normalization;
    if (alpha === 0 || steepest === 0) return { fold: [], flip: [] };
    const curve = (factor, sign) => {
      const tip = (steepest / factor) * (1 - 1e-9);
      const grid = [...betas.filter((beta) => beta < tip), tip];
      const branch = (beta, which) => {
        const L = sign * normalization.turningPoints(factor * beta)[which];
        return { beta, L_ref: L - normalization.scale(L) / (alpha * beta) };
      };
      const there = grid.map((beta) => branch(beta, 0));
      const back = grid.map((beta) => branch(beta, 1)).reverse();
      return [...there, ...back];
    };
    return { fold: curve(alpha, 1), flip: curve(2 - alpha, -1) };
  }

  return {
    STEPS, NORMALIZATIONS, sigmoid, logit, recurrence, step, slope, trajectory, fixedPoints, ending, verdict,
    boundaries,
  };
})();
window.grpo = grpo;
