(** * Theorem 8: any weights, any anchor *)

From Coq Require Import Reals List Bool Lra.
From Formal Require Import Definitions Facts theorem_1.
Open Scope R_scope.

(** theorem-8 *)
Theorem theorem_8 : forall T (O : list T) r wp wm beta anchor,
  0 < beta -> full_policy O anchor ->
  let J := objective O (advantage r wp wm) beta anchor in
  let best := tilted O (advantage r wp wm) beta anchor in
  maximises O J best /\
  (forall pi, maximises O J pi -> equal_on O pi best) /\
  (forall pi, policy O pi -> J best - J pi = beta * KL O pi best) /\
  (0 < PoS O r anchor < 1 ->
    0 < PoS O r best < 1 /\ logit (PoS O r best) = logit (PoS O r anchor) + (wp + wm) / beta).
Proof.
  intros T O r wp wm beta anchor B F J best. split; [now apply tilted_maximises|].
  split; [intros; now apply maximiser_tilted|].
  split; [intros; now apply objective_certificate | now apply tilted_logit].
Qed.

Theorem theorem_8_instance : full_policy sides (coin (/ 3)) /\
  0 < PoS sides is_success (coin (/ 3)) < 1.
Proof. rewrite coin_PoS. split; [apply coin_full|]; lra. Qed.

(** erratum-9: as printed, without the factor [1 / beta], the conclusion fails. *)
Theorem erratum_9 : exists wp wm beta anchor, 0 < beta /\ full_policy sides anchor /\
  forall pi, maximises sides (objective sides (advantage is_success wp wm) beta anchor) pi ->
    logit (PoS sides is_success pi) <> logit (PoS sides is_success anchor) + (wp + wm).
Proof.
  exists 1, 1, 2, (coin (/ 2)). assert (F := coin_full (/ 2) ltac:(lra)).
  split; [lra|]. split; [easy|]. intros pi M.
  rewrite (PoS_ext _ _ _ _ (maximiser_tilted _ _ 2 _ _ ltac:(lra) F M)).
  destruct (tilted_logit sides is_success 1 1 2 (coin (/ 2)) F) as [_ E].
  - rewrite coin_PoS. lra.
  - rewrite E. lra.
Qed.

(** At [beta = 1] the two agree: there the printed conclusion holds. *)
Theorem erratum_9_control : forall wp wm pi,
  maximises sides (objective sides (advantage is_success wp wm) 1 (coin (/ 2))) pi ->
  logit (PoS sides is_success pi) = logit (PoS sides is_success (coin (/ 2))) + (wp + wm).
Proof.
  intros wp wm pi M. assert (F := coin_full (/ 2) ltac:(lra)).
  rewrite (PoS_ext _ _ _ _ (maximiser_tilted _ _ 1 _ _ ltac:(lra) F M)).
  destruct (tilted_logit sides is_success wp wm 1 (coin (/ 2)) F) as [_ E].
  - rewrite coin_PoS. lra.
  - rewrite E. lra.
Qed.
