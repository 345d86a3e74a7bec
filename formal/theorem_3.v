(** * Theorem 3: every fixed point beats the reference *)

From Coq Require Import Reals Lra.
From Coquelicot Require Import Coquelicot.
From Formal Require Import Definitions Facts proposition_1.
Open Scope R_scope.

(** theorem-3 *)
Theorem theorem_3 : forall eps beta p_ref p,
  0 < eps -> 0 < beta -> 0 < p_ref < 1 -> h eps beta p_ref p = p -> p_ref < p.
Proof.
  intros eps beta p_ref p He Hb Hr E. assert (B := h_bounds eps beta p_ref p Hr). rewrite E in B.
  apply logit_lt; [easy | easy |]. rewrite h_sigma in E by easy.
  apply (f_equal logit) in E. rewrite logit_sigma in E.
  assert (0 < Omega eps p / beta); [|lra].
  apply Rdiv_lt_0_compat; [apply Omega_pos; lra | easy].
Qed.

(** One update from any state lies above the reference, too. *)
Theorem theorem_3_update : forall eps beta p_ref p,
  0 < eps -> 0 < beta -> 0 < p_ref < 1 -> 0 <= p <= 1 -> p_ref < h eps beta p_ref p.
Proof.
  intros eps beta p_ref p He Hb Hr Hp. rewrite h_sigma by easy.
  rewrite <- (sigma_logit p_ref Hr) at 1. apply sigma_increasing.
  assert (0 < Omega eps p / beta); [|lra].
  apply Rdiv_lt_0_compat; [now apply Omega_pos | easy].
Qed.

Theorem theorem_3_instance : exists p, h (/ 100000) 5 (/ 1000) p = p.
Proof.
  destruct (proposition_1 (/ 100000) 5 (/ 1000)) as [_ [_ [[p H] _]]]; try lra. now exists p.
Qed.

(** The sign of [beta] turned: the fixed point lies below the reference. *)
Theorem theorem_3_control : exists p, h 1 (-1) (sigma (2 / sqrt 5)) p = p /\ p < sigma (2 / sqrt 5).
Proof.
  assert (S : 0 < sqrt 5) by (apply sqrt_lt_R0; lra).
  assert (O : Omega 1 (/ 2) = 2 / sqrt 5).
  { unfold Omega. replace (/ 2 * (1 - / 2) + 1) with (5 / (2 * 2)) by field.
    rewrite sqrt_div, sqrt_square by lra. field. lra. }
  assert (Z : sigma 0 = / 2) by (unfold sigma; rewrite Ropp_0, exp_0; field).
  exists (/ 2). rewrite h_sigma by apply sigma_bounds. rewrite logit_sigma, O, <- Z. split.
  - f_equal. field. lra.
  - apply sigma_increasing. apply Rdiv_lt_0_compat; lra.
Qed.
