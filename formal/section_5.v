(** * Section 5: mean-only normalisation *)

From Coq Require Import Reals List Bool Lra.
From Coquelicot Require Import Coquelicot.
From Formal Require Import Definitions Facts theorem_1.
Open Scope R_scope.

(** The advantage that subtracts the mean and does not divide. *)
Definition A_mean {T} (r : T -> bool) (p : R) : T -> R := advantage r (1 - p) p.

(** section-5, anchored at the reference: the same log-odds from the first update on. *)
Theorem section_5 : forall T (O : list T) r beta ref (pi : nat -> T -> R),
  0 < beta -> full_policy O ref -> 0 < PoS O r ref < 1 ->
  (forall n, maximises O (objective O (A_mean r (PoS O r (pi n))) beta ref) (pi (S n))) ->
  forall n, logit (PoS O r (pi (S n))) = logit (PoS O r ref) + 1 / beta.
Proof.
  intros T O r beta ref pi B F I M n.
  rewrite (PoS_ext _ _ _ _ (maximiser_tilted O _ beta ref _ B F (M n))).
  unfold A_mean. rewrite (proj2 (tilted_logit O r _ _ beta ref F I)). f_equal. f_equal. ring.
Qed.

(** section-5, mirror: a straight line in log-odds. *)
Theorem section_5_mirror : forall T (O : list T) r beta ref (pi : nat -> T -> R),
  0 < beta -> full_policy O ref -> 0 < PoS O r ref < 1 -> equal_on O (pi 0%nat) ref ->
  (forall n, maximises O (objective O (A_mean r (PoS O r (pi n))) beta (pi n)) (pi (S n))) ->
  forall n, logit (PoS O r (pi n)) = logit (PoS O r ref) + INR n / beta.
Proof.
  intros T O r beta ref pi B F I E M.
  assert (Inv : forall n, full_policy O (pi n) /\ 0 < PoS O r (pi n) < 1 /\
    logit (PoS O r (pi n)) = logit (PoS O r ref) + INR n / beta).
  { induction n as [|n [Fn [In Ln]]].
    - rewrite (PoS_ext _ _ _ _ E). split; [now apply full_ext with ref | split; [easy|]].
      cbn. field. lra.
    - assert (U := maximiser_tilted O _ beta (pi n) _ B Fn (M n)).
      split; [apply full_ext with (1 := U); now apply tilted_full|].
      rewrite (PoS_ext _ _ _ _ U).
      destruct (tilted_logit O r (1 - PoS O r (pi n)) (PoS O r (pi n)) beta (pi n) Fn In)
        as [I' L]. split; [easy|]. unfold A_mean. rewrite L, Ln, S_INR. field. lra. }
  intro n. apply Inv.
Qed.

(** section-5, the effective penalty: an update with mean and variance is one with the mean only at
    [beta_eff = beta sqrt (p (1 - p) + eps)], from the same policies. *)
Theorem section_5_effective : forall T (O : list T) r eps beta anchor p,
  0 <= eps -> 0 < beta -> 0 <= p <= 1 -> 0 < p * (1 - p) + eps ->
  equal_on O (tilted O (A r eps p) beta anchor)
    (tilted O (A_mean r p) (beta * sqrt (p * (1 - p) + eps)) anchor).
Proof.
  intros T O r eps beta anchor p _ B _ V. assert (S := sqrt_lt_R0 _ V).
  assert (E : forall o, A r eps p o / beta =
    A_mean r p o / (beta * sqrt (p * (1 - p) + eps))).
  { intro o. unfold A, A_mean, advantage, w_plus, w_minus. destruct (r o); field; lra. }
  intros o _. unfold tilted, Z. rewrite E. f_equal. apply Sum_ext. intros o' _. now rewrite E.
Qed.

Theorem section_5_instance : full_policy sides (coin (/ 3)) /\
  0 < PoS sides is_success (coin (/ 3)) < 1 /\
  exists pi : nat -> bool -> R, forall n,
    maximises sides (objective sides (A_mean is_success (PoS sides is_success (pi n))) 1
      (coin (/ 3))) (pi (S n)).
Proof.
  assert (F := coin_full (/ 3) ltac:(lra)). rewrite coin_PoS. split; [easy|]. split; [lra|].
  exists (fix pi n := match n with
    | 0%nat => coin (/ 3)
    | S m => tilted sides (A_mean is_success (PoS sides is_success (pi m))) 1 (coin (/ 3)) end).
  intro n. apply tilted_maximises; [lra | easy].
Qed.

(** A weight that is not [p] on failures, but 0: the log-odds do not rise by [1 / beta]. *)
Theorem section_5_control : forall p, 0 < p < 1 ->
  logit (PoS sides is_success (tilted sides (advantage is_success (1 - p) 0) 1 (coin p))) <>
  logit p + 1 / 1.
Proof.
  intros p H. assert (I : 0 < PoS sides is_success (coin p) < 1) by (rewrite coin_PoS; easy).
  rewrite (proj2 (tilted_logit sides is_success (1 - p) 0 1 (coin p) (coin_full p H) I)), coin_PoS.
  lra.
Qed.

(** erratum-16: [beta_eff = beta sigma] gives another update as soon as [eps > 0]. *)
Theorem erratum_16 : forall eps beta p, 0 < eps -> 0 < beta -> 0 < p < 1 ->
  PoS sides is_success (tilted sides (A is_success eps p) beta (coin p)) <>
  PoS sides is_success (tilted sides (A_mean is_success p) (beta * sqrt (p * (1 - p))) (coin p)).
Proof.
  intros eps beta p He Hb Hp E. assert (F := coin_full p Hp).
  assert (I : 0 < PoS sides is_success (coin p) < 1) by (rewrite coin_PoS; easy).
  apply (f_equal logit) in E. unfold A, A_mean in E.
  rewrite !(fun wp wm b => proj2 (tilted_logit sides is_success wp wm b (coin p) F I)) in E.
  rewrite weights_add_up in E. apply Rplus_eq_reg_l in E.
  assert (V := variance_pos p Hp). assert (S := sqrt_lt_R0 _ V).
  assert (S' : sqrt (p * (1 - p)) < sqrt (p * (1 - p) + eps)) by (apply sqrt_lt_1_alt; lra).
  unfold Omega in E. apply (f_equal Rinv) in E. unfold Rdiv in E.
  rewrite <- Rinv_mult, Rinv_inv in E.
  replace (1 - p + p) with 1 in E by ring. rewrite Rmult_1_l, Rinv_inv, Rmult_comm in E.
  apply Rmult_eq_reg_l in E; lra.
Qed.

(** At [eps = 0] the printed weight is right. *)
Theorem erratum_16_control : forall beta p, 0 < beta -> 0 < p < 1 ->
  equal_on sides (tilted sides (A is_success 0 p) beta (coin p))
    (tilted sides (A_mean is_success p) (beta * sqrt (p * (1 - p))) (coin p)).
Proof.
  intros beta p Hb Hp. rewrite <- (Rplus_0_r (p * (1 - p))).
  apply section_5_effective; try lra. generalize (variance_pos p Hp). lra.
Qed.
