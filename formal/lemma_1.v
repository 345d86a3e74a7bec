(** * Lemma 1: the threshold of stability *)

From Coq Require Import Reals Lra.
From Coquelicot Require Import Coquelicot.
From Formal Require Import Definitions Facts Enclosure proposition_1 theorem_7.
Open Scope R_scope.

(** [B] of the paper: stable above. *)
Definition B (eps p : R) : R :=
  p * (1 - p) * Rabs (2 * p - 1) / (2 * sqrt (p * (1 - p) + eps) ^ 3).

(** lemma-1 *)
Theorem lemma_1 : forall eps beta p_ref p,
  0 < eps -> 0 < beta -> 0 < p_ref < 1 -> h eps beta p_ref p = p ->
  let slope := p * (1 - p) * (2 * p - 1) / (2 * beta * sqrt (p * (1 - p) + eps) ^ 3) in
  is_derive (h eps beta p_ref) p slope /\
  (Rabs slope < 1 <-> B eps p < beta) /\
  (B eps p < beta -> exists d, 0 < d /\ forall p_0, Rabs (p_0 - p) <= d ->
    is_lim_seq (fun n => iterate (h eps beta p_ref) n p_0) p).
Proof.
  intros eps beta p_ref p He Hb Hr E slope.
  assert (I := h_bounds eps beta p_ref p Hr). rewrite E in I.
  assert (S := root_pos eps p He ltac:(lra)). assert (V := variance_pos p I).
  assert (S3 : 0 < sqrt (p * (1 - p) + eps) ^ 3) by now apply pow_lt.
  assert (D : is_derive (h eps beta p_ref) p slope).
  { destruct (proposition_1 eps beta p_ref He Hb Hr) as [_ [_ [_ [D _]]]].
    evar_last; [apply D; lra|]. rewrite E. unfold slope. field. split; lra. }
  assert (M : Rabs slope = B eps p / beta).
  { unfold slope, B. unfold Rdiv at 1. rewrite !Rabs_mult.
    rewrite (Rabs_pos_eq p), (Rabs_pos_eq (1 - p)) by lra.
    rewrite (Rabs_pos_eq (/ _)) by (left; apply Rinv_0_lt_compat;
      apply Rmult_lt_0_compat; lra).
    field. split; lra. }
  assert (Eq : Rabs slope < 1 <-> B eps p < beta).
  { rewrite M. split; intro H.
    - apply (Rmult_lt_compat_r beta) in H; [|easy]. unfold Rdiv in H.
      rewrite Rmult_assoc, Rinv_l in H; lra.
    - apply (Rmult_lt_reg_r beta); [easy|]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l; lra. }
  split; [easy|]. split; [easy|]. intro H. apply Eq in H.
  now apply theorem_7 with slope.
Qed.

(** A fixed point at 1/2, where the threshold is 0. *)
Theorem lemma_1_instance : exists p_ref, 0 < p_ref < 1 /\
  h 1 1 p_ref (/ 2) = / 2 /\ B 1 (/ 2) < 1.
Proof.
  set (q := sigma (- (Omega 1 (/ 2) / 1))). assert (Q : 0 < q < 1) by apply sigma_bounds.
  exists q. split; [easy|]. split.
  - rewrite h_sigma by easy. unfold q. rewrite logit_sigma, Rplus_opp_l.
    unfold sigma. rewrite Ropp_0, exp_0. field.
  - unfold B. replace (2 * / 2 - 1) with 0 by field. rewrite Rabs_R0. unfold Rdiv.
    rewrite Rmult_0_r, Rmult_0_l. lra.
Qed.

(** Below the threshold: at [beta = 1] the fixed point 1/10 of some prompt has a slope below -1. *)
Theorem lemma_1_control : exists p_ref l, 0 < p_ref < 1 /\
  h (/ 100000) 1 p_ref (/ 10) = / 10 /\ is_derive (h (/ 100000) 1 p_ref) (/ 10) l /\ l < -1.
Proof.
  set (e := / 100000). set (q := sigma (logit (/ 10) - Omega e (/ 10) / 1)).
  assert (Q : 0 < q < 1) by apply sigma_bounds.
  assert (E : h e 1 q (/ 10) = / 10).
  { rewrite h_sigma by easy. unfold q. rewrite logit_sigma.
    replace (_ - _ + _) with (logit (/ 10)) by ring. apply sigma_logit. lra. }
  exists q. eexists. split; [easy|]. split; [easy|]. split.
  - apply (lemma_1 e 1 q (/ 10)); try easy; unfold e; lra.
  - unfold e. interval with (i_prec 30).
Qed.
