(** * Theorem 4: mirror GRPO *)

From Coq Require Import Reals List Bool Lra.
From Formal Require Import Definitions Facts theorem_1.
Open Scope R_scope.

Lemma mirror_full : forall T (O : list T) r eps beta ref pi,
  0 < beta -> full_policy O ref -> mirror_grpo O r eps beta ref pi ->
  forall n, full_policy O (pi n).
Proof.
  intros T O r eps beta ref pi B F [E M] n. induction n as [|n IH].
  - now apply full_ext with ref.
  - eapply full_ext; [apply (maximiser_tilted O _ beta (pi n) _ B IH (M n)) |].
    now apply tilted_full.
Qed.

(** theorem-4 *)
Theorem theorem_4 : forall T (O : list T) r eps beta ref pi,
  0 < eps -> 0 < beta -> full_policy O ref -> mirror_grpo O r eps beta ref pi ->
  let p n := PoS O r (pi n) in
  forall n,
    equal_on O (pi (S n)) (tilted O (A r eps (p n)) beta (pi n)) /\
    (0 < p n < 1 ->
      0 < p (S n) < 1 /\ logit (p (S n)) = logit (p n) + Omega eps (p n) / beta).
Proof.
  intros T O r eps beta ref pi He B F G p n.
  assert (Fn := mirror_full _ _ _ _ _ _ _ B F G n). destruct G as [E M].
  assert (U := maximiser_tilted O _ beta (pi n) _ B Fn (M n)). split; [easy|]. intro I.
  unfold p. rewrite (PoS_ext _ _ _ _ U), <- weights_add_up. now apply tilted_logit.
Qed.

(** Such iterates exist for every reference. *)
Theorem theorem_4_instance : forall T (O : list T) r eps beta ref,
  0 < beta -> full_policy O ref -> exists pi, mirror_grpo O r eps beta ref pi.
Proof.
  intros T O r eps beta ref B F.
  set (pi := fix pi n := match n with
    | 0%nat => ref
    | S m => tilted O (A r eps (PoS O r (pi m))) beta (pi m) end).
  exists pi. assert (Fn : forall n, full_policy O (pi n)).
  { induction n as [|n IH]; [easy | now apply tilted_full]. }
  split; [easy|]. intro n. now apply tilted_maximises.
Qed.

(** The reference as anchor in the place of the previous policy: the second update is another. *)
Theorem theorem_4_control : exists pi, mirror_grpo sides is_success 1 1 (coin (/ 2)) pi /\
  let p n := PoS sides is_success (pi n) in
  logit (p 2%nat) <> logit (p 0%nat) + Omega 1 (p 1%nat) / 1.
Proof.
  assert (F := coin_full (/ 2) ltac:(lra)).
  destruct (theorem_4_instance bool sides is_success 1 1 (coin (/ 2)) ltac:(lra) F) as [pi G].
  exists pi. split; [easy|]. cbv zeta.
  assert (E0 : PoS sides is_success (pi 0%nat) = / 2) by (rewrite (PoS_ext _ _ _ _ (proj1 G));
    apply coin_PoS).
  assert (S := theorem_4 _ _ _ 1 1 _ _ ltac:(lra) ltac:(lra) F G). cbv zeta in S.
  destruct (S 0%nat) as [_ H0]. rewrite E0 in H0. destruct (H0 ltac:(lra)) as [I1 E1].
  destruct (S 1%nat) as [_ H1]. destruct (H1 I1) as [_ E2]. rewrite E2, E1, E0.
  generalize (Omega_pos 1 (/ 2) ltac:(lra) ltac:(lra)). lra.
Qed.
