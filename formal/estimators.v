(** * Which KL? One fixed point under the forward KL *)

From Coq Require Import Reals Lra.
From Coquelicot Require Import Coquelicot.
From Formal Require Import Definitions Facts.
Open Scope R_scope.

(** Concave on [[0, 1]]. *)
Definition concave (f : R -> R) : Prop := forall p q t,
  0 <= p <= 1 -> 0 <= q <= 1 -> 0 <= t <= 1 ->
  t * f p + (1 - t) * f q <= f (t * p + (1 - t) * q).

(** beyond-10-fixed-point, for the probability of success: where the gain [p (1 - p) Omega] is
    concave, positive inside and 0 at both ends, the forward KL has one fixed point. *)
Theorem beyond_10_fixed_point : forall (gain : R -> R) beta p_ref,
  0 < beta -> 0 < p_ref < 1 -> concave gain -> gain 0 = 0 -> gain 1 = 0 ->
  (forall p, 0 < p < 1 -> 0 < gain p) -> (forall p, 0 <= p <= 1 -> continuous gain p) ->
  exists p, p_ref < p < 1 /\
    forall q, 0 <= q <= 1 -> (q - p_ref = gain q / beta <-> q = p).
Proof.
  intros gain beta p_ref Hb Hr Cv G0 G1 Pos Ct.
  set (g := fun p => p - p_ref - gain p / beta).
  assert (Ib : 0 < / beta) by now apply Rinv_0_lt_compat.
  assert (At : g p_ref < 0).
  { unfold g. assert (0 < gain p_ref / beta) by (apply Rdiv_lt_0_compat; [now apply Pos | easy]). lra. }
  destruct (crossing g p_ref 1) as [p [I E]]; [lra | | easy | unfold g; rewrite G1; lra |].
  { intros x Hx. unfold g. apply (continuous_minus (fun p => p - p_ref) (fun p => gain p / beta)).
    - apply (continuous_minus (fun p => p) (fun _ => p_ref));
        [apply continuous_id | apply continuous_const].
    - apply (continuous_scal_l gain (/ beta)). apply Ct. lra. }
  exists p. split; [easy|]. intros q Hq. split; [|intros ->; unfold g in E; lra]. intro S.
  assert (Eq : g q = 0) by (unfold g; lra).
  (* A zero lies above the reference. *)
  assert (Up : forall x, 0 <= x <= 1 -> g x = 0 -> p_ref < x).
  { intros x Hx Ex. destruct (Rlt_or_le p_ref x) as [|C]; [easy|]. unfold g in Ex.
    destruct (Req_dec x 0) as [-> | N]; [rewrite G0 in Ex; lra|].
    assert (0 < gain x / beta) by (apply Rdiv_lt_0_compat; [apply Pos; lra | easy]). lra. }
  (* Between the reference and a zero a convex function is negative. *)
  assert (One : forall x y, p_ref < x -> x < y -> y <= 1 -> g y = 0 -> g x < 0).
  { intros x y Hx L Hy Ey. set (t := (y - x) / (y - p_ref)).
    assert (T : 0 < t < 1).
    { unfold t. split; [apply Rdiv_lt_0_compat; lra|].
      apply (Rmult_lt_reg_r (y - p_ref)); [lra|]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l; lra. }
    assert (Ex : x = t * p_ref + (1 - t) * y) by (unfold t; field; lra).
    assert (C := Cv p_ref y t ltac:(lra) ltac:(lra) ltac:(lra)). rewrite <- Ex in C.
    apply (Rmult_le_compat_r (/ beta)) in C; [|lra].
    unfold g in *. unfold Rdiv in *. nra. }
  assert (Hq' := Up q Hq Eq).
  destruct (Rtotal_order q p) as [L | [-> | L]]; [|easy|].
  - generalize (One q p Hq' L ltac:(lra) E). lra.
  - generalize (One p q ltac:(lra) L ltac:(lra) Eq). lra.
Qed.

(** ** Mean and variance *)

Lemma Omega_gain_concave : forall eps, 0 < eps -> concave (fun p => p * (1 - p) * Omega eps p).
Proof.
  intros eps He p q t Hp Hq Ht.
  set (m := t * p + (1 - t) * q).
  assert (Vp := variance_nonneg p Hp). assert (Vq := variance_nonneg q Hq).
  assert (Hm : 0 <= m <= 1) by (unfold m; split; nra). assert (Vm := variance_nonneg m Hm).
  assert (Up : forall x, 0 <= x <= 1 -> x * (1 - x) * Omega eps x =
    sqrt (x * (1 - x) + eps) - eps / sqrt (x * (1 - x) + eps)).
  { intros x Hx. assert (S := root_pos eps x He Hx). unfold Omega.
    assert (E := sqrt_sqrt (x * (1 - x) + eps)).
    replace (x * (1 - x)) with (sqrt (x * (1 - x) + eps) * sqrt (x * (1 - x) + eps) - eps) at 1.
    - field. lra.
    - rewrite E; [ring|]. generalize (variance_nonneg x Hx). lra. }
  rewrite !Up by easy. assert (Sp := root_pos eps p He Hp). assert (Sq := root_pos eps q He Hq).
  assert (Sm := root_pos eps m He Hm).
  assert (Ep := sqrt_sqrt (p * (1 - p) + eps) ltac:(lra)).
  assert (Eq := sqrt_sqrt (q * (1 - q) + eps) ltac:(lra)).
  assert (Em := sqrt_sqrt (m * (1 - m) + eps) ltac:(lra)).
  set (a := sqrt (p * (1 - p) + eps)) in *. set (b := sqrt (q * (1 - q) + eps)) in *.
  set (c := sqrt (m * (1 - m) + eps)) in *. set (w := t * a + (1 - t) * b).
  assert (W : 0 < w) by (unfold w; destruct (Req_dec t 0) as [-> |]; [lra | nra]).
  (* The root of a concave function is concave. *)
  assert (Cw : w <= c).
  { apply Rsqr_incr_0_var; [|lra]. unfold Rsqr. rewrite Em.
    assert (D : t * (a * a) + (1 - t) * (b * b) <= m * (1 - m) + eps).
    { rewrite Ep, Eq. assert (0 <= t * (1 - t) * (p - q) ^ 2).
      { apply Rmult_le_pos; [nra | apply pow2_ge_0]. } unfold m. nra. }
    assert (0 <= t * (1 - t) * (a - b) ^ 2) by (apply Rmult_le_pos; [nra | apply pow2_ge_0]).
    unfold w. nra. }
  (* And [s - eps / s] rises and is concave. *)
  assert (Inv : / w <= t * / a + (1 - t) * / b).
  { apply (Rmult_le_reg_r (w * (a * b))); [apply Rmult_lt_0_compat; nra|].
    replace (/ w * (w * (a * b))) with (a * b) by (field; lra).
    replace ((t * / a + (1 - t) * / b) * (w * (a * b))) with ((t * b + (1 - t) * a) * w)
      by (field; lra).
    assert (0 <= t * (1 - t) * (a - b) ^ 2) by (apply Rmult_le_pos; [nra | apply pow2_ge_0]).
    unfold w. nra. }
  assert (Iw : / c <= / w) by now apply Rinv_le_contravar.
  unfold Rdiv. unfold w in Cw. nra.
Qed.

(** Mean and variance satisfy what the theorem asks, so their fixed point is one. *)
Theorem beyond_10_fixed_point_instance : forall eps beta p_ref,
  0 < eps -> 0 < beta -> 0 < p_ref < 1 ->
  exists p, p_ref < p < 1 /\
    forall q, 0 <= q <= 1 -> (q - p_ref = q * (1 - q) * Omega eps q / beta <-> q = p).
Proof.
  intros eps beta p_ref He Hb Hr.
  apply (beyond_10_fixed_point (fun p => p * (1 - p) * Omega eps p)); try easy; try ring.
  - now apply Omega_gain_concave.
  - intros p Hp. apply Rmult_lt_0_compat; [now apply variance_pos | apply Omega_pos; lra].
  - intros p Hp. apply (continuous_mult (fun p => p * (1 - p)) (Omega eps)).
    + apply (ex_derive_continuous (fun p => p * (1 - p))). auto_derive. easy.
    + now apply Omega_continuous.
Qed.

(** With a gain that is not concave there can be two: at [p_ref = 1/4] and [beta = 1] this one
    meets the line at 1/2 and at 3/4. *)
Theorem beyond_10_fixed_point_control : exists gain : R -> R,
  gain 0 = 0 /\ gain 1 = 0 /\ (forall p, 0 < p < 1 -> 0 < gain p) /\
  / 2 - / 4 = gain (/ 2) / 1 /\ 3 / 4 - / 4 = gain (3 / 4) / 1.
Proof.
  exists (fun p => p * (1 - p) * (1 + 80 / 3 * (p - / 2) ^ 2)).
  split; [ring|]. split; [ring|]. split; [|split; field].
  intros p Hp. apply Rmult_lt_0_compat; [now apply variance_pos|].
  generalize (pow2_ge_0 (p - / 2)). lra.
Qed.
