(** * Proposition 1: the shape of the map, and what Remark 1 and the text on Figure 2 say of it *)

From Coq Require Import Reals List Bool Lra.
From Coquelicot Require Import Coquelicot.
From Formal Require Import Definitions Facts.
Open Scope R_scope.

(** proposition-1 *)
Theorem proposition_1 : forall eps beta p_ref, 0 < eps -> 0 < beta -> 0 < p_ref < 1 ->
  let f := h eps beta p_ref in
  (forall p, f p = sigma (logit p_ref + Omega eps p / beta)) /\
  (forall p, 0 <= p <= 1 -> continuous f p) /\
  (exists p, 0 <= p <= 1 /\ f p = p) /\
  (forall p, 0 <= p <= 1 -> is_derive f p
    (- (f p * (1 - f p) * (1 - 2 * p) / (2 * beta * sqrt (p * (1 - p) + eps) ^ 3)))) /\
  (forall p q, 0 <= p -> p < q -> q <= / 2 -> f q < f p) /\
  (forall p q, / 2 <= p -> p < q -> q <= 1 -> f p < f q) /\
  (forall p, 0 <= p <= 1 -> f (/ 2) <= f p).
Proof.
  intros eps beta p_ref He Hb Hr f.
  assert (S : forall p, f p = sigma (logit p_ref + Omega eps p / beta))
    by (intro; now apply h_sigma).
  assert (D : forall p, 0 <= p <= 1 -> is_derive f p
    (- (f p * (1 - f p) * (1 - 2 * p) / (2 * beta * sqrt (p * (1 - p) + eps) ^ 3)))).
  { intros p Hp. assert (Q := root_pos eps p He Hp).
    apply (is_derive_ext (fun p => sigma (logit p_ref + Omega eps p / beta)));
      [intro; now rewrite S|].
    evar_last.
    { apply (is_derive_comp sigma); [apply sigma_derive|].
      apply (is_derive_plus (fun _ => logit p_ref)); [apply is_derive_const|].
      apply (is_derive_ext (fun p => / beta * Omega eps p)); [intro; apply Rmult_comm|].
      apply is_derive_scal. now apply Omega_derive. }
    rewrite S. unfold scal, plus, zero. cbn. unfold mult. cbn. field. split; lra. }
  assert (C : forall p, 0 <= p <= 1 -> continuous f p).
  { intros p Hp. apply (ex_derive_continuous f). eexists. now apply D. }
  assert (Fall : forall p q, 0 <= p -> p < q -> q <= / 2 -> f q < f p).
  { intros p q Hp H Hq. rewrite !S. apply sigma_increasing, Rplus_lt_compat_l.
    apply Rmult_lt_compat_r; [now apply Rinv_0_lt_compat | now apply Omega_falls]. }
  assert (Mirror : forall p, f (1 - p) = f p) by (intro; now rewrite !S, Omega_symmetric).
  refine (conj S (conj C (conj _ (conj D (conj Fall (conj _ _)))))).
  - destruct (crossing (fun p => p - f p) 0 1) as [p [B E]]; try lra.
    + intros x Hx. apply (continuous_minus (fun p => p) f); [apply continuous_id | now apply C].
    + rewrite S. generalize (sigma_pos (logit p_ref + Omega eps 0 / beta)). lra.
    + rewrite S. generalize (sigma_lt_1 (logit p_ref + Omega eps 1 / beta)). lra.
    + exists p. lra.
  - intros p q Hp H Hq. rewrite <- (Mirror p), <- (Mirror q). apply Fall; lra.
  - intros p Hp. destruct (Rtotal_order p (/ 2)) as [L | [-> | L]]; [|lra|].
    + left. apply Fall; lra.
    + left. rewrite <- (Mirror p). apply Fall; lra.
Qed.

Theorem proposition_1_instance : 0 < / 100000 /\ 0 < 5 /\ 0 < / 1000 < 1.
Proof. lra. Qed.

(** The sign of the scale turned, [beta < 0]: the map rises where it should fall. *)
Theorem proposition_1_control : h 1 (-1) (/ 2) 0 < h 1 (-1) (/ 2) (/ 2).
Proof.
  rewrite !h_sigma by lra. apply sigma_increasing, Rplus_lt_compat_l.
  generalize (Omega_falls 1 0 (/ 2) ltac:(lra) ltac:(lra) ltac:(lra) ltac:(lra)). lra.
Qed.

(** erratum-4: with smoothing, 1 is no fixed point, never. *)
Theorem erratum_4 : forall eps beta p_ref, 0 < eps -> 0 < beta -> 0 < p_ref < 1 ->
  h eps beta p_ref 1 = sigma (logit p_ref + 1 / (beta * sqrt eps)) /\ h eps beta p_ref 1 < 1.
Proof.
  intros eps beta p_ref He Hb Hr. split; [|now apply h_bounds].
  rewrite h_sigma by easy. unfold Omega. do 2 f_equal.
  replace (1 * (1 - 1) + eps) with eps by ring. assert (S := sqrt_lt_R0 eps He). field. lra.
Qed.

(** Without [p_ref < 1] it is one. *)
Theorem erratum_4_control : forall eps beta, h eps beta 1 1 = 1.
Proof. intros. unfold h, Rdiv. rewrite Rminus_eq_0, !Rmult_0_l, Rplus_0_r. apply Rinv_1. Qed.

(** ** Without smoothing *)

(** The map at [eps = 0], with a value [v] where its formula divides by 0. *)
Definition h_0 (v beta p_ref p : R) : R :=
  if Req_EM_T (p * (1 - p)) 0 then v else h 0 beta p_ref p.

(** erratum-3: by continuity 1 is a fixed point, always. With the advantage 0 for a group of equals
    some problem has none at all. *)
Theorem erratum_3 :
  (forall beta p_ref, 0 < beta -> 0 < p_ref < 1 ->
    h_0 1 beta p_ref 1 = 1 /\
    forall e, 0 < e -> exists d, 0 < d /\
      forall p, 0 < p < 1 -> p * (1 - p) < d -> 1 - e < h_0 1 beta p_ref p < 1) /\
  (exists beta p_ref, 0 < beta /\ 0 < p_ref < 1 /\
    forall p, 0 <= p <= 1 -> h_0 p_ref beta p_ref p <> p).
Proof.
  split.
  - intros beta p_ref Hb Hr. split.
    + unfold h_0. destruct (Req_EM_T (1 * (1 - 1)) 0) as [|N]; [easy | now elim N; ring].
    + intros e He.
      assert (exists K, 0 < K /\ forall L, K < L -> 1 - e < sigma L) as [K [PK HK]].
      { exists (Rmax 1 (- ln e)). split; [generalize (Rmax_l 1 (- ln e)); lra|]. intros L HL.
        assert (- ln e < L) by (generalize (Rmax_r 1 (- ln e)); lra).
        assert (E : exp (- L) < e).
        { rewrite <- (exp_ln e He). apply exp_increasing. lra. }
        generalize (sigma_complement L). intro C.
        assert (sigma (- L) < e); [|lra]. unfold sigma. rewrite Ropp_involutive.
        apply Rle_lt_trans with (exp (- L)); [|easy]. rewrite exp_Ropp.
        apply Rinv_le_contravar; [apply exp_pos | lra]. }
      set (M := beta * (K + Rabs (logit p_ref))).
      assert (PM : 0 < M).
      { apply Rmult_lt_0_compat; [easy|]. generalize (Rabs_pos (logit p_ref)). lra. }
      exists (/ (M * M)). split; [apply Rinv_0_lt_compat; nra|]. intros p Hp Hv.
      assert (V := variance_pos p Hp). unfold h_0.
      destruct (Req_EM_T (p * (1 - p)) 0) as [N|_]; [lra|]. split; [|now apply h_bounds].
      rewrite h_sigma by easy. apply HK.
      assert (O : M < Omega 0 p).
      { unfold Omega. rewrite Rplus_0_r. rewrite <- (Rinv_inv M). apply Rinv_lt_contravar.
        - apply Rmult_lt_0_compat; [now apply sqrt_lt_R0 | now apply Rinv_0_lt_compat].
        - rewrite <- (sqrt_square (/ M)) by (left; now apply Rinv_0_lt_compat).
          apply sqrt_lt_1_alt. split; [lra|]. now rewrite <- Rinv_mult. }
      apply (Rmult_lt_compat_r (/ beta)) in O; [|now apply Rinv_0_lt_compat].
      replace (M * / beta) with (K + Rabs (logit p_ref)) in O by (unfold M; field; lra).
      fold (Omega 0 p / beta) in O. generalize (Rle_abs (- logit p_ref)).
      rewrite Rabs_Ropp. lra.
  - exists 1, (/ 2). split; [lra|]. split; [lra|]. intros p Hp. unfold h_0.
    destruct (Req_EM_T (p * (1 - p)) 0) as [N|N].
    + intros <-. lra.
    + assert (Hi : 0 < p < 1) by nra. rewrite h_sigma by lra. intro C.
      apply (f_equal logit) in C. rewrite logit_sigma in C.
      rewrite <- (sigma_logit p Hi) in C at 1. rewrite Omega_0 in C.
      assert (E0 : logit (/ 2) = 0).
      { unfold logit. replace (/ 2 / (1 - / 2)) with 1 by field. apply ln_1. }
      rewrite E0 in C. set (x := logit p / 2) in *. replace (logit p) with (2 * x) in C
        by (unfold x; field).
      assert (Y := exp_pos (- x)). assert (X := exp_ineq1_le (x / 2)).
      assert (S : exp x = exp (x / 2) * exp (x / 2))
        by (rewrite <- exp_plus; f_equal; field).
      assert (P := exp_pos x).
      destruct (Rle_or_lt 0 x); [|lra].
      assert (0 <= (1 - x / 2) ^ 2) by apply pow2_ge_0. nra.
Qed.

(** With smoothing both readings meet what Remark 1 misses: a fixed point, also for the problem
    that has none without. *)
Theorem erratum_3_control : exists p, 0 <= p <= 1 /\ h (/ 100000) 1 (/ 2) p = p.
Proof. apply (proposition_1 (/ 100000) 1 (/ 2)); lra. Qed.
