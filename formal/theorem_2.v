(** * Theorem 2: one number per prompt *)

From Coq Require Import Reals List Bool Lra.
From Coquelicot Require Import Coquelicot.
From Formal Require Import Definitions Facts theorem_1.
Open Scope R_scope.

(** theorem-2: from whole policies, with any number of outcomes. *)
Theorem theorem_2 : forall T (O : list T) r eps beta ref pi,
  0 < eps -> 0 < beta -> full_policy O ref -> 0 < PoS O r ref -> grpo O r eps beta ref pi ->
  let p n := PoS O r (pi n) in
  p 0%nat = PoS O r ref /\ forall n, p (S n) = h eps beta (PoS O r ref) (p n).
Proof.
  intros T O r eps beta ref pi _ B F P [E M] p. split; [now apply PoS_ext|]. intro n. unfold p.
  rewrite (PoS_ext _ _ _ _ (maximiser_tilted O _ beta ref _ B F (M n))).
  unfold A. rewrite tilted_PoS, weights_add_up by easy. cbv zeta. unfold h.
  set (q := PoS O r ref) in *. set (x := Omega eps (PoS O r (pi n)) / beta).
  assert (Q := PoS_bounds O r ref (full_is_policy O ref F)). fold q in Q.
  rewrite exp_Ropp. assert (X := exp_pos x).
  assert (0 < q * exp x) by now apply Rmult_lt_0_compat. field. repeat split; lra.
Qed.

Theorem theorem_2_instance : exists pi, grpo sides is_success 1 1 (coin (/ 2)) pi /\
  full_policy sides (coin (/ 2)) /\ 0 < PoS sides is_success (coin (/ 2)).
Proof.
  assert (F := coin_full (/ 2) ltac:(lra)).
  destruct (theorem_1_instance bool sides is_success 1 1 (coin (/ 2)) ltac:(lra) F) as [pi G].
  exists pi. rewrite coin_PoS. repeat split; (apply G || apply F || lra).
Qed.

(** Not the reference but the previous policy as anchor of [h]: the second update is another. *)
Theorem theorem_2_control : exists pi, grpo sides is_success 1 1 (coin (/ 2)) pi /\
  let p n := PoS sides is_success (pi n) in p 2%nat <> h 1 1 (p 1%nat) (p 1%nat).
Proof.
  destruct theorem_2_instance as [pi [Gr [F P]]]. exists pi. split; [easy|]. cbv zeta.
  destruct (theorem_2 _ _ _ 1 1 _ _ ltac:(lra) ltac:(lra) F P Gr) as [E0 E].
  rewrite (E 1%nat), (E 0%nat), E0, coin_PoS.
  assert (B := h_bounds 1 1 (/ 2) (/ 2) ltac:(lra)).
  assert (S : / 2 < h 1 1 (/ 2) (/ 2)).
  { rewrite h_sigma by lra. rewrite <- (sigma_logit (/ 2)) at 1 by lra. apply sigma_increasing.
    generalize (Omega_pos 1 (/ 2) ltac:(lra) ltac:(lra)). lra. }
  set (q := h 1 1 (/ 2) (/ 2)) in *. rewrite (h_sigma _ _ (/ 2)), (h_sigma _ _ q) by lra.
  intro C. apply (f_equal logit) in C. rewrite !logit_sigma in C.
  generalize (logit_increasing (/ 2) q ltac:(lra) S ltac:(lra)). lra.
Qed.
