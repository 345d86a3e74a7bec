(** * Facts that several chapters use *)

From Coq Require Import Reals List Bool Lra Lia.
From Coquelicot Require Import Coquelicot.
From Formal Require Import Definitions.
Open Scope R_scope.

(** ** Log-odds *)

Lemma sigma_pos : forall L, 0 < sigma L.
Proof. intro L. apply Rinv_0_lt_compat. generalize (exp_pos (- L)). lra. Qed.

Lemma sigma_complement : forall L, 1 - sigma L = sigma (- L).
Proof.
  intro L. unfold sigma. rewrite Ropp_involutive, exp_Ropp.
  generalize (exp_pos L). intro. field. lra.
Qed.

Lemma sigma_lt_1 : forall L, sigma L < 1.
Proof. intro L. generalize (sigma_pos (- L)). rewrite <- sigma_complement. lra. Qed.

Lemma sigma_bounds : forall L, 0 < sigma L < 1.
Proof. split; [apply sigma_pos | apply sigma_lt_1]. Qed.

Lemma sigma_odds : forall L, sigma L / (1 - sigma L) = exp L.
Proof.
  intro L. rewrite sigma_complement. unfold sigma. rewrite Ropp_involutive, exp_Ropp.
  generalize (exp_pos L). intro. field. lra.
Qed.

Lemma logit_sigma : forall L, logit (sigma L) = L.
Proof. intro L. unfold logit. rewrite sigma_odds. apply ln_exp. Qed.

Lemma odds_pos : forall p, 0 < p < 1 -> 0 < p / (1 - p).
Proof. intros p H. apply Rdiv_lt_0_compat; lra. Qed.

Lemma sigma_logit : forall p, 0 < p < 1 -> sigma (logit p) = p.
Proof.
  intros p H. unfold sigma, logit. rewrite exp_Ropp, exp_ln by now apply odds_pos.
  field. lra.
Qed.

Lemma sigma_increasing : forall x y, x < y -> sigma x < sigma y.
Proof.
  intros x y H. unfold sigma. apply Rinv_lt_contravar.
  - generalize (exp_pos (- x)) (exp_pos (- y)). nra.
  - apply Rplus_lt_compat_l. apply exp_increasing. lra.
Qed.

Lemma sigma_le : forall x y, x <= y -> sigma x <= sigma y.
Proof. intros x y [H | ->]; [left; now apply sigma_increasing | right; easy]. Qed.

Lemma logit_increasing : forall p q, 0 < p -> p < q -> q < 1 -> logit p < logit q.
Proof.
  intros p q Hp H Hq. destruct (Rlt_or_le (logit p) (logit q)) as [|C]; [easy|].
  apply sigma_le in C. rewrite !sigma_logit in C; lra.
Qed.

Lemma logit_injective : forall p q, 0 < p < 1 -> 0 < q < 1 -> logit p = logit q -> p = q.
Proof. intros p q Hp Hq H. rewrite <- (sigma_logit p), <- (sigma_logit q), H; easy. Qed.

Lemma logit_lt : forall p q, 0 < p < 1 -> 0 < q < 1 -> logit p < logit q -> p < q.
Proof.
  intros p q Hp Hq H. rewrite <- (sigma_logit p), <- (sigma_logit q) by easy.
  now apply sigma_increasing.
Qed.

Lemma sigma_continuous : forall L, continuous sigma L.
Proof.
  intro L. apply (ex_derive_continuous sigma). unfold sigma. auto_derive.
  generalize (exp_pos (- L)). lra.
Qed.

Lemma sigma_derive : forall L, is_derive sigma L (sigma L * (1 - sigma L)).
Proof.
  intro L. rewrite sigma_complement. unfold sigma. rewrite Ropp_involutive. auto_derive.
  - generalize (exp_pos (- L)). lra.
  - rewrite exp_Ropp. generalize (exp_pos L). intro. field. lra.
Qed.

(** ** Weights and scale *)

Lemma variance_nonneg : forall p, 0 <= p <= 1 -> 0 <= p * (1 - p).
Proof. intros. nra. Qed.

Lemma variance_pos : forall p, 0 < p < 1 -> 0 < p * (1 - p).
Proof. intros. nra. Qed.

Lemma variance_le : forall p, p * (1 - p) <= / 4.
Proof. intro p. assert (0 <= (p - / 2) ^ 2) by apply pow2_ge_0. nra. Qed.

Lemma root_pos : forall eps p, 0 < eps -> 0 <= p <= 1 -> 0 < sqrt (p * (1 - p) + eps).
Proof. intros eps p He Hp. apply sqrt_lt_R0. generalize (variance_nonneg p Hp). lra. Qed.

Lemma Omega_pos : forall eps p, 0 < eps -> 0 <= p <= 1 -> 0 < Omega eps p.
Proof. intros. apply Rinv_0_lt_compat. now apply root_pos. Qed.

Lemma weights_add_up : forall eps p, w_plus eps p + w_minus eps p = Omega eps p.
Proof. intros. unfold w_plus, w_minus, Omega, Rdiv. ring. Qed.

(** No scale is smaller than that of [p = 1/2]. *)
Lemma Omega_least : forall eps p, 0 < eps -> 0 <= p <= 1 ->
  2 / sqrt (1 + 4 * eps) <= Omega eps p.
Proof.
  intros eps p He Hp. unfold Omega.
  assert (E : 2 / sqrt (1 + 4 * eps) = / sqrt (/ 4 + eps)).
  { replace (1 + 4 * eps) with (4 * (/ 4 + eps)) by field.
    rewrite sqrt_mult by lra. replace 4 with (2 * 2) at 1 by ring. rewrite sqrt_square by lra.
    field. apply Rgt_not_eq, sqrt_lt_R0. lra. }
  rewrite E. apply Rinv_le_contravar.
  - now apply root_pos.
  - apply sqrt_le_1_alt. generalize (variance_le p). lra.
Qed.

Lemma Omega_largest : forall eps p, 0 < eps -> 0 <= p <= 1 -> Omega eps p <= / sqrt eps.
Proof.
  intros eps p He Hp. apply Rinv_le_contravar.
  - now apply sqrt_lt_R0.
  - apply sqrt_le_1_alt. generalize (variance_nonneg p Hp). lra.
Qed.

(** Without smoothing the scale is [2 cosh (L / 2)]. *)
Lemma Omega_0 : forall L, Omega 0 (sigma L) = exp (L / 2) + exp (- (L / 2)).
Proof.
  intro L. unfold Omega. rewrite sigma_complement, Rplus_0_r. unfold sigma.
  rewrite Ropp_involutive. set (x := exp (L / 2)). set (y := exp (- (L / 2))).
  assert (X : 0 < x) by apply exp_pos. assert (Y : 0 < y) by apply exp_pos.
  assert (XY : x * y = 1) by (unfold x, y; rewrite <- exp_plus, Rplus_opp_r; apply exp_0).
  replace (exp L) with (x * x) by (unfold x; rewrite <- exp_plus; f_equal; field).
  replace (exp (- L)) with (y * y) by (unfold y; rewrite <- exp_plus; f_equal; field).
  replace (/ (1 + y * y) * / (1 + x * x)) with (/ (x + y) * / (x + y)).
  - rewrite sqrt_square by (left; apply Rinv_0_lt_compat; lra). apply Rinv_inv.
  - rewrite <- !Rinv_mult. f_equal.
    transitivity (2 * (x * y) + x * x + y * y); [ring|].
    transitivity (1 + (x * y) * (x * y) + x * x + y * y); [rewrite XY; ring | ring].
Qed.

(** The map of Theorem 2 adds [Omega / beta] to the log-odds of the reference. *)
Lemma h_sigma : forall eps beta p_ref p, 0 < p_ref < 1 ->
  h eps beta p_ref p = sigma (logit p_ref + Omega eps p / beta).
Proof.
  intros eps beta p_ref p H. unfold h, sigma, logit.
  rewrite Ropp_plus_distr, exp_plus, (exp_Ropp (ln _)), exp_ln by now apply odds_pos.
  f_equal. f_equal. f_equal. field. lra.
Qed.

Lemma Omega_derive : forall eps p, 0 < eps -> 0 <= p <= 1 ->
  is_derive (Omega eps) p (- ((1 - 2 * p) / (2 * sqrt (p * (1 - p) + eps) ^ 3))).
Proof.
  intros eps p He Hp. assert (S := root_pos eps p He Hp). unfold Omega. auto_derive;
    change (1 + - p) with (1 - p).
  - repeat split; [generalize (variance_nonneg p Hp); lra | lra].
  - field. lra.
Qed.

Lemma Omega_continuous : forall eps p, 0 < eps -> 0 <= p <= 1 -> continuous (Omega eps) p.
Proof.
  intros eps p He Hp. apply (ex_derive_continuous (Omega eps)). eexists. now apply Omega_derive.
Qed.

(** The slope of the scale in log-odds, by the probability of success. *)
Definition Omega_slope (eps p : R) : R :=
  p * (1 - p) * (2 * p - 1) / (2 * sqrt (p * (1 - p) + eps) ^ 3).

Lemma Omega_sigma_derive : forall eps L, 0 < eps ->
  is_derive (fun L => Omega eps (sigma L)) L (Omega_slope eps (sigma L)).
Proof.
  intros eps L He. assert (B := sigma_bounds L). evar_last.
  - apply (is_derive_comp (Omega eps) sigma); [apply Omega_derive; lra | apply sigma_derive].
  - unfold scal. cbn. unfold mult. cbn. unfold Omega_slope.
    assert (S := root_pos eps (sigma L) He ltac:(lra)). field. lra.
Qed.

Lemma G_derive : forall eps alpha beta L_ref L, 0 < eps -> 0 < beta ->
  is_derive (G eps alpha beta L_ref) L (1 - alpha + Omega_slope eps (sigma L) / beta).
Proof.
  intros eps alpha beta L_ref L He Hb. unfold G.
  apply (is_derive_plus (fun L => alpha * L_ref + (1 - alpha) * L)
    (fun L => Omega eps (sigma L) / beta)).
  - auto_derive; [easy | ring].
  - apply (is_derive_ext (fun L => / beta * Omega eps (sigma L))); [intro; apply Rmult_comm|].
    evar_last; [apply is_derive_scal; now apply Omega_sigma_derive | apply Rmult_comm].
Qed.

Lemma G_continuous : forall eps alpha beta L_ref L, 0 < eps -> 0 < beta ->
  continuous (G eps alpha beta L_ref) L.
Proof.
  intros. apply (ex_derive_continuous (G eps alpha beta L_ref)). eexists. now apply G_derive.
Qed.

Lemma Omega_falls : forall eps p q, 0 < eps -> 0 <= p -> p < q -> q <= / 2 ->
  Omega eps q < Omega eps p.
Proof.
  intros eps p q He Hp H Hq. apply Rinv_lt_contravar.
  - apply Rmult_lt_0_compat; apply root_pos; lra.
  - apply sqrt_lt_1_alt. assert (V := variance_nonneg p ltac:(lra)). split; [lra|]. nra.
Qed.

Lemma Omega_symmetric : forall eps p, Omega eps (1 - p) = Omega eps p.
Proof. intros. unfold Omega. f_equal. f_equal. ring. Qed.

Lemma h_bounds : forall eps beta p_ref p, 0 < p_ref < 1 -> 0 < h eps beta p_ref p < 1.
Proof. intros. rewrite h_sigma by easy. apply sigma_bounds. Qed.

(** ** Values between, and limits *)

Lemma crossing : forall f a b, a < b -> (forall x, a <= x <= b -> continuous f x) ->
  f a < 0 -> 0 < f b -> exists x, a < x < b /\ f x = 0.
Proof.
  intros f a b H C Ha Hb. destruct (Ranalysis5.IVT_interv f a b) as [x [B E]]; try easy.
  - intros x B. now apply continuity_pt_filterlim, C.
  - exists x. split; [|easy]. split.
    + destruct (proj1 B) as [ | <- ]; lra.
    + destruct (proj2 B) as [ | -> ]; lra.
Qed.

(** ** Sums over outcomes *)

Section Sums.
Context {T : Type}.
Implicit Types (O : list T) (f g : T -> R) (r : T -> bool).

Lemma Sum_cons : forall O o f, Sum (o :: O) f = f o + Sum O f.
Proof. easy. Qed.

Lemma Sum_nil : forall f, Sum nil f = 0.
Proof. easy. Qed.

Ltac sums := rewrite ?Sum_cons, ?Sum_nil.

Lemma Sum_ext : forall O f g, (forall o, In o O -> f o = g o) -> Sum O f = Sum O g.
Proof.
  induction O as [|o O IH]; intros f g H; [easy|]. sums. rewrite (H o), (IH f g); [easy| |].
  - intros. apply H. now right.
  - now left.
Qed.

Lemma Sum_plus : forall O f g, Sum O (fun o => f o + g o) = Sum O f + Sum O g.
Proof. induction O as [|o O IH]; intros; sums; [ring | rewrite IH; ring]. Qed.

Lemma Sum_scal : forall O c f, Sum O (fun o => c * f o) = c * Sum O f.
Proof. induction O as [|o O IH]; intros; sums; [ring | rewrite IH; ring]. Qed.

Lemma Sum_div : forall O c f, Sum O (fun o => f o / c) = Sum O f / c.
Proof. induction O as [|o O IH]; intros; sums; [unfold Rdiv; ring | rewrite IH; unfold Rdiv; ring]. Qed.

Lemma Sum_minus : forall O f g, Sum O (fun o => f o - g o) = Sum O f - Sum O g.
Proof. induction O as [|o O IH]; intros; sums; [ring | rewrite IH; ring]. Qed.

Lemma Sum_le : forall O f g, (forall o, In o O -> f o <= g o) -> Sum O f <= Sum O g.
Proof.
  induction O as [|o O IH]; intros f g H; sums; [lra|].
  apply Rplus_le_compat; [apply H; now left | apply IH; intros; apply H; now right].
Qed.

Lemma Sum_nonneg : forall O f, (forall o, In o O -> 0 <= f o) -> 0 <= Sum O f.
Proof.
  induction O as [|o O IH]; intros f H; sums; [lra|].
  apply Rplus_le_le_0_compat; [apply H; now left | apply IH; intros; apply H; now right].
Qed.

Lemma Sum_pos : forall O f, O <> nil -> (forall o, In o O -> 0 < f o) -> 0 < Sum O f.
Proof.
  intros [|o O] f N H; [easy|]. sums. apply Rplus_lt_le_0_compat; [apply H; now left|].
  apply Sum_nonneg. intros. left. apply H. now right.
Qed.

(** A sum of terms that are not negative is 0 only if each of them is. *)
Lemma Sum_zero : forall O f, (forall o, In o O -> 0 <= f o) -> Sum O f = 0 ->
  forall o, In o O -> f o = 0.
Proof.
  induction O as [|a O IH]; intros f H Z o I; [easy|]. rewrite Sum_cons in Z.
  assert (0 <= f a) by (apply H; now left).
  assert (0 <= Sum O f) by (apply Sum_nonneg; intros; apply H; now right).
  destruct I as [<- | I]; [lra|]. apply IH; [intros; apply H; now right | lra | easy].
Qed.

Lemma Sum_abs : forall O f, Rabs (Sum O f) <= Sum O (fun o => Rabs (f o)).
Proof.
  induction O as [|o O IH]; intro f; sums; [rewrite Rabs_R0; lra|].
  eapply Rle_trans; [apply Rabs_triang | apply Rplus_le_compat_l, IH].
Qed.

Lemma Sum_split : forall O r f, Sum O f = Sum (successes O r) f + Sum (failures O r) f.
Proof.
  induction O as [|o O IH]; intros r f; [cbn; ring|]; sums.
  rewrite (IH r f). unfold successes, failures. cbn [filter]. destruct (r o); cbn [negb]; sums; ring.
Qed.

Lemma success_spec : forall O r o, In o (successes O r) -> In o O /\ r o = true.
Proof. intros O r o. apply filter_In. Qed.

Lemma failure_spec : forall O r o, In o (failures O r) -> In o O /\ r o = false.
Proof. intros O r o H. apply filter_In in H. now rewrite negb_true_iff in H. Qed.

Lemma Sum_successes_ext : forall O r f g, (forall o, In o O -> r o = true -> f o = g o) ->
  Sum (successes O r) f = Sum (successes O r) g.
Proof. intros O r f g H. apply Sum_ext. intros o I. apply success_spec in I. now apply H. Qed.

Lemma Sum_failures_ext : forall O r f g, (forall o, In o O -> r o = false -> f o = g o) ->
  Sum (failures O r) f = Sum (failures O r) g.
Proof. intros O r f g H. apply Sum_ext. intros o I. apply failure_spec in I. now apply H. Qed.

(** ** Policies *)

Lemma full_is_policy : forall O pi, full_policy O pi -> policy O pi.
Proof. intros O pi [P S]. split; [intros; left; now apply P | easy]. Qed.

Lemma full_not_nil : forall O pi, full_policy O pi -> O <> nil.
Proof. intros O pi [_ S] ->. cbn in S. lra. Qed.

Lemma full_ext : forall O pi nu, equal_on O pi nu -> full_policy O nu -> full_policy O pi.
Proof.
  intros O pi nu E [P S]. split.
  - intros o I. rewrite E by easy. now apply P.
  - rewrite <- S. now apply Sum_ext.
Qed.

Lemma PoS_ext : forall O r pi nu, equal_on O pi nu -> PoS O r pi = PoS O r nu.
Proof. intros O r pi nu E. apply Sum_successes_ext. intros. now apply E. Qed.

Lemma failure_mass : forall O r pi, policy O pi -> Sum (failures O r) pi = 1 - PoS O r pi.
Proof. intros O r pi [_ S]. rewrite (Sum_split O r) in S. unfold PoS. lra. Qed.

Lemma PoS_bounds : forall O r pi, policy O pi -> 0 <= PoS O r pi <= 1.
Proof.
  intros O r pi P. generalize (failure_mass O r pi P). intro M. destruct P as [P _]. split.
  - apply Sum_nonneg. intros o I. apply P. now apply success_spec in I.
  - assert (0 <= Sum (failures O r) pi); [|lra].
    apply Sum_nonneg. intros o I. apply P. now apply failure_spec in I.
Qed.

Lemma mean_advantage : forall O r pi wp wm, policy O pi ->
  mean O pi (advantage r wp wm) = wp * PoS O r pi - wm * (1 - PoS O r pi).
Proof.
  intros O r pi wp wm P. unfold mean. rewrite (Sum_split O r), <- (failure_mass O r pi P).
  unfold PoS. rewrite <- !Sum_scal.
  rewrite (Sum_successes_ext O r _ (fun o => wp * pi o))
    by (intros o _ R; unfold advantage; rewrite R; ring).
  rewrite (Sum_failures_ext O r _ (fun o => - wm * pi o))
    by (intros o _ R; unfold advantage; rewrite R; ring).
  rewrite !Sum_scal. ring.
Qed.

(** ** The Kullback-Leibler divergence *)

Lemma ln_le_line : forall x, 0 < x -> ln x <= x - 1.
Proof.
  intros x H. generalize (exp_ineq1_le (ln x)). rewrite exp_ln by easy. lra.
Qed.

Lemma ln_touches_line : forall x, 0 < x -> ln x = x - 1 -> x = 1.
Proof.
  intros x H E. destruct (Req_dec (ln x) 0) as [Z|N]; [lra|].
  apply exp_ineq1 in N. rewrite exp_ln in N by easy. lra.
Qed.

(** Each term of a KL is at least the difference of the masses, and equal only if they are. *)
Lemma KL_term : forall a b, 0 <= a -> 0 < b -> a - b <= a * ln (a / b).
Proof.
  intros a b [Ha | <-] Hb; [|lra].
  assert (0 < b / a) by now apply Rdiv_lt_0_compat.
  replace (a / b) with (/ (b / a)) by (field; lra). rewrite ln_Rinv by easy.
  generalize (ln_le_line (b / a) H). intro L.
  apply (Rmult_le_compat_l a) in L; [|lra]. field_simplify in L; [lra | lra].
Qed.

Lemma KL_term_equal : forall a b, 0 <= a -> 0 < b -> a * ln (a / b) = a - b -> a = b.
Proof.
  intros a b [Ha | <-] Hb E; [|lra].
  assert (0 < b / a) by now apply Rdiv_lt_0_compat.
  replace (a / b) with (/ (b / a)) in E by (field; lra). rewrite ln_Rinv in E by easy.
  assert (b / a = 1).
  { apply ln_touches_line; [easy|]. apply (Rmult_eq_reg_l a); [|lra].
    replace (a * (b / a - 1)) with (b - a) by (field; lra). lra. }
  apply (Rmult_eq_compat_l a) in H0. field_simplify in H0; lra.
Qed.

Lemma KL_excess : forall O pi nu, policy O pi -> full_policy O nu ->
  KL O pi nu = Sum O (fun o => pi o * ln (pi o / nu o) - (pi o - nu o)).
Proof.
  intros O pi nu [_ P] [_ N]. rewrite (Sum_minus O (fun o => pi o * ln (pi o / nu o))).
  rewrite Sum_minus, P, N. unfold KL. ring.
Qed.

Theorem KL_nonneg : forall O pi nu, policy O pi -> full_policy O nu -> 0 <= KL O pi nu.
Proof.
  intros O pi nu P N. rewrite KL_excess by easy. apply Sum_nonneg. intros o I.
  assert (pi o - nu o <= pi o * ln (pi o / nu o)); [|lra].
  apply KL_term; [now apply P | now apply N].
Qed.

Theorem KL_zero : forall O pi nu, policy O pi -> full_policy O nu ->
  KL O pi nu = 0 -> equal_on O pi nu.
Proof.
  intros O pi nu P N. rewrite KL_excess by easy. intros E o I.
  apply KL_term_equal; [now apply P | now apply N|].
  enough (pi o * ln (pi o / nu o) - (pi o - nu o) = 0) by lra.
  apply (Sum_zero O (fun o => pi o * ln (pi o / nu o) - (pi o - nu o))); [|easy|easy].
  intros o' I'. generalize (KL_term (pi o') (nu o') (proj1 P o' I') (proj1 N o' I')). lra.
Qed.

Lemma KL_self : forall O pi, full_policy O pi -> KL O pi pi = 0.
Proof.
  intros O pi [P _]. unfold KL. rewrite (Sum_ext O _ (fun o => 0 * pi o)).
  - rewrite Sum_scal. ring.
  - intros o I. apply P in I. replace (pi o / pi o) with 1 by (field; lra). rewrite ln_1. ring.
Qed.

Lemma KL_ext : forall O pi pi' nu nu', equal_on O pi pi' -> equal_on O nu nu' ->
  KL O pi nu = KL O pi' nu'.
Proof. intros O pi pi' nu nu' E F. apply Sum_ext. intros o I. now rewrite E, F. Qed.

(** ** Updates *)

Lemma Z_pos : forall O a beta anchor, full_policy O anchor -> 0 < Z O a beta anchor.
Proof.
  intros O a beta anchor F. apply Sum_pos; [now apply full_not_nil in F|].
  intros. apply Rmult_lt_0_compat; [now apply F | apply exp_pos].
Qed.

Lemma tilted_full : forall O a beta anchor, full_policy O anchor ->
  full_policy O (tilted O a beta anchor).
Proof.
  intros O a beta anchor F. assert (P := Z_pos O a beta anchor F). split.
  - intros o I. unfold tilted. apply Rdiv_lt_0_compat; [|easy].
    apply Rmult_lt_0_compat; [now apply F | apply exp_pos].
  - unfold tilted. rewrite Sum_div. fold (Z O a beta anchor). field. lra.
Qed.

(** The objective of any policy: that of the tilted anchor less [beta] times the KL to it. *)
Lemma objective_split : forall O a beta anchor pi, 0 < beta ->
  full_policy O anchor -> policy O pi ->
  objective O a beta anchor pi = beta * ln (Z O a beta anchor)
    - beta * KL O pi (tilted O a beta anchor).
Proof.
  intros O a beta anchor pi B F P. assert (PZ := Z_pos O a beta anchor F).
  assert (E : KL O pi (tilted O a beta anchor) =
    KL O pi anchor - mean O pi a / beta + ln (Z O a beta anchor)).
  { unfold KL, mean.
    rewrite <- Sum_div, <- Sum_minus, <- (Rmult_1_r (ln _)), <- (proj2 P), <- Sum_scal, <- Sum_plus.
    apply Sum_ext. intros o I. destruct (proj1 P o I) as [Po | <-]; [|unfold Rdiv; ring].
    assert (Q := proj1 F o I). unfold tilted.
    assert (0 < pi o / anchor o) by now apply Rdiv_lt_0_compat.
    replace (pi o / _) with (pi o / anchor o * (/ exp (a o / beta) * Z O a beta anchor))
      by (field; repeat split; generalize (exp_pos (a o / beta)); lra).
    assert (0 < / exp (a o / beta)) by apply Rinv_0_lt_compat, exp_pos.
    rewrite !ln_mult, ln_Rinv, ln_exp; try easy; try apply exp_pos.
    - unfold Rdiv. ring.
    - now apply Rmult_lt_0_compat. }
  rewrite E. unfold objective. field. lra.
Qed.

Lemma objective_certificate : forall O a beta anchor pi, 0 < beta ->
  full_policy O anchor -> policy O pi ->
  objective O a beta anchor (tilted O a beta anchor) - objective O a beta anchor pi =
    beta * KL O pi (tilted O a beta anchor).
Proof.
  intros O a beta anchor pi B F P.
  rewrite !objective_split; try easy; [|now apply full_is_policy, tilted_full].
  rewrite KL_self by now apply tilted_full. ring.
Qed.

Lemma tilted_maximises : forall O a beta anchor, 0 < beta -> full_policy O anchor ->
  maximises O (objective O a beta anchor) (tilted O a beta anchor).
Proof.
  intros O a beta anchor B F. assert (Ft := tilted_full O a beta anchor F).
  split; [now apply full_is_policy|]. intros nu P.
  assert (C := objective_certificate O a beta anchor nu B F P).
  assert (K := KL_nonneg O nu _ P Ft). nra.
Qed.

Lemma maximiser_tilted : forall O a beta anchor pi, 0 < beta -> full_policy O anchor ->
  maximises O (objective O a beta anchor) pi -> equal_on O pi (tilted O a beta anchor).
Proof.
  intros O a beta anchor pi B F [P M]. assert (Ft := tilted_full O a beta anchor F).
  apply KL_zero; [easy | easy |].
  assert (C := objective_certificate O a beta anchor pi B F P).
  assert (K := KL_nonneg O pi _ P Ft).
  assert (Q := M _ (full_is_policy O _ Ft)). nra.
Qed.

(** Masses of the tilted policy on successes and failures. *)
Lemma tilted_success : forall O r wp wm beta anchor,
  PoS O r (tilted O (advantage r wp wm) beta anchor) =
  PoS O r anchor * exp (wp / beta) / Z O (advantage r wp wm) beta anchor.
Proof.
  intros O r wp wm beta anchor. unfold PoS at 1.
  rewrite (Sum_successes_ext O r _ (fun o => exp (wp / beta) / Z O (advantage r wp wm) beta anchor
    * anchor o)).
  - rewrite Sum_scal. unfold PoS, Rdiv. ring.
  - intros o _ R. unfold tilted, Rdiv. unfold advantage at 1. rewrite R. ring.
Qed.

Lemma Z_advantage : forall O r wp wm beta anchor, policy O anchor ->
  Z O (advantage r wp wm) beta anchor =
  PoS O r anchor * exp (wp / beta) + (1 - PoS O r anchor) * exp (- wm / beta).
Proof.
  intros O r wp wm beta anchor P. unfold Z. rewrite (Sum_split O r).
  rewrite <- (failure_mass O r anchor P). unfold PoS.
  rewrite (Sum_successes_ext O r _ (fun o => exp (wp / beta) * anchor o))
    by (intros o _ R; unfold advantage; rewrite R; ring).
  rewrite (Sum_failures_ext O r _ (fun o => exp (- wm / beta) * anchor o))
    by (intros o _ R; unfold advantage; rewrite R; ring).
  rewrite !Sum_scal. ring.
Qed.

(** An update takes [p] to this value, which holds for [p = 0] and [p = 1], too. *)
Lemma tilted_PoS : forall O r wp wm beta anchor, full_policy O anchor ->
  let p := PoS O r anchor in
  PoS O r (tilted O (advantage r wp wm) beta anchor) =
  p * exp ((wp + wm) / beta) / (p * exp ((wp + wm) / beta) + (1 - p)).
Proof.
  intros O r wp wm beta anchor F p. assert (P := full_is_policy O anchor F).
  assert (PZ := Z_pos O (advantage r wp wm) beta anchor F).
  rewrite tilted_success. rewrite Z_advantage in * by easy. fold p in PZ |- *.
  assert (E : exp ((wp + wm) / beta) = exp (wp / beta) / exp (- wm / beta)).
  { replace ((wp + wm) / beta) with (wp / beta - - wm / beta) by (unfold Rdiv; ring).
    unfold Rminus. rewrite exp_plus, (exp_Ropp (- wm / beta)). easy. }
  rewrite E. set (e1 := exp (wp / beta)) in *. assert (P2 := exp_pos (- wm / beta)).
  set (e2 := exp (- wm / beta)) in *. set (D := p * e1 + (1 - p) * e2) in *.
  replace (p * (e1 / e2) + (1 - p)) with (D / e2) by (unfold D; field; lra).
  field. lra.
Qed.

Lemma tilted_logit : forall O r wp wm beta anchor, full_policy O anchor ->
  0 < PoS O r anchor < 1 ->
  0 < PoS O r (tilted O (advantage r wp wm) beta anchor) < 1 /\
  logit (PoS O r (tilted O (advantage r wp wm) beta anchor)) =
  logit (PoS O r anchor) + (wp + wm) / beta.
Proof.
  intros O r wp wm beta anchor F I. rewrite tilted_PoS by easy. cbv zeta.
  set (p := PoS O r anchor) in *. set (x := (wp + wm) / beta).
  assert (E : p * exp x / (p * exp x + (1 - p)) = sigma (logit p + x)).
  { unfold sigma, logit. rewrite Ropp_plus_distr, exp_plus, !exp_Ropp, exp_ln by now apply odds_pos.
    generalize (exp_pos x). intro. replace (/ (p / (1 - p)) * / exp x) with ((1 - p) / (p * exp x))
      by (field; lra).
    assert (0 < p * exp x) by (apply Rmult_lt_0_compat; lra). field. lra. }
  rewrite E. split; [apply sigma_bounds | apply logit_sigma].
Qed.

End Sums.
