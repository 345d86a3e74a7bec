(** * Theorem 7: a slope below 1 in size attracts *)

From Coq Require Import Reals Lra.
From Coquelicot Require Import Coquelicot.
From Formal Require Import Definitions.
Open Scope R_scope.

(** theorem-7: a slope at [x] is enough; the paper asks for one that is continuous around it. *)
Theorem theorem_7 : forall (g : R -> R) x l, g x = x -> is_derive g x l -> Rabs l < 1 ->
  exists d, 0 < d /\
    forall x_0, Rabs (x_0 - x) <= d -> is_lim_seq (fun n => iterate g n x_0) x.
Proof.
  intros g x l Fix D L. apply is_derive_Reals in D.
  destruct (D ((1 - Rabs l) / 2) ltac:(lra)) as [e De].
  set (q := (1 + Rabs l) / 2). assert (Q : 0 <= q < 1) by (unfold q; generalize (Rabs_pos l); lra).
  set (d := e / 2). assert (Pd : 0 < d) by (unfold d; generalize (cond_pos e); lra).
  exists d. split; [easy|]. intros y Hy.
  assert (Shrink : forall z, Rabs (z - x) <= d -> Rabs (g z - x) <= q * Rabs (z - x)).
  { intros z Hz. destruct (Req_dec z x) as [-> | N]; [rewrite Fix, Rminus_eq_0, Rabs_R0; lra|].
    assert (Hn : z - x <> 0) by lra.
    assert (He : Rabs (z - x) < e) by (unfold d in Hz; generalize (cond_pos e); lra).
    specialize (De (z - x) Hn He). replace (x + (z - x)) with z in De by ring. rewrite Fix in De.
    replace (g z - x) with ((g z - x) / (z - x) * (z - x)) by (field; lra).
    rewrite Rabs_mult. apply Rmult_le_compat_r; [apply Rabs_pos|].
    replace ((g z - x) / (z - x)) with ((g z - x) / (z - x) - l + l) by ring.
    apply Rle_trans with (1 := Rabs_triang _ _). unfold q. lra. }
  assert (Stay : forall n, Rabs (iterate g n y - x) <= q ^ n * Rabs (y - x)).
  { induction n as [|n IH]; [cbn; lra|].
    assert (P1 : q ^ n <= 1) by (rewrite <- (pow1 n); apply pow_incr; lra).
    assert (P0 : 0 <= q ^ n) by (apply pow_le; lra).
    assert (Hn : Rabs (iterate g n y - x) <= d).
    { apply Rle_trans with (1 := IH). generalize (Rabs_pos (y - x)). nra. }
    cbn [iterate]. apply Rle_trans with (1 := Shrink _ Hn). cbn [pow].
    rewrite Rmult_assoc. apply Rmult_le_compat_l; lra. }
  apply is_lim_seq_ext with (fun n => (iterate g n y - x) + x); [intro; ring|].
  replace (Finite x) with (Finite (0 + x)) by (f_equal; ring).
  apply is_lim_seq_plus'; [|apply is_lim_seq_const].
  apply is_lim_seq_abs_0.
  apply is_lim_seq_le_le with (fun _ => 0) (fun n => q ^ n * Rabs (y - x)).
  - intro n. split; [apply Rabs_pos | apply Stay].
  - apply is_lim_seq_const.
  - replace (Finite 0) with (Finite (0 * Rabs (y - x))) by (f_equal; ring).
    apply is_lim_seq_mult'; [|apply is_lim_seq_const]. apply is_lim_seq_geom.
    rewrite Rabs_pos_eq; lra.
Qed.

Theorem theorem_7_instance : is_derive (fun x => x / 2) 0 (/ 2) /\ Rabs (/ 2) < 1 /\ 0 / 2 = 0.
Proof. split; [auto_derive; [easy | field] | split; [rewrite Rabs_pos_eq; lra | lra]]. Qed.

(** A slope of 2: from no other state do the iterates tend to the fixed point. *)
Theorem theorem_7_control : is_derive (fun x => 2 * x) 0 2 /\
  forall x_0, x_0 <> 0 -> ~ is_lim_seq (fun n => iterate (fun x => 2 * x) n x_0) 0.
Proof.
  split; [auto_derive; [easy | ring]|]. intros x N L.
  assert (E : forall n, Rabs x <= Rabs (iterate (fun x => 2 * x) n x)).
  { induction n as [|n IH]; [cbn; lra|]. cbn [iterate]. rewrite Rabs_mult, (Rabs_pos_eq 2) by lra.
    generalize (Rabs_pos (iterate (fun x => 2 * x) n x)). lra. }
  apply is_lim_seq_abs in L. cbn in L. rewrite Rabs_R0 in L.
  assert (C := is_lim_seq_le (fun _ => Rabs x) _ (Rabs x) 0 E (is_lim_seq_const _) L). cbn in C.
  generalize (Rabs_pos_lt x N). lra.
Qed.

(** A slope above 1 in size repels: near the fixed point every other state is moved away from it. *)
Theorem theorem_7_repels : forall (g : R -> R) x l, g x = x -> is_derive g x l -> 1 < Rabs l ->
  exists d, 0 < d /\
    forall y, y <> x -> Rabs (y - x) <= d -> Rabs (y - x) < Rabs (g y - x).
Proof.
  intros g x l Fix D L. apply is_derive_Reals in D.
  destruct (D ((Rabs l - 1) / 2) ltac:(lra)) as [e De]. exists (e / 2).
  split; [generalize (cond_pos e); lra|]. intros y N Hy.
  assert (Hn : y - x <> 0) by lra. assert (P : 0 < Rabs (y - x)) by now apply Rabs_pos_lt.
  specialize (De (y - x) Hn ltac:(generalize (cond_pos e); lra)).
  replace (x + (y - x)) with y in De by ring. rewrite Fix in De.
  set (q := (g y - x) / (y - x)) in *.
  assert (Q : 1 < Rabs q).
  { assert (T := Rabs_triang_inv l q). rewrite (Rabs_minus_sym l q) in T. lra. }
  replace (g y - x) with (q * (y - x)) by (unfold q; field; lra).
  rewrite Rabs_mult. nra.
Qed.
