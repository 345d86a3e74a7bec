(** * A penalty large enough for every prompt *)

From Coq Require Import Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
From Formal Require Import Definitions Facts.
Open Scope R_scope.

(** The largest slope of the scale in log-odds. *)
Definition B_max (eps : R) : R := / (3 * sqrt (3 * eps) * (1 + 4 * eps)).

(** Where it is taken: [p (1 - p) = 2 eps / (1 + 12 eps)] and [p > 1/2]. *)
Definition p_peak (eps : R) : R := (1 + sqrt ((1 + 4 * eps) / (1 + 12 * eps))) / 2.

Lemma B_max_pos : forall eps, 0 < eps -> 0 < B_max eps.
Proof.
  intros eps He. apply Rinv_0_lt_compat.
  assert (S := sqrt_lt_R0 (3 * eps) ltac:(lra)). apply Rmult_lt_0_compat; lra.
Qed.

Lemma slope_squared : forall eps p, 0 < eps -> 0 <= p <= 1 ->
  let v := p * (1 - p) in
  Rsqr (Omega_slope eps p) = v ^ 2 * (1 - 4 * v) / (4 * (v + eps) ^ 3).
Proof.
  intros eps p He Hp v. unfold Omega_slope. fold v.
  assert (V : 0 < v + eps) by (unfold v; generalize (variance_nonneg p Hp); lra).
  assert (S := sqrt_lt_R0 _ V). assert (E := sqrt_sqrt (v + eps) ltac:(lra)).
  replace ((v + eps) ^ 3) with ((sqrt (v + eps) * sqrt (v + eps)) ^ 3) by now rewrite E.
  replace (1 - 4 * v) with ((2 * p - 1) ^ 2) by (unfold v; ring).
  unfold Rsqr. field. lra.
Qed.

Lemma B_max_squared : forall eps, 0 < eps ->
  Rsqr (B_max eps) = / (27 * eps * (1 + 4 * eps) ^ 2).
Proof.
  intros eps He. unfold B_max, Rsqr. assert (S := sqrt_lt_R0 (3 * eps) ltac:(lra)).
  assert (E := sqrt_sqrt (3 * eps) ltac:(lra)). rewrite <- Rinv_mult. f_equal.
  transitivity (9 * (sqrt (3 * eps) * sqrt (3 * eps)) * (1 + 4 * eps) ^ 2); [ring|].
  rewrite E. ring.
Qed.

Lemma slope_bound : forall eps p, 0 < eps -> 0 <= p <= 1 ->
  Rabs (Omega_slope eps p) <= B_max eps.
Proof.
  intros eps p He Hp. assert (Bp := B_max_pos eps He).
  apply Rsqr_incr_0_var; [|lra]. rewrite <- Rsqr_abs, slope_squared, B_max_squared by easy.
  cbv zeta. set (v := p * (1 - p)). assert (V : 0 <= v) by now apply variance_nonneg.
  assert (V3 : 0 < (v + eps) ^ 3) by (apply pow_lt; lra).
  assert (Q : 0 < 27 * eps * (1 + 4 * eps) ^ 2).
  { apply Rmult_lt_0_compat; [lra | apply pow_lt; lra]. }
  apply (Rmult_le_reg_r (4 * (v + eps) ^ 3 * (27 * eps * (1 + 4 * eps) ^ 2))).
  { apply Rmult_lt_0_compat; lra. }
  replace (_ / _ * _) with (v ^ 2 * (1 - 4 * v) * (27 * eps * (1 + 4 * eps) ^ 2)) by (field; lra).
  replace (/ _ * _) with (4 * (v + eps) ^ 3) by (field; lra).
  (* The difference is a square times a factor that is not negative. *)
  assert (D : 0 <= ((1 + 12 * eps) * v - 2 * eps) ^ 2 * ((4 + 12 * eps) * v + eps)).
  { apply Rmult_le_pos; [apply pow2_ge_0 | nra]. }
  replace (_ ^ 2 * _) with (4 * (v + eps) ^ 3 -
    v ^ 2 * (1 - 4 * v) * (27 * eps * (1 + 4 * eps) ^ 2)) in D by ring. lra.
Qed.

Lemma peak : forall eps, 0 < eps -> / 2 < p_peak eps < 1 /\ Omega_slope eps (p_peak eps) = B_max eps.
Proof.
  intros eps He. set (w := (1 + 4 * eps) / (1 + 12 * eps)).
  assert (W : 0 < w < 1).
  { unfold w. split; [apply Rdiv_lt_0_compat; lra|].
    apply (Rmult_lt_reg_r (1 + 12 * eps)); [lra|]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l; lra. }
  assert (Sw := sqrt_lt_R0 w ltac:(lra)). assert (Ew := sqrt_sqrt w ltac:(lra)).
  assert (S1 : sqrt w < 1) by (rewrite <- sqrt_1; apply sqrt_lt_1_alt; lra).
  assert (P : / 2 < p_peak eps < 1) by (unfold p_peak; fold w; lra). split; [easy|].
  assert (Vp : p_peak eps * (1 - p_peak eps) = 2 * eps / (1 + 12 * eps)).
  { unfold p_peak. fold w. replace (_ * _) with ((1 - sqrt w * sqrt w) / 4) by field.
    rewrite Ew. unfold w. field. lra. }
  assert (Pos : 0 <= Omega_slope eps (p_peak eps)).
  { unfold Omega_slope. apply Rmult_le_pos; [apply Rmult_le_pos; nra|].
    left. apply Rinv_0_lt_compat. assert (R := root_pos eps (p_peak eps) He ltac:(lra)).
    assert (0 < sqrt (p_peak eps * (1 - p_peak eps) + eps) ^ 3) by now apply pow_lt. lra. }
  apply Rsqr_inj; [easy | left; now apply B_max_pos |].
  rewrite slope_squared, B_max_squared by lra. cbv zeta. rewrite Vp. field.
  repeat split; try lra. intro N.
  assert (X : 0 < 2 * eps + eps * (1 + 12 * eps)) by nra. lra.
Qed.

(** A Lipschitz constant bounds the slope. *)
Lemma slope_below_constant : forall (g : R -> R) x l k, is_derive g x l ->
  (forall y, Rabs (g y - g x) <= k * Rabs (y - x)) -> Rabs l <= k.
Proof.
  intros g x l k D H. apply le_epsilon. intros e He. apply is_derive_Reals in D.
  destruct (D e He) as [d Hd]. set (t := d / 2).
  assert (T : 0 < t < d) by (unfold t; generalize (cond_pos d); lra).
  specialize (Hd t ltac:(lra) ltac:(rewrite Rabs_pos_eq; lra)). specialize (H (x + t)).
  replace (x + t - x) with t in H by ring. rewrite (Rabs_pos_eq t) in H by lra.
  assert (Q : Rabs ((g (x + t) - g x) / t) <= k).
  { unfold Rdiv. rewrite Rabs_mult, (Rabs_pos_eq (/ t)) by (left; apply Rinv_0_lt_compat; lra).
    apply (Rmult_le_reg_r t); [lra|]. rewrite Rmult_assoc, Rinv_l; lra. }
  replace l with ((g (x + t) - g x) / t - ((g (x + t) - g x) / t - l)) by ring.
  apply Rle_trans with (1 := Rabs_triang _ _). rewrite Rabs_Ropp. lra.
Qed.

(** beyond-3-threshold: [kappa] is the smallest Lipschitz constant of the update, so the update is a
    contraction if and only if [alpha beta > B_max]. *)
Theorem beyond_3_threshold : forall eps alpha beta L_ref,
  0 < eps -> 0 < beta -> 0 < alpha <= 1 ->
  let g := G eps alpha beta L_ref in
  let kappa := 1 - alpha + B_max eps / beta in
  (forall L, Rabs (Omega_slope eps (sigma L)) <= B_max eps) /\
  Omega_slope eps (p_peak eps) = B_max eps /\
  (forall x y, Rabs (g x - g y) <= kappa * Rabs (x - y)) /\
  (forall k, (forall x y, Rabs (g x - g y) <= k * Rabs (x - y)) -> kappa <= k) /\
  (kappa < 1 <-> B_max eps < alpha * beta).
Proof.
  intros eps alpha beta L_ref He Hb Ha g kappa.
  assert (D : forall L, is_derive g L (1 - alpha + Omega_slope eps (sigma L) / beta))
    by (intro; now apply G_derive).
  assert (Bo : forall L, Rabs (Omega_slope eps (sigma L)) <= B_max eps)
    by (intro; apply slope_bound; [easy | generalize (sigma_bounds L); lra]).
  assert (Ib : 0 < / beta) by now apply Rinv_0_lt_compat.
  destruct (peak eps He) as [P E].
  split; [easy|]. split; [easy|]. split; [|split].
  - intros x y. destruct (MVT_gen g y x (fun L => 1 - alpha + Omega_slope eps (sigma L) / beta))
      as [c [_ M]].
    + intros; apply D.
    + intros z _. apply continuity_pt_filterlim, (G_continuous eps alpha beta L_ref z He Hb).
    + rewrite M, Rabs_mult. apply Rmult_le_compat_r; [apply Rabs_pos|].
      apply Rle_trans with (1 := Rabs_triang _ _). rewrite (Rabs_pos_eq (1 - alpha)) by lra.
      apply Rplus_le_compat_l. unfold Rdiv. rewrite Rabs_mult, (Rabs_pos_eq (/ beta)) by lra.
      apply Rmult_le_compat_r; [lra | apply Bo].
  - intros k H. assert (X := D (logit (p_peak eps))). rewrite sigma_logit in X by lra. rewrite E in X.
    apply Rle_trans with (Rabs kappa); [apply Rle_abs|].
    now apply (slope_below_constant g (logit (p_peak eps))).
  - unfold kappa. split; intro H.
    + apply (Rmult_lt_reg_r (/ beta)); [easy|]. rewrite Rmult_assoc, Rinv_r; unfold Rdiv in H; lra.
    + apply (Rmult_lt_compat_r (/ beta)) in H; [|easy]. rewrite Rmult_assoc, Rinv_r in H by lra.
      unfold Rdiv. lra.
Qed.

Lemma sigma_lipschitz : forall x y, Rabs (sigma x - sigma y) <= / 4 * Rabs (x - y).
Proof.
  intros x y. destruct (MVT_gen sigma y x (fun L => sigma L * (1 - sigma L))) as [c [_ M]].
  - intros; apply sigma_derive.
  - intros z _. apply continuity_pt_filterlim, sigma_continuous.
  - rewrite M, Rabs_mult. apply Rmult_le_compat_r; [apply Rabs_pos|].
    assert (B := sigma_bounds c).
    rewrite Rabs_pos_eq by (apply variance_nonneg; lra). apply variance_le.
Qed.

(** beyond-3-uniform: one fixed point, and one rate for every prompt and every start. *)
Theorem beyond_3_uniform : forall eps alpha beta L_ref,
  0 < eps -> 0 < beta -> 0 < alpha <= 1 -> B_max eps < alpha * beta ->
  let g := G eps alpha beta L_ref in
  let kappa := 1 - alpha + B_max eps / beta in
  exists L, g L = L /\ (forall x, g x = x -> x = L) /\ 0 < kappa < 1 /\
    L_ref <= L <= L_ref + 1 / (alpha * beta * sqrt eps) /\
    forall n L_0,
      Rabs (iterate g n L_0 - L) <= kappa ^ n * Rabs (L_0 - L) /\
      Rabs (sigma (iterate g n L_0) - sigma L) <= / 4 * Rabs (iterate g n L_0 - L).
Proof.
  intros eps alpha beta L_ref He Hb Ha H g kappa.
  destruct (beyond_3_threshold eps alpha beta L_ref He Hb Ha) as [_ [_ [Lip [_ Iff]]]].
  fold g in Lip. fold kappa in Lip, Iff. apply Iff in H.
  assert (Bp := B_max_pos eps He). assert (Ib : 0 < / beta) by now apply Rinv_0_lt_compat.
  assert (K : 0 < kappa < 1).
  { split; [|easy]. unfold kappa. assert (0 < B_max eps / beta) by now apply Rmult_lt_0_compat. lra. }
  assert (Se := sqrt_lt_R0 eps He). assert (Ab : 0 < alpha * beta) by (apply Rmult_lt_0_compat; lra).
  set (c := 1 / (alpha * beta * sqrt eps)).
  assert (Pc : 0 < c) by (apply Rdiv_lt_0_compat; [lra | now apply Rmult_lt_0_compat]).
  assert (Gap : forall x, x - g x = alpha * (x - L_ref - Omega eps (sigma x) / (alpha * beta)))
    by (intro x; unfold g, G; field; lra).
  assert (Up : forall x, 0 < Omega eps (sigma x) / (alpha * beta) <= c).
  { intro x. assert (Bx := sigma_bounds x). split.
    - apply Rdiv_lt_0_compat; [apply Omega_pos; lra | easy].
    - unfold c. replace (1 / (alpha * beta * sqrt eps)) with (/ sqrt eps / (alpha * beta))
        by (field; lra).
      apply Rmult_le_compat_r; [left; now apply Rinv_0_lt_compat | apply Omega_largest; lra]. }
  destruct (crossing (fun x => x - g x) L_ref (L_ref + c + 1)) as [L [_ E]]; [lra| | | |].
  - intros x _. apply (continuous_minus (fun x => x) g); [apply continuous_id|].
    now apply G_continuous.
  - rewrite Gap. specialize (Up L_ref). nra.
  - rewrite Gap. specialize (Up (L_ref + c + 1)). nra.
  - assert (Fix : g L = L) by lra. exists L. split; [easy|]. split; [|split; [easy|split]].
    + intros x Fx. assert (X := Lip x L). rewrite Fx, Fix in X.
      destruct (Req_dec x L) as [|N]; [easy|].
      assert (0 < Rabs (x - L)) by (apply Rabs_pos_lt; lra). nra.
    + rewrite Gap in E. specialize (Up L).
      assert (L - L_ref - Omega eps (sigma L) / (alpha * beta) = 0) by nra. lra.
    + intros n L_0. split; [|apply sigma_lipschitz]. induction n as [|n IH]; [cbn; lra|].
      cbn [iterate pow]. rewrite <- Fix at 1. apply Rle_trans with (1 := Lip _ _).
      rewrite Rmult_assoc. apply Rmult_le_compat_l; lra.
Qed.

Theorem contraction_instance : exists eps alpha beta, 0 < eps /\ 0 < beta /\ 0 < alpha <= 1 /\
  B_max eps < alpha * beta.
Proof.
  exists 3, 1, 1. repeat split; try lra. unfold B_max. replace (3 * 3) with (3 ^ 2) by ring.
  rewrite sqrt_pow2 by lra. lra.
Qed.

(** The threshold is sharp: below it some prompt has a fixed point that repels, with a slope
    above 1. *)
Theorem beyond_3_threshold_control : forall eps alpha beta,
  0 < eps -> 0 < beta -> 0 < alpha <= 1 -> alpha * beta < B_max eps ->
  exists L_ref L slope, G eps alpha beta L_ref L = L /\
    is_derive (G eps alpha beta L_ref) L slope /\ 1 < slope.
Proof.
  intros eps alpha beta He Hb Ha H. destruct (peak eps He) as [P E].
  set (L := logit (p_peak eps)).
  exists (L - Omega eps (sigma L) / (alpha * beta)), L, (1 - alpha + B_max eps / beta).
  split; [unfold G; field; lra|]. split.
  - rewrite <- E, <- (sigma_logit (p_peak eps)) by lra. now apply G_derive.
  - apply (Rmult_lt_compat_r (/ beta)) in H; [|now apply Rinv_0_lt_compat].
    rewrite Rmult_assoc, Rinv_r in H by lra. unfold Rdiv. lra.
Qed.
