(** * Theorem 1: the update in closed form *)

From Coq Require Import Reals List Bool Lra.
From Coquelicot Require Import Coquelicot.
From Formal Require Import Definitions Facts.
Open Scope R_scope.

(** iterations: a maximiser exists, has the support of the reference, and there is no other. *)
Theorem iterations : forall T (O : list T) r eps beta ref p,
  0 < eps -> 0 < beta -> full_policy O ref -> 0 <= p <= 1 ->
  exists pi, maximises O (objective O (A r eps p) beta ref) pi /\ full_policy O pi /\
    forall nu, maximises O (objective O (A r eps p) beta ref) nu -> equal_on O nu pi.
Proof.
  intros T O r eps beta ref p _ B F _. exists (tilted O (A r eps p) beta ref).
  split; [|split]; [now apply tilted_maximises | now apply tilted_full |].
  intros nu M. now apply maximiser_tilted.
Qed.

(** Theorem 1's certificate: what a policy falls short of the maximum is [beta] times its KL to the
    maximiser. *)
Theorem theorem_1_certificate : forall T (O : list T) a beta ref pi,
  0 < beta -> full_policy O ref -> policy O pi ->
  let best := tilted O a beta ref in
  objective O a beta ref best - objective O a beta ref pi = beta * KL O pi best /\
  0 <= KL O pi best /\ (KL O pi best = 0 -> equal_on O pi best).
Proof.
  intros T O a beta ref pi B F P best. assert (Fb := tilted_full O a beta ref F).
  repeat split; [now apply objective_certificate | now apply KL_nonneg | now apply KL_zero].
Qed.

(** theorem-1 *)
Theorem theorem_1 : forall T (O : list T) r eps beta ref pi,
  0 < eps -> 0 < beta -> full_policy O ref -> grpo O r eps beta ref pi ->
  forall n o, In o O ->
    let p_ref := PoS O r ref in
    let p := PoS O r (pi n) in
    pi (S n) o = ref o * exp (A r eps p o / beta) /
      (p_ref * exp (w_plus eps p / beta) + (1 - p_ref) * exp (- w_minus eps p / beta)).
Proof.
  intros T O r eps beta ref pi _ B F [_ M] n o I p_ref p.
  rewrite (maximiser_tilted O _ beta ref _ B F (M n) o I). unfold tilted. unfold A at 2.
  now rewrite Z_advantage by now apply full_is_policy.
Qed.

(** ** Not vacuous: such iterates exist for every reference *)

Theorem theorem_1_instance : forall T (O : list T) r eps beta ref,
  0 < beta -> full_policy O ref -> exists pi, grpo O r eps beta ref pi.
Proof.
  intros T O r eps beta ref B F.
  exists (fix pi n := match n with
    | 0%nat => ref
    | S m => tilted O (A r eps (PoS O r (pi m))) beta ref end).
  split; [easy|]. intro n. now apply tilted_maximises.
Qed.

Lemma coin_full : forall p, 0 < p < 1 -> full_policy sides (coin p).
Proof. intros p H. split; [intros [] _; cbn; lra | cbn; lra]. Qed.

Lemma coin_policy : forall p, 0 <= p <= 1 -> policy sides (coin p).
Proof. intros p H. split; [intros [] _; cbn; lra | cbn; lra]. Qed.

Lemma coin_PoS : forall p, PoS sides is_success (coin p) = p.
Proof. intro p. cbn. ring. Qed.

Lemma side_PoS : forall pi, PoS sides is_success pi = pi true.
Proof. intro. cbn. ring. Qed.

(** ** Controls *)

(** [beta = 0] in [iterations]: a maximiser gives up an outcome that the reference has. *)
Theorem iterations_control : exists pi,
  maximises sides (objective sides (A is_success 1 (/ 2)) 0 (coin (/ 2))) pi /\ pi false = 0.
Proof.
  exists (coin 1). split; [|cbn; ring]. split; [apply coin_policy; lra|].
  intros nu [N S]. assert (N0 := N false). assert (N1 := N true). unfold objective, mean. cbn in *.
  unfold A, advantage, w_plus, w_minus, is_success. rewrite !Rmult_0_l.
  assert (P := Omega_pos 1 (/ 2) ltac:(lra) ltac:(lra)). unfold Omega in P. unfold Rdiv.
  assert (nu false >= 0) by (apply Rle_ge; tauto). assert (nu true = 1 - nu false) by lra.
  rewrite H0. nra.
Qed.

(** The sign of the advantage turned: the policy in the closed form is not the maximiser. *)
Theorem theorem_1_control : forall pi, grpo sides is_success 1 1 (coin (/ 2)) pi ->
  pi 1%nat true <> tilted sides (fun o => - A is_success 1 (/ 2) o) 1 (coin (/ 2)) true.
Proof.
  intros pi [E M] C. assert (F := coin_full (/ 2) ltac:(lra)).
  rewrite (maximiser_tilted _ _ 1 _ _ ltac:(lra) F (M 0%nat) true (or_introl eq_refl)) in C.
  rewrite (PoS_ext _ _ _ _ E), coin_PoS in C. revert C. unfold tilted, Z. cbn.
  unfold A, advantage, w_plus, w_minus, is_success.
  assert (P := Omega_pos 1 (/ 2) ltac:(lra) ltac:(lra)). unfold Omega in P.
  set (s := / sqrt (/ 2 * (1 - / 2) + 1)) in *. unfold Rdiv. fold s. rewrite !Rinv_1, !Rmult_1_r.
  replace (1 - / 2) with (/ 2) by field. replace (- - (/ 2 * s)) with (/ 2 * s) by ring.
  assert (H : exp (- (/ 2 * s)) < exp (/ 2 * s)) by (apply exp_increasing; lra).
  assert (Q := exp_pos (- (/ 2 * s))). set (x := exp (/ 2 * s)) in *.
  set (y := exp (- (/ 2 * s))) in *. rewrite !Rplus_0_r. intro C.
  rewrite (Rplus_comm (/ 2 * y)) in C. apply Rmult_eq_reg_r in C; [lra|].
  apply Rinv_neq_0_compat. lra.
Qed.
