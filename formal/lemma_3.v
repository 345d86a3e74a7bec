(** * Lemma 3: the log-odds of a geometric mean *)

From Coq Require Import Reals List Bool Lra.
From Formal Require Import Definitions Facts theorem_1 lemma_2.
Open Scope R_scope.

(** A list with some mass has an outcome. *)
Lemma massive : forall T (O : list T) f, 0 < Sum O f -> O <> nil.
Proof. intros T O f H ->. cbn in H. lra. Qed.

(** The mean of two conditionals, from that of the policies. *)
Lemma conditional_mean : forall T (O : list T) alpha a b p q,
  (forall o, In o O -> 0 < a o) -> (forall o, In o O -> 0 < b o) -> 0 < p -> 0 < q ->
  Sum O (power_mean alpha (conditional p a) (conditional q b)) =
  Sum O (power_mean alpha a b) * exp (- (alpha * ln p + (1 - alpha) * ln q)).
Proof.
  intros T O alpha a b p q Pa Pb Pp Pq. rewrite Rmult_comm, <- Sum_scal. apply Sum_ext.
  intros o I. unfold power_mean, conditional, Rpower. rewrite <- !exp_plus. f_equal.
  rewrite !Rcomplements.ln_div by (auto || easy). ring.
Qed.

(** lemma-3 *)
Theorem lemma_3 : forall T (O : list T) r alpha a b,
  0 < alpha < 1 -> full_policy O a -> full_policy O b ->
  let p_a := PoS O r a in let p_b := PoS O r b in
  0 < p_a < 1 -> 0 < p_b < 1 ->
  let D_S := renyi (successes O r) alpha (conditional p_a a) (conditional p_b b) in
  let D_F := renyi (failures O r) alpha (conditional (1 - p_a) a) (conditional (1 - p_b) b) in
  let p_m := PoS O r (geometric_mean O alpha a b) in
  0 < p_m < 1 /\
  logit p_m = alpha * logit p_a + (1 - alpha) * logit p_b + (alpha - 1) * (D_S - D_F).
Proof.
  intros T O r alpha a b Ha Fa Fb p_a p_b Ia Ib D_S D_F p_m.
  set (S := Sum (successes O r) (power_mean alpha a b)).
  set (F := Sum (failures O r) (power_mean alpha a b)).
  assert (PS : 0 < S).
  { apply Sum_pos; [now apply massive with a|]. intros. apply power_mean_pos. }
  assert (PF : 0 < F).
  { apply Sum_pos; [apply massive with a; rewrite failure_mass by (now apply full_is_policy);
      fold p_a; lra|]. intros. apply power_mean_pos. }
  assert (Em : p_m = S / (S + F)).
  { unfold p_m, PoS, geometric_mean. rewrite Sum_div. fold S. now rewrite (Sum_split O r). }
  assert (Im : 0 < p_m < 1).
  { rewrite Em. split; [apply Rdiv_lt_0_compat; lra|].
    apply (Rmult_lt_reg_r (S + F)); [lra|]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l; lra. }
  split; [easy|].
  assert (Lm : logit p_m = ln S - ln F).
  { unfold logit. rewrite Em. replace (S / (S + F) / (1 - S / (S + F))) with (S / F)
      by (field; lra). now apply Rcomplements.ln_div. }
  assert (LS : (alpha - 1) * D_S = ln S - (alpha * ln p_a + (1 - alpha) * ln p_b)).
  { unfold D_S, renyi. rewrite conditional_mean; try lra.
    - fold S. rewrite ln_mult, ln_exp by (easy || apply exp_pos). field. lra.
    - intros o I. apply Fa. now apply success_spec in I.
    - intros o I. apply Fb. now apply success_spec in I. }
  assert (LF : (alpha - 1) * D_F = ln F - (alpha * ln (1 - p_a) + (1 - alpha) * ln (1 - p_b))).
  { unfold D_F, renyi. rewrite conditional_mean; try lra.
    - fold F. rewrite ln_mult, ln_exp by (easy || apply exp_pos). field. lra.
    - intros o I. apply Fa. now apply failure_spec in I.
    - intros o I. apply Fb. now apply failure_spec in I. }
  rewrite Rmult_minus_distr_l, LS, LF, Lm. unfold logit. rewrite !Rcomplements.ln_div by lra. ring.
Qed.

Theorem lemma_3_instance : 0 < PoS sides is_success (coin (/ 3)) < 1 /\
  full_policy sides (coin (/ 3)) /\ full_policy sides (coin (/ 2)).
Proof. rewrite coin_PoS. split; [lra|]. split; apply coin_full; lra. Qed.

(** The weights of the mean swapped: of two coins, whose conditionals do not differ, not even the
    first term is right. *)
Theorem lemma_3_control : exists p, 0 < p < 1 /\
  logit (PoS sides is_success (geometric_mean sides (1 - / 4) (coin p) (coin (/ 2)))) <>
  / 4 * logit p + (1 - / 4) * logit (/ 2).
Proof.
  exists (/ 3). split; [lra|]. intro E.
  assert (Fa := coin_full (/ 3) ltac:(lra)). assert (Fb := coin_full (/ 2) ltac:(lra)).
  destruct (lemma_3 _ sides is_success (1 - / 4) _ _ ltac:(lra) Fa Fb) as [_ L];
    try (rewrite coin_PoS; lra).
  rewrite !coin_PoS in L. rewrite L in E.
  assert (D : forall p, 0 < p -> renyi (true :: nil) (1 - / 4) (conditional p (coin p))
    (conditional (/ 2) (coin (/ 2))) = 0).
  { intros p P. unfold renyi, power_mean, conditional, coin. cbn.
    replace (p / p) with 1 by (field; lra). replace (/ 2 / / 2) with 1 by (field; lra).
    unfold Rpower. rewrite !ln_1, !Rmult_0_r, exp_0, Rmult_1_r, Rplus_0_r, ln_1. ring. }
  assert (D' : forall p, p < 1 -> renyi (false :: nil) (1 - / 4) (conditional (1 - p) (coin p))
    (conditional (1 - / 2) (coin (/ 2))) = 0).
  { intros p P. unfold renyi, power_mean, conditional, coin. cbn.
    replace ((1 - p) / (1 - p)) with 1 by (field; lra).
    replace ((1 - / 2) / (1 - / 2)) with 1 by (field; lra).
    unfold Rpower. rewrite !ln_1, !Rmult_0_r, exp_0, Rmult_1_r, Rplus_0_r, ln_1. ring. }
  change (successes sides is_success) with (true :: nil) in E.
  change (failures sides is_success) with (false :: nil) in E.
  rewrite D, D' in E by lra. generalize (logit_increasing (/ 3) (/ 2)). lra.
Qed.
