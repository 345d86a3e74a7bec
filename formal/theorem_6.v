(** * Theorem 6: local convergence *)

From Coq Require Import Reals Lra.
From Coquelicot Require Import Coquelicot.
From Formal Require Import Definitions Facts proposition_1 theorem_7 lemma_1.
Open Scope R_scope.

(** theorem-6: from every start near the fixed point, so from [p_0 = p_ref] if that is one. *)
Theorem theorem_6 : forall eps beta p_ref p l,
  0 < eps -> 0 < beta -> 0 < p_ref < 1 ->
  h eps beta p_ref p = p -> is_derive (h eps beta p_ref) p l -> Rabs l < 1 ->
  exists d, 0 < d /\ forall p_0, Rabs (p_0 - p) <= d ->
    is_lim_seq (fun n => iterate (h eps beta p_ref) n p_0) p.
Proof. intros eps beta p_ref p l _ _ _. apply theorem_7. Qed.

(** A fixed point at 1/2, where the slope is 0. *)
Theorem theorem_6_instance : exists p_ref, 0 < p_ref < 1 /\
  h 1 1 p_ref (/ 2) = / 2 /\ is_derive (h 1 1 p_ref) (/ 2) 0.
Proof.
  set (q := sigma (- (Omega 1 (/ 2) / 1))). assert (Q : 0 < q < 1) by apply sigma_bounds.
  exists q. split; [easy|]. split.
  - rewrite h_sigma by easy. unfold q. rewrite logit_sigma, Rplus_opp_l.
    unfold sigma. rewrite Ropp_0, exp_0. field.
  - destruct (proposition_1 1 1 q ltac:(lra) ltac:(lra) Q) as [_ [_ [_ [D _]]]].
    evar_last; [apply D; lra|]. replace (1 - 2 * / 2) with 0 by field. unfold Rdiv. ring.
Qed.

(** Some prompt has a fixed point with a slope below -1: near it every update moves a run away. *)
Theorem theorem_6_control : exists p_ref, 0 < p_ref < 1 /\
  h (/ 100000) 1 p_ref (/ 10) = / 10 /\
  exists d, 0 < d /\ forall p, p <> / 10 -> Rabs (p - / 10) <= d ->
    Rabs (p - / 10) < Rabs (h (/ 100000) 1 p_ref p - / 10).
Proof.
  destruct lemma_1_control as [q [l [Q [E [D L]]]]]. exists q. split; [easy|]. split; [easy|].
  apply theorem_7_repels with l; [easy | easy |]. rewrite Rabs_left; lra.
Qed.
