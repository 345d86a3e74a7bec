"use strict";
/* The mathematics of the explorer, in log-odds as in grpo_lib: a test compares the two.

   L stands for log-odds. A normalisation is its scale Omega with facts about it:

     scale(L)              Omega, positive
     scaleSlope(L)         its derivative Omega'
     bounds                [infimum, supremum] of Omega
     steepest              suprema of Omega' and of -Omega', 0 if Omega never rises or falls
     turningPoints(slope)  [c_1, c_2], c_1 <= c_2, where Omega' = slope >= 0; +inf if there are none
     fallingPoints(slope)  the two, ascending, where Omega' = -slope <= 0; -inf if there are none

   Omega falls up to some state and rises from there on. On either side the size of its slope has one
   peak, and its Schwarzian derivative is negative; or it is constant. Nothing else is asked of a
   normalisation. If Omega is even, as all are but those of a verifier that errs, its slope is odd.

   A recurrence `r` is {beta, alpha, normalization, clip, penalty, one, flat, flip} with beta > 0 and
   alpha in [0, 1]; clip is null or {low, high}, and penalty "reverse" or "forward", the latter with
   alpha = 1 and no clip. The last three are the states where an unclipped reverse step has the slope
   1, 0 and -1, two each. */
const grpo = (() => {
  const STEPS = 2000;       // for which a run is followed that no theorem has settled yet
  const LONGEST_CYCLE = 64; // periods that are looked for
  const REPEATED = 1e-10;   // distance in log-odds between two rounds of a cycle
  const NEAR = 0.01;        // distance in log-odds that counts as near: 1 % of the odds
  const FARTHEST = 1400;    // log-odds up to which the fixed point of the forward penalty is looked for
  const FAR = 2000;         // log-odds beyond which no slope is a double

  const sigmoid = (L) => 1 / (1 + Math.exp(-L));
  const logit = (p) => Math.log(p) - Math.log1p(-p);
  const logSigmoid = (L) => Math.min(L, 0) - Math.log1p(Math.exp(-Math.abs(L)));
  const clamp = (x, low, high) => Math.min(Math.max(x, low), high);

  /** The facts of an even Omega, from those on L > 0: `steepest` is the supremum of Omega'. */
  function even({ steepest, turningPoints, ...facts }) {
    const fallingPoints = (slope) => turningPoints(slope).map((L) => -L).reverse();
    return { ...facts, steepest: [steepest, steepest], turningPoints, fallingPoints };
  }

  /** Omega = 1 / sqrt(p (1 - p) + eps). */
  function meanVariance({ eps }) {
    const scale = (L) => {
      const cosh = Math.cosh(L / 2);
      return 1 / Math.sqrt(0.25 / (cosh * cosh) + eps);
    };
    return even({
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
    });
  }

  /** Omega = 1 / (sqrt(p (1 - p)) + delta).

      With c = cosh(L/2) it is 2 c / (1 + 2 delta c), a Moebius transformation of c. So its Schwarzian
      derivative is that of c, and Omega' = sinh(L/2) / (1 + 2 delta c)^2. The logarithm of Omega' is
      concave on L > 0 and has its peak where 2 delta c^2 - c - 4 delta = 0. */
  function meanDeviation({ delta }) {
    const scale = (L) => 1 / (0.5 / Math.cosh(L / 2) + delta);
    const peak = Math.acosh((1 + Math.sqrt(1 + 32 * delta * delta)) / (4 * delta)); // of u = L / 2
    const steepest = Math.sinh(peak) / (1 + 2 * delta * Math.cosh(peak)) ** 2;
    return even({
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
    });
  }

  /** Omega = 1, or another constant. */
  function constant(value) {
    return even({
      scale: () => value,
      scaleSlope: () => 0,
      bounds: [value, value],
      steepest: 0,
      turningPoints: () => [Infinity, Infinity],
    });
  }

  /** What rewards are divided by, of their variance v: the first constant counts in its root. */
  const DIVISORS = {
    "mean-variance": (v, { eps }) => Math.sqrt(v + eps),
    "mean-deviation": (v, { delta }) => Math.sqrt(v) + delta,
    "mean-only": () => 1,
  };
  const WHOLE_POPULATION = {
    "mean-variance": meanVariance,
    "mean-deviation": meanDeviation,
    "mean-only": () => constant(1),
  };
  const PENALTIES = ["reverse", "forward"];
  const DEVIATIONS = { sample: (G) => G - 1, population: (G) => G }; // what squares are divided by

  /** The mean effect of groups of `size` rollouts that are normalised by their own statistics.

      Omega is a Bernstein polynomial, a mean of its coefficients. Its slope by the log-odds is one,
      too, and so is the Schwarzian derivative over a power. If the coefficients of the slope fall,
      rise and fall, so does the slope at most; see GroupNormalization of grpo_lib. That they do, and
      that no coefficient of the Schwarzian derivative is positive, is looked up: `proved` says so.
      Turning points are found by bisection. */
  function group({ normalization, size: G, deviation, ...constants }) {
    const divisor = DIVISORS[normalization];
    const c = Array.from({ length: G - 1 }, (_, i) => {
      const variance = ((i + 1) * (G - 1 - i)) / (G * DEVIATIONS[deviation](G));
      return (1 - 1 / G) / divisor(variance, constants);
    });
    const slopes = slopeCoefficients(c);
    if (!slopes.some((x) => x !== 0)) return { ...constant(c[0]), proved: true };
    const bends = slopeCoefficients(slopes);

    const n = c.length - 1;
    const half = []; // of the slope over p (1 - p) tanh(L / 2), which is mirrored
    for (let i = 0; i < Math.floor(n / 2); i++) {
      half.push(((i ? i * half[i - 1] : 0) - (n - 1) * (c[i + 1] - c[i])) / (n - 1 - i));
    }
    const quotient = [...half, ...half.slice(0, Math.floor((n - 1) / 2)).reverse()];
    const scaleSlope = (L) => n * sigmoid(L) * sigmoid(-L) * Math.tanh(L / 2) * bernstein(quotient, L);

    let far = 1;
    while (bernstein(bends, far) > 0) far *= 2;
    const summit = bisect((L) => bernstein(bends, L) > 0, 0, far);
    const steepest = scaleSlope(summit);
    const bend = Math.max(...bends.map(Math.abs));
    const largest = n * Math.max(...c.slice(1).map((x, i) => Math.abs(x - c[i])));
    const scale = (L) => bernstein(c, L);
    return {
      ...even({
        scale,
        scaleSlope,
        bounds: [scale(0), scale(Infinity)],
        steepest,
        turningPoints(slope) {
          if (slope === 0) return [0, Infinity];
          if (slope >= steepest) return [Infinity, Infinity];
          const left = Math.min(slope / bend, summit);
          const right = Math.max(Math.log(largest / slope), summit);
          return [
            bisect((L) => scaleSlope(L) < slope, left, summit),
            bisect((L) => scaleSlope(L) > slope, summit, right),
          ];
        },
      }),
      proved: fallsRisesFalls(slopes) && hasNegativeSchwarzian(slopes),
    };
  }

  /** sum_j C(n, j) p^j q^(n-j) c_j at log-odds L; 0 without coefficients. */
  function bernstein(c, L) {
    const [p, q, n] = [sigmoid(L), sigmoid(-L), c.length - 1];
    let [value, power] = [0, 1];
    for (let j = n; j >= 0; j--) { // value is the sum from j on, over C(n, j) p^j
      value = c[j] * power + (value * p * (n - j)) / (j + 1);
      power *= q;
    }
    return value;
  }

  /** Coefficients of the derivative by the log-odds. */
  function slopeCoefficients(c) {
    const n = c.length;
    return [0, ...c.slice(1).map((x, i) => (((i + 1) * (n - 1 - i)) / n) * (x - c[i])), 0];
  }

  function fallsRisesFalls(slopes) {
    const upper = slopes.slice(Math.floor(slopes.length / 2));
    const signs = upper.slice(1).map((x, i) => Math.sign(x - upper[i])).filter((sign) => sign !== 0);
    return signs.slice(1).every((sign, i) => sign <= signs[i]);
  }

  /** Whether Omega' Omega''' - 1.5 Omega''^2 has no coefficient above 0, up to rounding. */
  function hasNegativeSchwarzian(slopes) {
    const bends = slopeCoefficients(slopes);
    const [first, second, third] = [slopes, bends, slopeCoefficients(bends)].map((c) => {
      let binomial = 1;
      return c.map((x, j) => {
        if (j > 0) binomial *= (c.length - j) / j;
        return x * binomial;
      });
    });
    const products = (a, b) => {
      const sums = new Float64Array(a.length + b.length - 1);
      a.forEach((x, i) => b.forEach((y, j) => { sums[i + j] += x * y; }));
      return sums;
    };
    const sizes = (c) => c.map(Math.abs);
    const [gains, losses] = [products(first, third), products(second, second)];
    const [largeGains, largeLosses] = [products(sizes(first), sizes(third)), products(sizes(second), sizes(second))];
    return gains.every((gain, i) => {
      const size = largeGains[i] + 1.5 * largeLosses[i];
      return gain - 1.5 * losses[i] <= 8 * Number.EPSILON * size;
    });
  }

  /** Mean and variance of rewards from a verifier that passes successes with probability T and
      failures with F < T: Omega = J / sqrt(q (1 - q) + eps), where J = T - F and q = F + J p. */
  function noisy({ true_positive: T, false_positive: F, eps }) {
    const J = T - F;
    const observed = (L) => { // q and 1 - q
      const [p, miss] = [sigmoid(L), sigmoid(-L)];
      return [T * p + F * miss, (1 - T) * p + (1 - F) * miss];
    };
    const exchanged = (L) => observed(-L).reverse(); // the same of success and failure exchanged
    const ofVariance = (variance) => J / Math.sqrt(variance + eps);
    const at = (q) => ofVariance(q * (1 - q));
    const scale = (L) => {
      const [q, rest] = observed(L);
      return ofVariance(q * rest);
    };
    /* The log-odds of q change J p (1 - p) / (q (1 - q)) as fast as L; at most as fast. */
    const share = (L, q, rest) => {
      const x = J * (0.5 / Math.cosh(L / 2) / (Math.sqrt(q) * Math.sqrt(rest))) ** 2;
      return Number.isNaN(x) ? 1 : Math.min(x, 1);
    };
    const scaleSlope = (L) => {
      const [q, rest] = observed(L);
      const ofDeviation = (q * rest) / (q * rest + eps);
      return share(L, q, rest) * (Math.tanh(Math.log(q / rest) / 2) / 2) * ofDeviation * ofVariance(q * rest);
    };
    const start = Math.log(Math.max(1 - 2 * F, 0) / Math.max(2 * T - 1, 0)); // where q = 1/2
    const rises = rise(observed, start);
    const falls = rise(exchanged, -start);
    return {
      scale,
      scaleSlope,
      bounds: [at(clamp(0.5, F, T)), Math.max(at(F), at(T))],
      steepest: [rises.steepest, falls.steepest],
      turningPoints: rises.points,
      fallingPoints: (slope) => falls.points(slope).map((L) => -L).reverse(),
    };

    /** The states with q > 1/2, which begin at `start`: how steep Omega is there, and where. */
    function rise(mixed, start) {
      const logSlope = (L) => {
        const [q, rest] = mixed(L);
        const logVariance = logSigmoid(L) + logSigmoid(-L); // of the true reward
        const x = Math.tanh(Math.log(q / rest) / 2);
        return 2 * Math.log(J) + Math.log(x / 2) + logVariance - 1.5 * Math.log(q * rest + eps);
      };
      const steepens = (L) => {
        const [q, rest] = mixed(L);
        const [x, variance] = [Math.tanh(Math.log(q / rest) / 2), q * rest];
        const growth = (2 * variance) / x + (1.5 * x * variance) / (variance + eps);
        return share(L, q, rest) * growth > Math.tanh(L / 2);
      };
      if (start === Infinity) return { steepest: 0, points: () => [Infinity, Infinity] };
      const low = clamp(start, -FAR, FAR);
      const peak = bisect(steepens, low, FAR);
      const sought = logSlope(peak);
      return {
        steepest: Math.exp(sought),
        points(slope) {
          if (slope === 0) return [start, Infinity];
          const log = Math.log(slope);
          if (!(sought > log)) return [Infinity, Infinity];
          return [bisect((L) => logSlope(L) < log, low, peak), bisect((L) => logSlope(L) > log, peak, FAR)];
        },
      };
    }
  }

  const errs = ({ true_positive = 1, false_positive = 0 }) => true_positive < 1 || false_positive > 0;

  /** The normalisation of a setting; `proved` is whether all that is asked of it is known. */
  function normalizationOf(setting) {
    if (setting.size) return group(setting);
    const make = errs(setting) ? noisy : WHOLE_POPULATION[setting.normalization];
    return { ...make(setting), proved: true };
  }

  /** The recurrence of a setting {beta, alpha, normalization, ...}: a name, and what it depends on.

      Left out are a clip (low, high), groups (size, deviation), the errors of the verifier
      (true_positive, false_positive; with mean and variance of the whole population) and the penalty
      if there are none of them, and the penalty is the reverse one. */
  function recurrence(setting) {
    const { beta, alpha, low = null, high = null, penalty = "reverse" } = setting;
    const normalization = normalizationOf(setting);
    return {
      beta,
      alpha,
      normalization,
      penalty,
      clip: low === null ? null : { low, high },
      one: normalization.turningPoints(alpha * beta),
      flat: normalization.fallingPoints((1 - alpha) * beta),
      flip: normalization.fallingPoints((2 - alpha) * beta),
    };
  }

  function step({ beta, alpha, normalization, clip, penalty }, L, L_ref) {
    const pull = normalization.scale(L) / beta;
    if (penalty === "forward") return forwardStep(pull, L_ref);
    const anchor = alpha === 1 ? L_ref : alpha === 0 ? L : alpha * L_ref + (1 - alpha) * L;
    return clip ? clippedStep(clip, L, anchor, pull) : anchor + pull;
  }

  /** The largest mean advantage less beta times the KL of the reference to the policy. */
  function forwardStep(pull, L_ref) {
    if (!Number.isFinite(L_ref)) return L_ref;
    const middle = Math.asinh((pull + Math.tanh(L_ref / 2)) * Math.cosh(L_ref / 2));
    return L_ref + (middle - L_ref / 2);
  }

  /** Successes stop to gain at p (1 + high), failures at p + low (1 - p); see Clip of grpo_lib. */
  function clippedStep({ low, high }, L, anchor, pull) {
    const [p, q] = [sigmoid(L), sigmoid(-L)];
    const success = logSigmoid(L) + Math.log1p(high) - Math.log(Math.max(q - high * p, 0));
    const failure = Math.log(p + low * q) - logSigmoid(-L) - Math.log1p(-low);
    return Math.max(
      anchor,
      Math.min(anchor + q * pull, success),
      Math.min(anchor + p * pull, failure),
      Math.min(anchor + pull, success, failure),
    );
  }

  /** Derivative in log-odds of the step without clip and under the reverse penalty. */
  function slope({ beta, alpha, normalization }, L) {
    return 1 - alpha + normalization.scaleSlope(L) / beta;
  }

  function trajectory(r, L_ref, L_0, steps) {
    const states = [L_0];
    for (let n = 0; n < steps; n++) states.push(step(r, states[n], L_ref));
    return states;
  }

  /** Every fixed point as {L, slope}, ascending. A clip changes those at the ends alone.

      Of a reference that never or always succeeds: itself. For alpha = 0: the two ends. Otherwise:
      the zeros of L_ref + Omega(L) / b - L with b = alpha beta, one at most on each piece between
      the turning points; under the forward penalty the only zero of its own equation. */
  function fixedPoints(r, L_ref) {
    const { beta, alpha, normalization, clip, penalty, one } = r;
    const [lowest, highest] = normalization.bounds;
    if (alpha === 0) {
      return [-1, 1].map((end) => {
        const free = Math.exp((-end * normalization.scale(end * Infinity)) / beta);
        const limited = clip ? clamp(free, end < 0 ? 0 : 1 - clip.low, 1 + clip.high) : free;
        return { L: end * Infinity, slope: limited };
      });
    }
    if (!Number.isFinite(L_ref)) return [{ L: L_ref, slope: 0 }];
    if (penalty === "forward") return [forwardPoint(r, L_ref)];
    const b = alpha * beta;
    const isBelow = (L) => L - L_ref < normalization.scale(L) / b;
    const [low, high] = [L_ref + lowest / b, L_ref + highest / b];
    const ends = [low, ...one.map((L) => clamp(L, low, high)), high];
    const below = [true, ...one.map(isBelow), false];
    const found = [];
    for (let piece = 0; piece < 3; piece++) {
      if (below[piece] === below[piece + 1]) continue;
      const L = bisect((x) => isBelow(x) === below[piece], ends[piece], ends[piece + 1]);
      found.push({ L, slope: slope(r, L) });
    }
    return found;
  }

  /** Where 2 sinh((L - L_ref) / 2) cosh(L / 2) / cosh(L_ref / 2) = Omega(L) / beta: there is one
      such state. Both sides in logarithms. */
  function forwardPoint({ beta, normalization }, L_ref) {
    const logCosh = (x) => Math.abs(x) + Math.log1p(Math.exp(-2 * Math.abs(x)));
    const isBelow = (L) => {
      const gap = (L - L_ref) / 2 + Math.log(-Math.expm1(L_ref - L)) + logCosh(L / 2) - logCosh(L_ref / 2);
      return gap + Math.log(beta) < Math.log(normalization.scale(L));
    };
    let ahead = 1;
    while (L_ref + ahead < FARTHEST && isBelow(L_ref + ahead)) ahead *= 2;
    const L = bisect(isBelow, L_ref, Math.min(L_ref + ahead, FARTHEST));
    const rate = sigmoid(L) + 1 / Math.expm1(L - L_ref);
    return { L, slope: normalization.scaleSlope(L) / normalization.scale(L) / rate };
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
      that its documentation proves; or, with a clip or under the forward penalty, where there are no
      such theorems, what STEPS steps show.

      By the theorems, regime is "SETTLES" (at the lowest fixed point x_1 <= c_1), "RUNS_TO_ONE" (to
      the fixed point from c_2 on; that is p = 1 for alpha = 0), "OSCILLATES" (it approaches none, so
      there is no limit) or "UNDECIDED" (no theorem has settled it after STEPS steps). By iteration it
      is "NEAR" (the last states are within NEAR of a fixed point, the limit, or have risen or fallen
      to there), "RISES" or "FALLS" (they still do, elsewhere) or "MOVES" (up and down). A reference that never or always succeeds, or
      such a start, has nothing to reweigh: the run is "ABSORBED" there.

      The library starts at the reference. Here any start will do: theorems 1 to 4 are about a state
      of any run. The fifth says that from x_1 or below no state exceeds x_2 if `high`, the step's
      local maximum, does not. That is so from any state up to x_2, as the step rises from its local
      minimum on, up to x_2 at x_2. And where the step has no slope below -1 on the states up to
      high, a run that starts above high falls until it is there. */
  function ending(r, L_ref, L_0) {
    if (r.alpha < 1 && !Number.isFinite(L_0)) return { regime: "ABSORBED", limit: L_0 };
    if (r.alpha > 0 && !Number.isFinite(L_ref)) return { regime: "ABSORBED", limit: L_ref };
    return r.clip || r.penalty === "forward" ? byIteration(r, L_ref, L_0) : byTheorems(r, L_ref, L_0);
  }

  function byTheorems(r, L_ref, L_0) {
    if (r.alpha === 0) return { regime: "RUNS_TO_ONE", limit: Infinity };
    const { one: [c_1], flip: [before, after], flat: [maximum, minimum] } = r;
    const points = fixedPoints(r, L_ref).map(({ L }) => L);
    const [x_1, x_2 = Infinity] = points;
    const runsToOne = { regime: "RUNS_TO_ONE", limit: points.at(-1) };
    if (x_1 > c_1) return runsToOne;

    const radius = Math.min(x_1 >= after ? x_1 - after : before - x_1, c_1 - x_1);
    const low = step(r, minimum, L_ref);
    const high = step(r, maximum, L_ref);
    const trap = low >= maximum && step(r, low, L_ref) <= x_2;
    const caught = radius < 0 ? { regime: "OSCILLATES" } : { regime: "SETTLES", limit: x_1 };
    const everywhere = trap || radius < 0 || after === -Infinity || high <= before;
    const caughtFrom = high <= x_2 && everywhere ? -Infinity : trap ? low : Infinity;
    let L = L_0;
    for (let n = 0; n < STEPS; n++) {
      if (L > x_2) return runsToOne;
      if (L >= caughtFrom || Math.abs(L - x_1) < radius) return caught;
      L = step(r, L, L_ref);
    }
    return { regime: "UNDECIDED" };
  }

  /** A run that repeats one state, or two, to the last bit, will do so to the end. */
  function byIteration(r, L_ref, L_0) {
    let [low, high, rises, falls] = [Infinity, -Infinity, true, true];
    let [L, previous] = [L_0, NaN];
    for (let n = 0; n <= STEPS; n++) {
      const next = step(r, L, L_ref);
      const [rests, swings] = [next === L, next === previous];
      if (rests || swings || n > STEPS - STEPS / 4) {
        [low, high] = [Math.min(low, L), Math.max(high, L)];
        [rises, falls] = [rises && next >= L, falls && next <= L];
      }
      if (rests) break;
      if (swings) {
        [low, high, rises, falls] = [Math.min(low, next), Math.max(high, next), false, false];
        break;
      }
      [previous, L] = [L, next];
    }
    const [first, last] = rises ? [high, high] : falls ? [low, low] : [low, high];
    const limit = fixedPoints(r, L_ref).map((point) => point.L).find((x) => isNear(first, x) && isNear(last, x));
    if (limit !== undefined) return { regime: "NEAR", limit };
    if (rises === falls) return { regime: "MOVES" };
    return { regime: rises ? "RISES" : "FALLS", last };
  }

  /** Within one per cent of the odds, of success or of failure; for p = 1: from p = 0.99 on. */
  function isNear(L, limit) {
    if (limit === Infinity) return L > logit(0.99);
    return L === limit || Math.abs(L - limit) <= NEAR;
  }

  /** The ending with what STEPS steps show of it.

      With a limit: `steps`, from which on the states are near it; null if that takes longer. With a
      last state: no more. With neither: `low` and `high`, which bound the last states, and the `period` after which these
      repeat, if they do. */
  function verdict(r, L_ref, L_0) {
    const end = ending(r, L_ref, L_0);
    const states = trajectory(r, L_ref, L_0, STEPS);
    const { limit, last: reached } = end;
    if (reached !== undefined) return end;
    if (limit !== undefined) {
      const steps = states.findLastIndex((L) => !isNear(L, limit)) + 1;
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
  function boundaries({ alpha, normalization, penalty }, betas) {
    const [rising, falling] = normalization.steepest;
    const curve = (factor, steepest, points) => {
      if (alpha === 0 || steepest === 0 || penalty === "forward") return [];
      const tip = (steepest / factor) * (1 - 1e-9);
      const grid = [...betas.filter((beta) => beta < tip), tip];
      const branch = (beta, which) => {
        const L = points(factor * beta)[which];
        return { beta, L_ref: L - normalization.scale(L) / (alpha * beta) };
      };
      const there = grid.map((beta) => branch(beta, 0));
      const back = grid.map((beta) => branch(beta, 1)).reverse();
      return [...there, ...back];
    };
    return {
      fold: curve(alpha, rising, normalization.turningPoints),
      flip: curve(2 - alpha, falling, normalization.fallingPoints),
    };
  }

  return {
    STEPS, NORMALIZATIONS: Object.keys(DIVISORS), DEVIATIONS: Object.keys(DEVIATIONS), PENALTIES, sigmoid, logit,
    recurrence, step, slope, trajectory, fixedPoints, ending, verdict, boundaries,
  };
})();
window.grpo = grpo;
