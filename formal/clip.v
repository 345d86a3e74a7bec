(** * GRPO with a clip: a speed limit *)

From Coq Require Import Reals List Bool Lra.
From Formal Require Import Definitions Facts Enclosure theorem_1.
Open Scope R_scope.

(** The clipped surrogate of two outcomes: [p] is the success of the old policy, [s] that of the
    new one. *)
Definition clipped_surrogate (lo hi wp wm p s : R) : R :=
  wp * p * Rmin (s / p) (1 + hi) - wm * (1 - p) * Rmax ((1 - s) / (1 - p)) (1 - lo).

Definition clipped_objective (lo hi wp wm beta p p_anchor s : R) : R :=
  clipped_surrogate lo hi wp wm p s - beta * KL sides (coin s) (coin p_anchor).

(** The KL grows as a coin moves away upwards. *)
Lemma coin_KL_rises : forall q t s, 0 < q -> q <= t -> t < s -> s <= 1 ->
  KL sides (coin t) (coin q) < KL sides (coin s) (coin q).
Proof.
  intros q t s Hq Ht Hs H1.
  assert (Three : KL sides (coin s) (coin q) =
    KL sides (coin s) (coin t) + KL sides (coin t) (coin q) + (s - t) * (logit t - logit q)).
  { unfold KL, coin, logit. cbn. rewrite !Rplus_0_r.
    rewrite (Rcomplements.ln_div t (1 - t)), (Rcomplements.ln_div q (1 - q)) by lra.
    rewrite (Rcomplements.ln_div s q), (Rcomplements.ln_div s t), (Rcomplements.ln_div t q),
      (Rcomplements.ln_div (1 - t) (1 - q)) by lra.
    destruct (Req_dec s 1) as [-> | N].
    - rewrite Rminus_eq_0, !Rmult_0_l, !Rplus_0_r. ring.
    - rewrite (Rcomplements.ln_div (1 - s) (1 - q)), (Rcomplements.ln_div (1 - s) (1 - t)) by lra.
      ring. }
  rewrite Three.
  assert (Ft := coin_full t ltac:(lra)). assert (Ps := coin_policy s ltac:(lra)).
  assert (K0 := KL_nonneg sides (coin s) (coin t) Ps Ft).
  assert (K1 : KL sides (coin s) (coin t) <> 0).
  { intro Z. apply KL_zero in Z; try easy. specialize (Z true (or_introl eq_refl)). cbn in Z. lra. }
  assert (0 <= (s - t) * (logit t - logit q)); [|lra]. apply Rmult_le_pos; [lra|].
  destruct Ht as [Ht | ->]; [|lra]. generalize (logit_increasing q t Hq Ht ltac:(lra)). lra.
Qed.

(** beyond-8-speed, the limit: an update with a clip goes no further than the anchor, or the larger
    of [p + lo (1 - p)] and [(1 + hi) p], whatever the weights and however small [beta]. *)
Theorem beyond_8_speed : forall lo hi wp wm beta p p_anchor s,
  0 < lo <= 1 -> 0 < hi -> 0 <= wp -> 0 <= wm -> 0 < beta -> 0 < p < 1 -> 0 < p_anchor < 1 ->
  0 <= s <= 1 ->
  (forall s', 0 <= s' <= 1 ->
    clipped_objective lo hi wp wm beta p p_anchor s' <=
    clipped_objective lo hi wp wm beta p p_anchor s) ->
  s <= Rmax p_anchor (Rmax (p + lo * (1 - p)) ((1 + hi) * p)).
Proof.
  intros lo hi wp wm beta p q s Hl Hh Hp Hm Hb Ip Iq Is M.
  set (t := Rmax q (Rmax (p + lo * (1 - p)) ((1 + hi) * p))).
  destruct (Rle_or_lt s t) as [|C]; [easy|]. exfalso.
  assert (T1 : q <= t) by apply Rmax_l.
  assert (T2 : p + lo * (1 - p) <= t) by (eapply Rle_trans; [apply Rmax_l | apply Rmax_r]).
  assert (T3 : (1 + hi) * p <= t) by (eapply Rle_trans; [apply Rmax_r | apply Rmax_r]).
  assert (Flat : forall x, t <= x <= 1 ->
    clipped_surrogate lo hi wp wm p x = wp * p * (1 + hi) - wm * (1 - p) * (1 - lo)).
  { intros x Hx. unfold clipped_surrogate. rewrite Rmin_right, Rmax_right; [easy| |].
    - apply (Rmult_le_reg_r (1 - p)); [lra|]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l; lra.
    - apply (Rmult_le_reg_r p); [lra|]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l; lra. }
  specialize (M t ltac:(lra)). unfold clipped_objective in M. rewrite !Flat in M by lra.
  assert (K := coin_KL_rises q t s ltac:(lra) T1 C ltac:(lra)). nra.
Qed.

(** Not vacuous: a maximiser with weights that are not 0. It is the update without clip, where that
    stays within both limits. *)
Theorem beyond_8_speed_instance : exists s, / 4 < s <= 1 /\
  forall s', 0 <= s' <= 1 ->
    clipped_objective (/ 5) (/ 5) (/ 10) (/ 10) 1 (/ 4) (/ 4) s' <=
    clipped_objective (/ 5) (/ 5) (/ 10) (/ 10) 1 (/ 4) (/ 4) s.
Proof.
  set (a := advantage is_success (/ 10) (/ 10)). set (best := tilted sides a 1 (coin (/ 4))).
  set (s := PoS sides is_success best).
  assert (F := coin_full (/ 4) ltac:(lra)).
  assert (I : 0 < PoS sides is_success (coin (/ 4)) < 1) by (rewrite coin_PoS; lra).
  destruct (tilted_logit sides is_success (/ 10) (/ 10) 1 (coin (/ 4)) F I) as [Is L].
  fold a in Is, L. fold best in Is, L. fold s in Is, L. rewrite coin_PoS in L.
  assert (Lo : / 4 < s) by (apply logit_lt; lra).
  assert (Hi : s < 3 / 10).
  { apply logit_lt; [lra | lra |]. rewrite L.
    replace (logit (/ 4) + (/ 10 + / 10) / 1) with (ln (/ 4 / (1 - / 4)) + / 5)
      by (unfold logit; field).
    unfold logit. interval with (i_prec 30). }
  (* Clipping never raises the surrogate, and it leaves this one as it is. *)
  assert (Free : forall x, clipped_surrogate (/ 5) (/ 5) (/ 10) (/ 10) (/ 4) x <=
    / 10 * x - / 10 * (1 - x)).
  { intro x. unfold clipped_surrogate. generalize (Rmin_l (x / / 4) (1 + / 5))
      (Rmax_l ((1 - x) / (1 - / 4)) (1 - / 5)). lra. }
  assert (Same : clipped_surrogate (/ 5) (/ 5) (/ 10) (/ 10) (/ 4) s =
    / 10 * s - / 10 * (1 - s)).
  { unfold clipped_surrogate. rewrite Rmin_left, Rmax_left by lra. field. }
  assert (Cb : equal_on sides best (coin s)).
  { assert (S := proj2 (tilted_full sides a 1 (coin (/ 4)) F)). fold best in S. cbn in S.
    unfold s. rewrite side_PoS. intros [] _; cbn; lra. }
  exists s. split; [lra|]. intros x Hx. unfold clipped_objective. rewrite Same.
  assert (M := proj2 (tilted_maximises sides a 1 (coin (/ 4)) Rlt_0_1 F) (coin x) (coin_policy x Hx)).
  fold best in M. unfold objective, a in M.
  rewrite !mean_advantage in M;
    [|now apply full_is_policy, tilted_full | now apply coin_policy].
  fold s in M. rewrite coin_PoS, (KL_ext _ best (coin s) _ _ Cb (fun _ _ => eq_refl)) in M.
  specialize (Free x). lra.
Qed.

(** Without a clip there is no limit: some weights carry an update beyond any number below 1. *)
Theorem beyond_8_speed_control : forall p t, 0 < p < 1 -> 0 < t < 1 ->
  exists wp wm, 0 <= wp /\ 0 <= wm /\
    t < PoS sides is_success (tilted sides (advantage is_success wp wm) 1 (coin p)).
Proof.
  intros p t Hp Ht. set (x := Rabs (logit t - logit p) + 1).
  assert (X : 0 < x) by (unfold x; generalize (Rabs_pos (logit t - logit p)); lra).
  exists 0, x. split; [lra|]. split; [lra|].
  assert (I : 0 < PoS sides is_success (coin p) < 1) by (rewrite coin_PoS; easy).
  destruct (tilted_logit sides is_success 0 x 1 (coin p) (coin_full p Hp) I) as [J L].
  apply logit_lt; [easy | easy |]. rewrite L, coin_PoS. unfold x.
  generalize (Rle_abs (logit t - logit p)). lra.
Qed.
