(** * A verifier that errs *)

From Coq Require Import Reals List Bool Lra.
From Formal Require Import Definitions Facts theorem_1 section_5 contraction.
Open Scope R_scope.

(** The scale if the reward is observed as 1 with probability [t] on a success and [f] on a
    failure: [J / sqrt V] of the paper's normalisation, applied to what is observed. *)
Definition noisy_Omega (eps t f p : R) : R :=
  let q := f + (t - f) * p in (t - f) / sqrt (q * (1 - q) + eps).

(** The smoothing that symmetric noise amounts to. *)
Definition effective_eps (eps f : R) : R := (eps + f * (1 - f)) / (1 - 2 * f) ^ 2.

(** beyond-11-effective: the expected advantage is that of the scale [noisy_Omega], with the true
    reward, and no noise makes the scale larger. *)
Theorem beyond_11_effective : forall eps t f p,
  0 <= eps -> 0 <= f <= 1 -> 0 <= t <= 1 -> 0 < p < 1 ->
  let q := f + (t - f) * p in
  0 < q * (1 - q) + eps ->
  let s := sqrt (q * (1 - q) + eps) in
  t * ((1 - q) / s) + (1 - t) * ((0 - q) / s) = (1 - p) * noisy_Omega eps t f p /\
  f * ((1 - q) / s) + (1 - f) * ((0 - q) / s) = (0 - p) * noisy_Omega eps t f p /\
  (f < t -> noisy_Omega eps t f p <= Omega eps p).
Proof.
  intros eps t f p He Hf Ht Hp q V s. assert (S := sqrt_lt_R0 _ V). fold s in S.
  unfold noisy_Omega. fold q. fold s.
  split; [unfold q; field; lra|]. split; [unfold q; field; lra|]. intro J.
  assert (W : 0 < p * (1 - p) + eps) by (generalize (variance_pos p Hp); lra).
  unfold Omega. assert (S' := sqrt_lt_R0 _ W). set (s' := sqrt (p * (1 - p) + eps)) in *.
  apply (Rmult_le_reg_r (s * s')); [now apply Rmult_lt_0_compat|].
  replace ((t - f) / s * (s * s')) with ((t - f) * s') by (field; lra).
  replace (/ s' * (s * s')) with s by (field; lra).
  rewrite <- (sqrt_square (t - f)) by lra. unfold s', s. rewrite <- sqrt_mult by nra.
  apply sqrt_le_1_alt.
  (* The observed variance is the explained one, (t - f)^2 p (1 - p), and the noise. *)
  assert (Noise : q * (1 - q) = (t - f) * (t - f) * (p * (1 - p)) +
    p * (t * (1 - t)) + (1 - p) * (f * (1 - f))) by (unfold q; ring).
  assert (0 <= p * (t * (1 - t))) by (apply Rmult_le_pos; nra).
  assert (0 <= (1 - p) * (f * (1 - f))) by (apply Rmult_le_pos; nra).
  rewrite Noise. assert (0 <= (1 - (t - f) * (t - f)) * eps); [|lra].
  apply Rmult_le_pos; [nra | easy].
Qed.

(** beyond-11-smoothing: symmetric noise is smoothing, exactly, and the threshold of contraction
    becomes that of the larger smoothing. *)
Theorem beyond_11_smoothing : forall eps f p,
  0 <= eps -> 0 <= f -> f < / 2 -> 0 < eps + f -> 0 <= p <= 1 ->
  noisy_Omega eps (1 - f) f p = Omega (effective_eps eps f) p /\
  B_max (effective_eps eps f) =
    (1 - 2 * f) ^ 3 / (3 * sqrt (3 * (eps + f * (1 - f))) * (1 + 4 * eps)).
Proof.
  intros eps f p He Hf Hh Hs Hp. set (J := 1 - 2 * f). assert (PJ : 0 < J) by (unfold J; lra).
  assert (N : 0 < eps + f * (1 - f)) by nra.
  assert (Vp := variance_nonneg p Hp). unfold effective_eps. fold J. split.
  - unfold noisy_Omega, Omega. cbv zeta.
    replace (1 - f - f) with J by (unfold J; ring).
    assert (E : (f + J * p) * (1 - (f + J * p)) + eps =
      J * J * (p * (1 - p) + (eps + f * (1 - f)) / J ^ 2)) by (unfold J; field; unfold J in PJ; lra).
    assert (Q : 0 < p * (1 - p) + (eps + f * (1 - f)) / J ^ 2).
    { assert (0 < (eps + f * (1 - f)) / J ^ 2) by (apply Rdiv_lt_0_compat; [easy | now apply pow_lt]).
      lra. }
    rewrite E, sqrt_mult, sqrt_square by nra. assert (S := sqrt_lt_R0 _ Q). field. lra.
  - unfold B_max. assert (S := sqrt_lt_R0 (3 * (eps + f * (1 - f))) ltac:(lra)).
    replace (3 * ((eps + f * (1 - f)) / J ^ 2)) with (3 * (eps + f * (1 - f)) / (J * J))
      by (field; lra).
    rewrite sqrt_div_alt, sqrt_square by nra.
    replace (1 + 4 * ((eps + f * (1 - f)) / J ^ 2)) with ((1 + 4 * eps) / J ^ 2)
      by (unfold J; field; unfold J in PJ; lra).
    field. repeat split; lra.
Qed.

Theorem noise_instance : 0 <= / 100000 /\ 0 <= / 100 /\ / 100 < / 2 /\ 0 < / 100000 + / 100.
Proof. lra. Qed.

(** One-sided noise, a verifier that misses successes, is no smoothing: without it and with it the
    scale is another multiple at [p = 0] and at [p = 1]. *)
Theorem noise_control : forall eps', 0 < eps' ->
  ~ (noisy_Omega 1 (/ 2) 0 0 = Omega eps' 0 /\ noisy_Omega 1 (/ 2) 0 1 = Omega eps' 1).
Proof.
  intros eps' He [E0 E1]. unfold noisy_Omega, Omega in *. cbv zeta in *.
  replace (0 + (/ 2 - 0) * 0) with 0 in E0 by ring.
  replace (0 * (1 - 0) + 1) with 1 in E0 by ring.
  replace (0 * (1 - 0) + eps') with (1 * (1 - 1) + eps') in E0 by ring. rewrite <- E1 in E0.
  replace (0 + (/ 2 - 0) * 1) with (/ 2) in E0 by field.
  replace (/ 2 * (1 - / 2) + 1) with (5 / 4) in E0 by field. rewrite sqrt_1 in E0.
  assert (S : 1 < sqrt (5 / 4)) by (rewrite <- sqrt_1 at 1; apply sqrt_lt_1_alt; lra).
  apply (Rmult_eq_compat_r (sqrt (5 / 4))) in E0. field_simplify in E0; lra.
Qed.
