(** * Lemma 2: two KL terms are one *)

From Coq Require Import Reals List Bool Lra.
From Coquelicot Require Import Coquelicot.
From Formal Require Import Definitions Facts theorem_1.
Open Scope R_scope.

Lemma power_mean_pos : forall T alpha (a b : T -> R) o, 0 < power_mean alpha a b o.
Proof. intros. apply Rmult_lt_0_compat; apply exp_pos. Qed.

Lemma geometric_mean_full : forall T (O : list T) alpha a b, O <> nil ->
  full_policy O (geometric_mean O alpha a b).
Proof.
  intros T O alpha a b N.
  assert (P : 0 < Sum O (power_mean alpha a b)).
  { apply Sum_pos; [easy|]. intros. apply power_mean_pos. }
  split.
  - intros o _. apply Rdiv_lt_0_compat; [apply power_mean_pos | easy].
  - unfold geometric_mean. rewrite Sum_div. field. lra.
Qed.

(** lemma-2: [C] does not depend on [pi]. On finitely many outcomes no bound on [alpha] is needed. *)
Theorem lemma_2 : forall T (O : list T) alpha a b,
  full_policy O a -> full_policy O b ->
  let m := geometric_mean O alpha a b in
  full_policy O m /\
  exists C, forall pi, policy O pi ->
    alpha * KL O pi a + (1 - alpha) * KL O pi b = KL O pi m + C.
Proof.
  intros T O alpha a b Fa Fb m.
  assert (Fm := geometric_mean_full T O alpha a b (full_not_nil O a Fa)). split; [easy|].
  exists (- ln (Sum O (power_mean alpha a b))). intros pi P.
  assert (Q : 0 < Sum O (power_mean alpha a b)).
  { apply Sum_pos; [now apply (full_not_nil O a)|]. intros. apply power_mean_pos. }
  unfold KL.
  set (c := - ln (Sum O (power_mean alpha a b))).
  replace c with (Sum O (fun o => c * pi o)) by (rewrite Sum_scal, (proj2 P); ring).
  rewrite <- !Sum_scal, <- !Sum_plus. unfold c.
  apply Sum_ext. intros o I. destruct (proj1 P o I) as [Po | <-]; [|ring].
  assert (Pa := proj1 Fa o I). assert (Pb := proj1 Fb o I). unfold m, geometric_mean.
  assert (Pm := power_mean_pos T alpha a b o).
  assert (L : ln (power_mean alpha a b o) = alpha * ln (a o) + (1 - alpha) * ln (b o)).
  { unfold power_mean, Rpower. now rewrite <- exp_plus, ln_exp. }
  rewrite !Rcomplements.ln_div; try easy; try (now apply Rdiv_lt_0_compat). rewrite L. ring.
Qed.

Lemma two_kl_split : forall T (O : list T) a alpha beta ref previous,
  full_policy O ref -> full_policy O previous -> exists C, forall pi, policy O pi ->
  two_kl_objective O a alpha beta ref previous pi =
    objective O a beta (geometric_mean O alpha ref previous) pi - C.
Proof.
  intros T O a alpha beta ref previous F G. destruct (lemma_2 T O alpha ref previous F G) as [_ [C H]].
  exists (beta * C). intros pi P. unfold two_kl_objective, objective. rewrite (H pi P). ring.
Qed.

Lemma two_kl_maximiser : forall T (O : list T) a alpha beta ref previous pi,
  0 < beta -> full_policy O ref -> full_policy O previous ->
  (maximises O (two_kl_objective O a alpha beta ref previous) pi <->
   maximises O (objective O a beta (geometric_mean O alpha ref previous)) pi).
Proof.
  intros T O a alpha beta ref previous pi B F G.
  destruct (two_kl_split T O a alpha beta ref previous F G) as [C H].
  split; intros [P M]; split; try easy; intros nu N; specialize (M nu N);
    rewrite !H in * by easy; lra.
Qed.

(** two-kl: a maximiser of the two-KL objective exists, there is only one, and it is full. *)
Theorem two_kl : forall T (O : list T) r eps alpha beta ref previous p,
  0 < eps -> 0 <= alpha <= 1 -> 0 < beta -> 0 <= p <= 1 ->
  full_policy O ref -> full_policy O previous ->
  exists pi, maximises O (two_kl_objective O (A r eps p) alpha beta ref previous) pi /\
    full_policy O pi /\
    forall nu, maximises O (two_kl_objective O (A r eps p) alpha beta ref previous) nu ->
      equal_on O nu pi.
Proof.
  intros T O r eps alpha beta ref previous p _ _ B _ F G. set (a := A r eps p).
  assert (M := geometric_mean_full T O alpha ref previous (full_not_nil O ref F)).
  exists (tilted O a beta (geometric_mean O alpha ref previous)).
  split; [apply two_kl_maximiser; try easy; now apply tilted_maximises|].
  split; [now apply tilted_full|]. intros nu N. apply maximiser_tilted; try easy.
  now apply two_kl_maximiser.
Qed.

(** [beta = 0] in [two_kl]: a maximiser gives up an outcome that both anchors have. *)
Theorem two_kl_control : exists pi,
  maximises sides (two_kl_objective sides (A is_success 1 (/ 2)) (/ 2) 0 (coin (/ 2)) (coin (/ 2)))
    pi /\ pi false = 0.
Proof.
  destruct iterations_control as [pi [[P M] E]]. exists pi. split; [|easy]. split; [easy|].
  intros nu N. specialize (M nu N). unfold objective in M. unfold two_kl_objective.
  rewrite !Rmult_0_l in *. exact M.
Qed.

Theorem lemma_2_instance : full_policy sides (coin (/ 3)) /\ full_policy sides (coin (/ 2)).
Proof. split; apply coin_full; lra. Qed.

(** The weights of the mean swapped: at [alpha = 1] nothing that is left is free of [pi]. *)
Theorem lemma_2_control : let a := coin (/ 3) in let b := coin (/ 2) in
  ~ exists C, forall pi, policy sides pi ->
    1 * KL sides pi a + (1 - 1) * KL sides pi b = KL sides pi (geometric_mean sides 0 a b) + C.
Proof.
  intros a b [C H]. destruct lemma_2_instance as [Fa Fb]. fold a in Fa. fold b in Fb.
  assert (E : equal_on sides (geometric_mean sides 0 a b) b).
  { assert (X : forall o, In o sides -> power_mean 0 a b o = b o).
    { intros o I. unfold power_mean. rewrite Rpower_O, Rminus_0_r, Rpower_1, Rmult_1_l; try easy.
      - now apply Fb.
      - now apply Fa. }
    intros o I. unfold geometric_mean. rewrite (Sum_ext _ _ _ X), (proj2 Fb), Rdiv_1. now apply X. }
  assert (Ha := H a (full_is_policy _ _ Fa)). assert (Hb := H b (full_is_policy _ _ Fb)).
  rewrite (KL_ext _ _ a _ b (fun _ _ => eq_refl) E) in Ha.
  rewrite (KL_ext _ _ b _ b (fun _ _ => eq_refl) E) in Hb.
  rewrite KL_self in Ha, Hb by easy.
  assert (Na := KL_nonneg _ a b (full_is_policy _ _ Fa) Fb).
  assert (Nb := KL_nonneg _ b a (full_is_policy _ _ Fb) Fa).
  assert (Z : KL sides a b = 0) by lra.
  apply KL_zero in Z; [|now apply full_is_policy | easy].
  specialize (Z true (or_introl eq_refl)). cbn in Z. lra.
Qed.

(** ** Countably many outcomes *)

(** erratum-15: the lemma asks for [alpha > 0] alone. At [alpha = 2] two policies on countably many
    outcomes have a mean that cannot be normalised: its sum is infinite. *)
Theorem erratum_15 : exists a b : nat -> R,
  (forall n, 0 < a n /\ 0 < b n) /\ is_series a 1 /\ is_series b 1 /\
  ~ ex_series (power_mean 2 a b).
Proof.
  exists (fun n => / 2 * (/ 2) ^ n), (fun n => 3 / 4 * (/ 4) ^ n).
  assert (P2 : forall n, 0 < (/ 2) ^ n) by (intro; apply pow_lt; lra).
  assert (P4 : forall n, 0 < (/ 4) ^ n) by (intro; apply pow_lt; lra).
  split; [intro n; generalize (P2 n) (P4 n); lra|].
  assert (Geom : forall q c, 0 < q < 1 -> c = 1 - q -> is_series (fun n => c * q ^ n) 1).
  { intros q c Hq ->. evar_last.
    - apply (is_series_scal (1 - q) (fun n => q ^ n)). apply is_series_geom.
      rewrite Rabs_pos_eq; lra.
    - unfold scal. cbn. unfold mult. cbn. field. lra. }
  split; [apply Geom; lra|]. split; [apply Geom; lra|].
  intro S. apply ex_series_lim_0 in S.
  assert (E : forall n, power_mean 2 (fun n => / 2 * (/ 2) ^ n) (fun n => 3 / 4 * (/ 4) ^ n) n
    = / 3).
  { intro n. unfold power_mean. generalize (P2 n) (P4 n). intros.
    replace (1 - 2) with (- (1)) by ring. rewrite Rpower_Ropp, Rpower_1 by lra.
    assert (Sq : Rpower (/ 2 * (/ 2) ^ n) 2 = (/ 2 * (/ 2) ^ n) ^ 2)
      by (rewrite <- (Rpower_pow 2) by lra; f_equal; cbn; ring).
    rewrite Sq.
    replace ((/ 4) ^ n) with ((/ 2) ^ n * (/ 2) ^ n)
      by (rewrite <- Rpow_mult_distr; f_equal; field). field. lra. }
  apply (is_lim_seq_ext _ (fun _ => / 3)) in S; [|exact E].
  apply is_lim_seq_unique in S. rewrite Lim_seq_const in S. injection S. lra.
Qed.

(** With [0 <= alpha <= 1] it always can. *)
Theorem erratum_15_control : forall (a b : nat -> R) alpha, 0 <= alpha <= 1 ->
  (forall n, 0 < a n /\ 0 < b n) -> ex_series a -> ex_series b ->
  ex_series (power_mean alpha a b).
Proof.
  intros a b alpha H P Sa Sb.
  apply (ex_series_le (power_mean alpha a b : nat -> R_CompleteNormedModule) (fun n => alpha * a n + (1 - alpha) * b n)).
  - intro n. destruct (P n) as [Pa Pb]. unfold norm. cbn. unfold abs. cbn.
    rewrite Rabs_pos_eq by (left; apply power_mean_pos).
    set (c := power_mean alpha a b n). assert (Pc : 0 < c) by apply power_mean_pos.
    assert (L : ln c = alpha * ln (a n) + (1 - alpha) * ln (b n)).
    { unfold c, power_mean, Rpower. now rewrite <- exp_plus, ln_exp. }
    assert (La := ln_le_line (a n / c) ltac:(now apply Rdiv_lt_0_compat)).
    assert (Lb := ln_le_line (b n / c) ltac:(now apply Rdiv_lt_0_compat)).
    rewrite Rcomplements.ln_div in La, Lb by easy.
    apply (Rmult_le_reg_r (/ c)); [now apply Rinv_0_lt_compat|].
    rewrite Rinv_r by lra. unfold Rdiv in La, Lb. nra.
  - apply (ex_series_plus (fun n => alpha * a n) (fun n => (1 - alpha) * b n)).
    + now apply (ex_series_scal alpha a).
    + now apply (ex_series_scal (1 - alpha) b).
Qed.
