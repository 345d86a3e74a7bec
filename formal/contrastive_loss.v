(** * Section 2: the loss *)

From Coq Require Import Reals List Bool Lra.
From Formal Require Import Definitions Facts theorem_1.
Open Scope R_scope.

Definition reward {T} (r : T -> bool) (o : T) : R := if r o then 1 else 0.

Lemma mean_reward : forall T (O : list T) r pi, policy O pi ->
  mean O pi (reward r) = PoS O r pi.
Proof.
  intros T O r pi P. rewrite <- (Rmult_1_l (PoS O r pi)), <- (Rminus_0_r (_ * _)),
    <- (Rmult_0_l (1 - PoS O r pi)), <- mean_advantage by easy.
  apply Sum_ext. intros o _. unfold reward, advantage. rewrite Ropp_0. easy.
Qed.

(** section-2-1 *)
Theorem section_2_1 : forall T (O : list T) r pi, policy O pi -> 0 < PoS O r pi < 1 ->
  let p := PoS O r pi in
  let deviation := sqrt (mean O pi (fun o => (reward r o - mean O pi (reward r)) ^ 2)) in
  mean O pi (reward r) = p /\ deviation = sqrt (p * (1 - p)) /\
  (1 - p) / deviation = sqrt ((1 - p) / p) /\ (0 - p) / deviation = - sqrt (p / (1 - p)).
Proof.
  intros T O r pi P I p deviation.
  assert (M : mean O pi (reward r) = p) by now apply mean_reward.
  assert (D : deviation = sqrt (p * (1 - p))).
  { unfold deviation. f_equal. rewrite M.
    transitivity (mean O pi (advantage r ((1 - p) ^ 2) (- p ^ 2))).
    - apply Sum_ext. intros o _. unfold reward, advantage. destruct (r o); f_equal; ring.
    - rewrite mean_advantage by easy. fold p. ring. }
  split; [easy|]. split; [easy|]. rewrite D. fold p in I.
  assert (Sp := sqrt_lt_R0 p ltac:(lra)). assert (Sq := sqrt_lt_R0 (1 - p) ltac:(lra)).
  assert (Ep := sqrt_sqrt p ltac:(lra)). assert (Eq := sqrt_sqrt (1 - p) ltac:(lra)).
  rewrite sqrt_mult, !sqrt_div_alt by lra. split.
  - rewrite <- Eq at 1. field. lra.
  - rewrite <- Ep at 1. field. lra.
Qed.

(** The rarer the success, the larger its advantage. *)
Theorem section_2_1_rare : forall p q, 0 < p -> p < q -> q < 1 ->
  sqrt ((1 - q) / q) < sqrt ((1 - p) / p) /\ sqrt (p / (1 - p)) < sqrt (q / (1 - q)).
Proof.
  intros p q Hp H Hq.
  assert (forall x y, 0 < x -> x < y -> y < 1 -> x / (1 - x) < y / (1 - y)) as Odds.
  { intros x y Hx L Hy. apply (Rmult_lt_reg_r ((1 - x) * (1 - y))); [nra|].
    replace (x / (1 - x) * ((1 - x) * (1 - y))) with (x * (1 - y)) by (field; lra).
    replace (y / (1 - y) * ((1 - x) * (1 - y))) with (y * (1 - x)) by (field; lra). nra. }
  split; apply sqrt_lt_1_alt; split.
  - left. apply Rdiv_lt_0_compat; lra.
  - generalize (Odds (1 - q) (1 - p)). replace (1 - (1 - q)) with q by ring.
    replace (1 - (1 - p)) with p by ring. intro K. apply K; lra.
  - left. apply Rdiv_lt_0_compat; lra.
  - now apply Odds.
Qed.

Theorem section_2_1_instance : policy sides (coin (/ 4)) /\
  0 < PoS sides is_success (coin (/ 4)) < 1.
Proof. rewrite coin_PoS. split; [apply coin_policy|]; lra. Qed.

(** The variance in the place of the deviation. *)
Theorem section_2_1_control : (1 - / 4) / (/ 4 * (1 - / 4)) <> sqrt ((1 - / 4) / / 4).
Proof.
  replace ((1 - / 4) / (/ 4 * (1 - / 4))) with (sqrt (4 * 4)) by (rewrite sqrt_square by lra; field).
  replace ((1 - / 4) / / 4) with 3 by field. intro E. apply sqrt_inj in E; lra.
Qed.

(** ** Clipping *)

Definition f_clip (clip x y : R) : R :=
  Rmin (x * y) (Rmin (Rmax x (1 - clip)) (1 + clip) * y).

(** erratum-2, what holds. *)
Lemma f_clip_success : forall clip x y, 0 < clip -> 0 <= y ->
  f_clip clip x y = y * Rmin x (1 + clip).
Proof.
  intros clip x y Hc Hy. unfold f_clip, Rmin, Rmax.
  repeat destruct Rle_dec; nra.
Qed.

Lemma f_clip_failure : forall clip x y, 0 < clip -> y <= 0 ->
  f_clip clip x y = y * Rmax x (1 - clip).
Proof.
  intros clip x y Hc Hy. unfold f_clip, Rmin, Rmax.
  repeat destruct Rle_dec; nra.
Qed.

(** section-2 *)
Theorem section_2 : forall T (O : list T) r clip wp wm old x,
  0 < clip -> 0 <= wp -> 0 <= wm ->
  mean O old (fun o => f_clip clip (x o) (advantage r wp wm o)) =
    wp * mean (successes O r) old (fun o => Rmin (x o) (1 + clip)) -
    wm * mean (failures O r) old (fun o => Rmax (x o) (1 - clip)).
Proof.
  intros T O r clip wp wm old x Hc Hp Hm. unfold mean. rewrite (Sum_split O r).
  transitivity (Sum (successes O r) (fun o => wp * (old o * Rmin (x o) (1 + clip))) +
    Sum (failures O r) (fun o => - wm * (old o * Rmax (x o) (1 - clip)))).
  - f_equal.
    + apply Sum_successes_ext. intros o _ R. unfold advantage.
      rewrite R, f_clip_success by lra. ring.
    + apply Sum_failures_ext. intros o _ R. unfold advantage.
      rewrite R, f_clip_failure by lra. ring.
  - rewrite !Sum_scal. ring.
Qed.

Theorem section_2_instance : 0 < / 5 /\ 0 <= w_plus 1 (/ 4) /\ 0 <= w_minus 1 (/ 4).
Proof.
  assert (P := Omega_pos 1 (/ 4) ltac:(lra) ltac:(lra)). unfold Omega in P.
  split; [lra|]. unfold w_plus, w_minus, Rdiv. split; apply Rmult_le_pos; lra.
Qed.

(** A failure with a positive advantage, [wm < 0]: the identity fails. *)
Theorem section_2_control :
  mean (false :: nil) (fun _ => 1) (fun o => f_clip (/ 5) (/ 2) (advantage is_success 0 (-1) o)) <>
  0 * mean nil (fun _ : bool => 1) (fun o => Rmin (/ 2) (1 + / 5)) -
  -1 * mean (false :: nil) (fun _ => 1) (fun o => Rmax (/ 2) (1 - / 5)).
Proof.
  unfold mean, advantage, is_success, f_clip. cbn. unfold Rmin, Rmax.
  repeat destruct Rle_dec; lra.
Qed.

(** erratum-1: read as conditional expectations, the two terms lose the masses [p] and [1 - p]. *)
Theorem erratum_1 : exists wp wm, 0 <= wp /\ 0 <= wm /\
  let old := coin (/ 4) in let p := PoS sides is_success old in
  mean sides old (fun o => f_clip (/ 5) 1 (advantage is_success wp wm o)) <>
  wp * mean (successes sides is_success) (conditional p old) (fun _ => Rmin 1 (1 + / 5)) -
  wm * mean (failures sides is_success) (conditional (1 - p) old) (fun _ => Rmax 1 (1 - / 5)).
Proof.
  exists 1, 0. split; [lra|]. split; [lra|]. cbv zeta.
  rewrite section_2 by lra. rewrite coin_PoS. unfold mean, conditional. cbn.
  unfold Rmin, Rmax. repeat destruct Rle_dec; lra.
Qed.

(** With [p = 1/2] and equal weights the two readings agree up to a factor of 2, and if both weights
    are 0 altogether. *)
Theorem erratum_1_control :
  let old := coin (/ 4) in let p := PoS sides is_success old in
  mean sides old (fun o => f_clip (/ 5) 1 (advantage is_success 0 0 o)) =
  0 * mean (successes sides is_success) (conditional p old) (fun _ => Rmin 1 (1 + / 5)) -
  0 * mean (failures sides is_success) (conditional (1 - p) old) (fun _ => Rmax 1 (1 - / 5)).
Proof. cbv zeta. rewrite section_2 by lra. ring. Qed.

(** erratum-2: ratio and advantage swapped. *)
Theorem erratum_2 :
  (exists clip x y, 0 < clip /\ 0 < x /\ 0 < y /\ f_clip clip x y <> x * Rmin y (1 + clip)) /\
  (forall clip x y, 0 < clip -> 0 < y -> f_clip clip x y = y * Rmin x (1 + clip)) /\
  (forall clip x y, 0 < clip -> y < 0 -> f_clip clip x y = y * Rmax x (1 - clip)).
Proof.
  split; [|split].
  - exists (/ 5), 2, 1. split; [lra|]. split; [lra|]. split; [lra|].
    rewrite f_clip_success by lra. unfold Rmin. repeat destruct Rle_dec; lra.
  - intros. apply f_clip_success; lra.
  - intros. apply f_clip_failure; lra.
Qed.

(** Where ratio and advantage are equal the printed formula is right. *)
Theorem erratum_2_control : forall clip x, 0 < clip -> 0 < x ->
  f_clip clip x x = x * Rmin x (1 + clip).
Proof. intros. now apply f_clip_success; [|left]. Qed.

(** ** Without clipping *)

(** section-2-3 *)
Theorem section_2_3 : forall T (O : list T) r eps old pi,
  0 < eps -> full_policy O old -> policy O pi ->
  let p := PoS O r old in
  0 <= w_plus eps p <= / sqrt eps /\ 0 <= w_minus eps p <= / sqrt eps /\
  mean O old (fun o => pi o / old o * A r eps p o) =
    w_plus eps p * PoS O r pi - w_minus eps p * (1 - PoS O r pi).
Proof.
  intros T O r eps old pi He F P p.
  assert (B := PoS_bounds O r old (full_is_policy O old F)). fold p in B.
  assert (Lo := Omega_pos eps p He B). assert (Hi := Omega_largest eps p He B).
  unfold Omega in Lo, Hi.
  split; [unfold w_plus, Rdiv; split; nra|]. split; [unfold w_minus, Rdiv; split; nra|].
  rewrite <- mean_advantage by easy. apply Sum_ext. intros o I. fold (A r eps p).
  assert (Q := proj1 F o I). field. lra.
Qed.

(** Without smoothing the weight of a success has no bound. *)
Theorem section_2_3_control : forall K, 0 < K -> exists p, 0 < p < 1 /\ K < w_plus 0 p.
Proof.
  intros K HK. exists (/ (1 + (K + 1) ^ 2)). set (q := (K + 1) ^ 2).
  assert (Q : 0 < q) by (unfold q; apply pow_lt; lra).
  assert (I : 0 < / (1 + q) < 1).
  { split; [apply Rinv_0_lt_compat; lra|]. rewrite <- Rinv_1. apply Rinv_lt_contravar; lra. }
  split; [easy|]. unfold w_plus.
  assert (S : sqrt (/ (1 + q) * (1 - / (1 + q)) + 0) = (K + 1) / (1 + q)).
  { replace (_ + 0) with ((K + 1) / (1 + q) * ((K + 1) / (1 + q)))
      by (unfold q; field; unfold q in Q; lra).
    apply sqrt_square. left. apply Rdiv_lt_0_compat; lra. }
  rewrite S. replace ((1 - / (1 + q)) / ((K + 1) / (1 + q))) with (K + 1); [lra|].
  unfold q in *. field. lra.
Qed.
