(** * Theorem 9: two KL terms, and two errata on them *)

From Coq Require Import Reals List Bool Lra.
From Coquelicot Require Import Coquelicot.
From Formal Require Import Definitions Facts Enclosure theorem_1 lemma_2 lemma_3 invariance.
Open Scope R_scope.

(** theorem-9 *)
Theorem theorem_9 : forall T (O : list T) r eps alpha beta ref previous pi,
  0 < alpha < 1 -> 0 < beta -> 0 < eps -> full_policy O ref -> full_policy O previous ->
  let p_ref := PoS O r ref in let p := PoS O r previous in
  0 < p_ref < 1 -> 0 < p < 1 ->
  maximises O (two_kl_objective O (A r eps p) alpha beta ref previous) pi ->
  let D_S := renyi (successes O r) alpha (conditional p_ref ref) (conditional p previous) in
  let D_F := renyi (failures O r) alpha (conditional (1 - p_ref) ref)
    (conditional (1 - p) previous) in
  logit (PoS O r pi) =
    alpha * logit p_ref + (1 - alpha) * logit p + (1 - alpha) * (D_F - D_S) + Omega eps p / beta.
Proof.
  intros T O r eps alpha beta ref previous pi Ha B _ F G p_ref p Ir Ip M D_S D_F.
  apply two_kl_maximiser in M; try easy.
  destruct (lemma_2 T O alpha ref previous F G) as [Fm _].
  destruct (lemma_3 T O r alpha ref previous Ha F G Ir Ip) as [Im L].
  rewrite (PoS_ext _ _ _ _ (maximiser_tilted O _ beta _ pi B Fm M)). unfold A.
  rewrite (proj2 (tilted_logit O r _ _ beta _ Fm Im)), weights_add_up, L.
  fold p_ref. fold p. fold D_S. fold D_F. ring.
Qed.

Theorem theorem_9_instance : exists pi,
  maximises sides (two_kl_objective sides (A is_success 1 (/ 2)) (/ 4) 1 (coin (/ 3)) (coin (/ 2)))
    pi /\ full_policy sides (coin (/ 3)) /\ full_policy sides (coin (/ 2)) /\
  0 < PoS sides is_success (coin (/ 3)) < 1 /\ PoS sides is_success (coin (/ 2)) = / 2.
Proof.
  destruct lemma_2_instance as [Fa Fb].
  destruct (two_kl _ sides is_success 1 (/ 4) 1 (coin (/ 3)) (coin (/ 2)) (/ 2)) as [pi [M _]];
    try lra; try easy.
  exists pi. rewrite !coin_PoS. split; [easy|]. split; [easy|]. split; [easy|]. lra.
Qed.

(** Without the correction the formula fails, for a start with other conditionals. *)
Theorem theorem_9_control : exists (O : list nat) r ref start pi,
  full_policy O ref /\ full_policy O start /\ PoS O r start = PoS O r ref /\
  maximises O (two_kl_objective O (advantage r 1 0) (/ 2) 1 ref start) pi /\
  logit (PoS O r pi) <> / 2 * logit (PoS O r ref) + (1 - / 2) * logit (PoS O r start) + 1.
Proof. exact invariance_control. Qed.

(** GRPO with two KL terms, as updates of the chapter on invariance. *)
Lemma two_kl_grpo_updates : forall T (O : list T) r eps alpha beta ref pi,
  two_kl_grpo O r eps alpha beta ref pi ->
  updates O r (fun n => w_plus eps (PoS O r (pi n))) (fun n => w_minus eps (PoS O r (pi n)))
    (fun _ => alpha) (fun _ => beta) ref pi.
Proof. intros T O r eps alpha beta ref pi [E M]. split; [easy | exact M]. Qed.

(** erratum-12: from the reference on the correction of Theorem 9 is 0 at every update, so it is no
    reason for anything; and with weights of the mean only the iteration rises at every update. *)
Theorem erratum_12 :
  (forall T (O : list T) r eps alpha beta ref pi,
    0 < alpha < 1 -> 0 < beta -> 0 < eps -> full_policy O ref -> 0 < PoS O r ref < 1 ->
    two_kl_grpo O r eps alpha beta ref pi ->
    let p_ref := PoS O r ref in let p n := PoS O r (pi n) in
    forall n,
      renyi (successes O r) alpha (conditional p_ref ref) (conditional (p n) (pi n)) = 0 /\
      renyi (failures O r) alpha (conditional (1 - p_ref) ref) (conditional (1 - p n) (pi n)) = 0 /\
      logit (p (S n)) =
        alpha * logit p_ref + (1 - alpha) * logit (p n) + Omega eps (p n) / beta) /\
  (forall T (O : list T) r wp wm alpha beta ref pi,
    0 < alpha < 1 -> 0 < beta -> full_policy O ref -> 0 < PoS O r ref < 1 ->
    (forall n, wp n + wm n = 1) ->
    updates O r wp wm (fun _ => alpha) (fun _ => beta) ref pi ->
    forall n, logit (PoS O r (pi n)) < logit (PoS O r (pi (S n)))).
Proof.
  split.
  - intros T O r eps alpha beta ref pi Ha B _ F I U p_ref p n. apply two_kl_grpo_updates in U.
    assert (Hn : forall n : nat, 0 <= alpha <= 1) by (intro; lra).
    destruct (beyond_1_recurrence T O r _ _ _ _ ref pi F I (fun _ => B) Hn U n) as [D L].
    destruct (D Ha) as [Ds Df]. split; [easy|]. split; [easy|]. rewrite <- weights_add_up. exact L.
  - intros T O r wp wm alpha beta ref pi Ha B F I One U n.
    destruct (beyond_1_gain T O r wp wm alpha beta ref pi F I B ltac:(lra) U) as [_ L].
    specialize (L ltac:(lra) One).
    assert (Ln := L n). assert (Ls := L (S n)).
    assert (P : 0 < (1 - alpha) ^ n) by (apply pow_lt; lra).
    assert ((1 - (1 - alpha) ^ n) / (alpha * beta) < (1 - (1 - alpha) ^ S n) / (alpha * beta)).
    { apply Rmult_lt_compat_r; [apply Rinv_0_lt_compat; nra | cbn [pow]; nra]. }
    lra.
Qed.

(** ** A cycle of two states under two KL terms *)

Definition G_13 : R -> R := G (/ 100000) (9 / 10) 3 (logit (/ 1000)).

(** erratum-13: the row of Table 1 calls the recurrence an affine contraction. At [alpha = 0.9],
    [beta = 3], [p_ref = 0.001], [eps = 0.00001] it has a cycle of two states, which no contraction
    has, and no affine map with a slope other than -1. *)
Theorem erratum_13 : exists x y, x <> y /\ G_13 x = y /\ G_13 y = x /\
  0.0040971 < sigma x < 0.0040972 /\ 0.1745855 < sigma y < 0.1745857.
Proof.
  destruct (crossing (fun x => x - G_13 (G_13 x)) (-5.49336791) (-5.49336789)) as [x [I E]].
  - lra.
  - intros x _. apply (continuous_minus (fun x => x) (fun x => G_13 (G_13 x))).
    + apply continuous_id.
    + apply (continuous_comp G_13 G_13); apply G_continuous; lra.
  - unfold G_13, G, Omega, sigma, logit. interval with (i_prec 60).
  - unfold G_13, G, Omega, sigma, logit. interval with (i_prec 60).
  - assert (Y : -1.5534706 < G_13 x < -1.5534698).
    { unfold G_13, G, Omega, sigma, logit. split; interval with (i_prec 60). }
    exists x, (G_13 x). split; [lra|]. split; [easy|]. split; [lra|].
    generalize (G_13 x) Y. intros y Hy. unfold sigma. split; split; interval with (i_prec 60).
Qed.

(** With the mean only the same two KL terms give an affine map of slope [1 - alpha], which has no
    cycle of two states. *)
Theorem erratum_13_control : forall alpha beta L_ref x y, 0 < alpha <= 1 -> 0 < beta ->
  let g L := alpha * L_ref + (1 - alpha) * L + 1 / beta in g x = y -> g y = x -> x = y.
Proof. intros alpha beta L_ref x y Ha Hb g. unfold g. intros. nra. Qed.
