(** * The phase diagram without smoothing *)

From Coq Require Import Reals Lra.
From Coquelicot Require Import Coquelicot.
From Formal Require Import Definitions Facts.
Open Scope R_scope.

(** Fold and flip, as references in log-odds. *)
Definition fold_line (alpha beta : R) : R :=
  let b := alpha * beta in 2 * arcsinh b - 2 / b * sqrt (1 + b ^ 2).
Definition flip_line (alpha beta : R) : R :=
  let b := alpha * beta in let d := (2 - alpha) * beta in
  - 2 * arcsinh d - 2 / b * sqrt (1 + d ^ 2).

(** ** Hyperbolic functions *)

Lemma cosh_tangent : forall x y, x <> y -> cosh y + sinh y * (x - y) < cosh x.
Proof.
  intros x y N. unfold cosh, sinh.
  assert (Up := exp_ineq1 (x - y) ltac:(lra)). assert (Dn := exp_ineq1 (- (x - y)) ltac:(lra)).
  replace x with (y + (x - y)) at 2 by ring. replace (- x) with (- y + - (x - y)) at 1 by ring.
  rewrite !exp_plus. assert (P := exp_pos y). assert (Q := exp_pos (- y)). nra.
Qed.

Lemma sinh_of_arcsinh : forall b, sinh (arcsinh b) = b.
Proof. apply sinh_arcsinh. Qed.

Lemma cosh_of_arcsinh : forall b, cosh (arcsinh b) = sqrt (1 + b ^ 2).
Proof.
  intro b. set (x := arcsinh b).
  assert (P : 0 < cosh x).
  { unfold cosh. generalize (exp_pos x) (exp_pos (- x)). lra. }
  assert (E : cosh x * cosh x = 1 + b ^ 2).
  { replace b with (sinh x) by apply sinh_of_arcsinh. unfold cosh, sinh.
    assert (X : exp x * exp (- x) = 1) by (rewrite <- exp_plus, Rplus_opp_r; apply exp_0).
    nra. }
  rewrite <- E. symmetry. apply sqrt_square. lra.
Qed.

Lemma sinh_monotone : forall x y, x < y -> sinh x < sinh y.
Proof.
  intros x y H. unfold sinh. assert (A := exp_increasing x y H).
  assert (B := exp_increasing (- y) (- x) ltac:(lra)). lra.
Qed.

(** ** The reference of a fixed point *)

(** [L] is fixed for the reference [Ref L]. *)
Definition Ref (b L : R) : R := L - 2 / b * cosh (L / 2).

Lemma fixed_iff : forall alpha beta L_ref L, 0 < alpha -> 0 < beta ->
  (G 0 alpha beta L_ref L = L <-> Ref (alpha * beta) L = L_ref).
Proof.
  intros alpha beta L_ref L Ha Hb. unfold G, Ref. rewrite Omega_0.
  replace (exp (L / 2) + exp (- (L / 2))) with (2 * cosh (L / 2)) by (unfold cosh; field).
  assert (E : alpha * L_ref + (1 - alpha) * L + 2 * cosh (L / 2) / beta - L =
    alpha * (L_ref - (L - 2 / (alpha * beta) * cosh (L / 2)))) by (field; lra).
  split; intro H; nra.
Qed.

Lemma slope_0 : forall alpha beta L_ref L, 0 < beta ->
  is_derive (G 0 alpha beta L_ref) L (1 - alpha + sinh (L / 2) / beta).
Proof.
  intros alpha beta L_ref L Hb.
  apply (is_derive_ext (fun L => alpha * L_ref + (1 - alpha) * L +
    (exp (L / 2) + exp (- (L / 2))) / beta)).
  - intro x. unfold G. now rewrite Omega_0.
  - auto_derive; [easy|]. unfold sinh, Rdiv. field. lra.
Qed.

Lemma Ref_rises : forall b x y, 0 < b -> x < y -> y <= 2 * arcsinh b -> Ref b x < Ref b y.
Proof.
  intros b x y Hb H Hy. unfold Ref.
  assert (T := cosh_tangent (x / 2) (y / 2) ltac:(lra)).
  assert (S : sinh (y / 2) <= b).
  { rewrite <- (sinh_of_arcsinh b). destruct (Rle_lt_or_eq_dec (y / 2) (arcsinh b)) as [L | ->];
      [lra | left; now apply sinh_monotone | lra]. }
  assert (I : 0 < / b) by now apply Rinv_0_lt_compat.
  assert (X : 2 / b * (cosh (y / 2) - cosh (x / 2)) < y - x); [|lra].
  apply Rlt_le_trans with (2 / b * (sinh (y / 2) * ((y - x) / 2))).
  - apply Rmult_lt_compat_l; [apply Rdiv_lt_0_compat; lra | nra].
  - replace (2 / b * (sinh (y / 2) * ((y - x) / 2))) with (sinh (y / 2) * / b * (y - x))
      by (field; lra).
    assert (sinh (y / 2) * / b <= 1) by (apply (Rmult_le_reg_r b); [easy|];
      rewrite Rmult_assoc, Rinv_l; lra). nra.
Qed.

Lemma Ref_falls : forall b x y, 0 < b -> 2 * arcsinh b <= x -> x < y -> Ref b y < Ref b x.
Proof.
  intros b x y Hb Hx H. unfold Ref.
  assert (T := cosh_tangent (y / 2) (x / 2) ltac:(lra)).
  assert (S : b <= sinh (x / 2)).
  { rewrite <- (sinh_of_arcsinh b) at 1.
    destruct (Rle_lt_or_eq_dec (arcsinh b) (x / 2)) as [L | <-];
      [lra | left; now apply sinh_monotone | lra]. }
  assert (I : 0 < / b) by now apply Rinv_0_lt_compat.
  assert (X : y - x < 2 / b * (cosh (y / 2) - cosh (x / 2))); [|lra].
  apply Rle_lt_trans with (2 / b * (sinh (x / 2) * ((y - x) / 2))).
  - replace (2 / b * (sinh (x / 2) * ((y - x) / 2))) with (sinh (x / 2) * / b * (y - x))
      by (field; lra).
    assert (1 <= sinh (x / 2) * / b) by (apply (Rmult_le_reg_r b); [easy|];
      rewrite Rmult_assoc, Rinv_l; lra). nra.
  - apply Rmult_lt_compat_l; [apply Rdiv_lt_0_compat; lra | nra].
Qed.

Lemma Ref_top : forall alpha beta, Ref (alpha * beta) (2 * arcsinh (alpha * beta)) =
  fold_line alpha beta.
Proof.
  intros. unfold Ref, fold_line. cbv zeta.
  replace (2 * arcsinh (alpha * beta) / 2) with (arcsinh (alpha * beta)) by field.
  now rewrite cosh_of_arcsinh.
Qed.

Lemma Ref_below : forall b L, 0 < b -> Ref b L < L.
Proof.
  intros b L Hb. unfold Ref. assert (0 < 2 / b * cosh (L / 2)); [|lra].
  apply Rmult_lt_0_compat; [apply Rdiv_lt_0_compat; lra|]. unfold cosh.
  generalize (exp_pos (L / 2)) (exp_pos (- (L / 2))). lra.
Qed.

(** Far to the right the reference falls below any number. *)
Lemma Ref_far : forall b K, 0 < b -> 0 < K -> Ref b (16 * b + K) < - K.
Proof.
  intros b K Hb HK. set (L := 16 * b + K). unfold Ref.
  assert (C : L * L / 32 < cosh (L / 2)).
  { unfold cosh. assert (E := exp_ineq1_le (L / 4)). assert (P := exp_pos (- (L / 2))).
    replace (L / 2) with (L / 4 + L / 4) at 1 by field. rewrite exp_plus.
    assert (PL : 0 < L) by (unfold L; lra). nra. }
  assert (I : 0 < 2 / b) by (apply Rdiv_lt_0_compat; lra).
  apply (Rmult_lt_compat_l (2 / b)) in C; [|easy].
  replace (2 / b * (L * L / 32)) with (L + K * (1 + K / (16 * b))) in C
    by (unfold L; field; lra).
  assert (0 < K / (16 * b)) by (apply Rdiv_lt_0_compat; lra). nra.
Qed.

Lemma Ref_continuous : forall b L, continuous (Ref b) L.
Proof.
  intros b L. apply (ex_derive_continuous (Ref b)). unfold Ref, cosh. auto_derive. easy.
Qed.

(** beyond-2-curves *)
Theorem beyond_2_curves : forall alpha beta L_ref, 0 < beta -> 0 < alpha <= 1 ->
  let g := G 0 alpha beta L_ref in
  let top := 2 * arcsinh (alpha * beta) in
  (fold_line alpha beta < L_ref -> forall L, g L <> L) /\
  (L_ref = fold_line alpha beta -> forall L, g L = L <-> L = top) /\
  (L_ref < fold_line alpha beta ->
    exists lower upper s_lower s_upper, lower < top < upper /\
      (forall L, g L = L <-> L = lower \/ L = upper) /\
      is_derive g lower s_lower /\ is_derive g upper s_upper /\
      s_lower < 1 /\ 1 < s_upper /\
      (s_lower < -1 <-> L_ref < flip_line alpha beta) /\
      (s_lower = -1 <-> L_ref = flip_line alpha beta)).
Proof.
  intros alpha beta L_ref Hb Ha g top. set (b := alpha * beta).
  assert (Pb : 0 < b) by (apply Rmult_lt_0_compat; lra).
  assert (Fx : forall L, g L = L <-> Ref b L = L_ref) by (intro; apply fixed_iff; lra).
  assert (Top : Ref b top = fold_line alpha beta) by apply Ref_top.
  assert (Lo : forall L, L < top -> Ref b L < fold_line alpha beta).
  { intros L H. rewrite <- Top. apply Ref_rises; [easy | easy | unfold top, b; lra]. }
  assert (Hi : forall L, top < L -> Ref b L < fold_line alpha beta).
  { intros L H. rewrite <- Top. apply Ref_falls; [easy | unfold top, b; lra | easy]. }
  split; [|split].
  - intros H L E. apply Fx in E. destruct (Rtotal_order L top) as [A | [-> | A]].
    + specialize (Lo L A). lra.
    + lra.
    + specialize (Hi L A). lra.
  - intros -> L. rewrite Fx. split; [|intros ->; easy]. intro E.
    destruct (Rtotal_order L top) as [A | [-> | A]]; [|easy|].
    + specialize (Lo L A). lra.
    + specialize (Hi L A). lra.
  - intro H.
    assert (Below : L_ref < top).
    { apply Rlt_trans with (1 := H). rewrite <- Top. now apply Ref_below. }
    destruct (crossing (fun L => Ref b L - L_ref) L_ref top) as [lower [Il El]].
    { easy. }
    { intros. apply (continuous_minus (Ref b) (fun _ => L_ref));
        [apply Ref_continuous | apply continuous_const]. }
    { generalize (Ref_below b L_ref Pb). lra. }
    { rewrite Top. lra. }
    set (K := Rabs L_ref + Rabs top + 1).
    assert (PK : 0 < K) by (unfold K; generalize (Rabs_pos L_ref) (Rabs_pos top); lra).
    assert (Far := Ref_far b K Pb PK).
    assert (Kt : top < 16 * b + K) by (unfold K; generalize (Rle_abs top) (Rabs_pos L_ref); lra).
    assert (Kr : - K < L_ref).
    { unfold K. generalize (Rle_abs (- L_ref)) (Rabs_pos top). rewrite Rabs_Ropp. lra. }
    destruct (crossing (fun L => L_ref - Ref b L) top (16 * b + K)) as [upper [Iu Eu]].
    { easy. }
    { intros. apply (continuous_minus (fun _ => L_ref) (Ref b));
        [apply continuous_const | apply Ref_continuous]. }
    { rewrite Top. lra. }
    { lra. }
    exists lower, upper, (1 - alpha + sinh (lower / 2) / beta), (1 - alpha + sinh (upper / 2) / beta).
    assert (Ib : 0 < / beta) by now apply Rinv_0_lt_compat.
    assert (Sb : forall x y, x < y -> x / beta < y / beta)
      by (intros; now apply Rmult_lt_compat_r).
    assert (Eb : b / beta = alpha) by (unfold b; field; lra).
    set (d := (2 - alpha) * beta). assert (Ed : - d / beta = alpha - 2) by (unfold d; field; lra).
    assert (Flip : Ref b (2 * arcsinh (- d)) = flip_line alpha beta).
    { unfold Ref, flip_line. cbv zeta. fold b. fold d.
      replace (2 * arcsinh (- d) / 2) with (arcsinh (- d)) by field. rewrite cosh_of_arcsinh.
      replace ((- d) ^ 2) with (d ^ 2) by ring.
      assert (O : arcsinh (- d) = - arcsinh d).
      { rewrite <- (arcsinh_sinh (- arcsinh d)). f_equal.
        transitivity (- sinh (arcsinh d)); [now rewrite sinh_of_arcsinh|].
        unfold sinh. rewrite Ropp_involutive. field. }
      rewrite O. ring. }
    assert (Pd : - d < b).
    { unfold d, b. assert (0 < (2 - alpha) * beta) by (apply Rmult_lt_0_compat; lra). nra. }
    assert (Ld : 2 * arcsinh (- d) <= top) by (unfold top; fold b; generalize (arcsinh_lt _ _ Pd); lra).
    assert (Cmp : forall x y, sinh x < sinh y -> x < y).
    { intros x y C. destruct (Rtotal_order x y) as [|[-> |A]]; [easy | lra |].
      apply sinh_monotone in A. lra. }
    assert (Half : lower / 2 < arcsinh b < upper / 2) by (unfold top in *; fold b in Il, Iu; lra).
    split; [lra|]. split.
    { intro L. rewrite Fx. split; [|intros [-> | ->]; lra]. intro E.
      destruct (Rtotal_order L top) as [A | [-> | A]]; [left | lra | right].
      - destruct (Rtotal_order L lower) as [C | [-> | C]]; [exfalso | easy | exfalso].
        + assert (X := Ref_rises b L lower Pb C ltac:(unfold top, b in *; lra)). lra.
        + assert (X := Ref_rises b lower L Pb C ltac:(unfold top, b in *; lra)). lra.
      - destruct (Rtotal_order L upper) as [C | [-> | C]]; [exfalso | easy | exfalso].
        + assert (X := Ref_falls b L upper Pb ltac:(unfold top, b in *; lra) C). lra.
        + assert (X := Ref_falls b upper L Pb ltac:(unfold top, b in *; lra) C). lra. }
    split; [now apply slope_0|]. split; [now apply slope_0|].
    assert (S1 : sinh (lower / 2) < b) by (rewrite <- (sinh_of_arcsinh b); now apply sinh_monotone).
    assert (S2 : b < sinh (upper / 2))
      by (rewrite <- (sinh_of_arcsinh b) at 1; now apply sinh_monotone).
    apply Sb in S1. apply Sb in S2.
    split; [lra|]. split; [lra|].
    assert (Rl : Ref b lower = L_ref) by lra.
    assert (Eq : sinh (lower / 2) = - d <-> lower = 2 * arcsinh (- d)).
    { split; intro E.
      - rewrite <- (sinh_of_arcsinh (- d)) in E.
        destruct (Rtotal_order (lower / 2) (arcsinh (- d))) as [C | [C | C]]; [|lra|];
          apply sinh_monotone in C; lra.
      - rewrite E. replace (2 * arcsinh (- d) / 2) with (arcsinh (- d)) by field.
        apply sinh_of_arcsinh. }
    assert (Lt : sinh (lower / 2) < - d <-> lower < 2 * arcsinh (- d)).
    { split; intro E.
      - rewrite <- (sinh_of_arcsinh (- d)) in E. apply Cmp in E. lra.
      - rewrite <- (sinh_of_arcsinh (- d)). apply sinh_monotone. lra. }
    assert (Scale : forall x, x / beta < - d / beta <-> x < - d).
    { intro x. split; intro C; [|now apply Sb]. apply (Rmult_lt_reg_r (/ beta)); easy. }
    split.
    + assert (One : 1 - alpha + sinh (lower / 2) / beta < -1 <-> sinh (lower / 2) / beta < - d / beta)
        by (rewrite Ed; split; lra).
      rewrite One, Scale, Lt, <- Rl, <- Flip. split; intro C.
      * apply Ref_rises; [easy | easy | unfold top, b in *; lra].
      * destruct (Rtotal_order lower (2 * arcsinh (- d))) as [|[E|E]]; [easy | rewrite E in C; lra |].
        assert (X := Ref_rises b _ lower Pb E ltac:(unfold top, b in *; lra)). lra.
    + assert (One : 1 - alpha + sinh (lower / 2) / beta = -1 <-> sinh (lower / 2) = - d).
      { split; intro C; [|rewrite C, Ed; lra]. apply (Rmult_eq_reg_r (/ beta)); [|lra].
        change (sinh (lower / 2) / beta = - d / beta). lra. }
      rewrite One, Eq, <- Rl, <- Flip. split; intro C; [now rewrite C|].
      destruct (Rtotal_order lower (2 * arcsinh (- d))) as [E|[E|E]]; [|easy|].
      * assert (X := Ref_rises b lower _ Pb E ltac:(unfold top, b in *; lra)). lra.
      * assert (X := Ref_rises b _ lower Pb E ltac:(unfold top, b in *; lra)). lra.
Qed.

(** All three cases occur. *)
Theorem beyond_2_curves_instance : forall alpha beta, exists L_ref L_ref',
  L_ref < fold_line alpha beta /\ fold_line alpha beta < L_ref'.
Proof. intros alpha beta. exists (fold_line alpha beta - 1), (fold_line alpha beta + 1). lra. Qed.

(** The fold without its second term: this reference has no fixed point, though it lies below. *)
Theorem beyond_2_curves_control : exists L_ref, L_ref < 2 * arcsinh (1 * 1) /\
  forall L, G 0 1 1 L_ref L <> L.
Proof.
  assert (T : 0 < sqrt (1 + (1 * 1) ^ 2)) by (apply sqrt_lt_R0; lra).
  exists (2 * arcsinh (1 * 1) - sqrt (1 + (1 * 1) ^ 2)). split; [lra|].
  apply (beyond_2_curves 1 1); [lra | lra |]. unfold fold_line. cbv zeta. lra.
Qed.
