(** * Theorem 5: mirror GRPO rises to 1 *)

From Coq Require Import Reals List Bool Lra Lia.
From Coquelicot Require Import Coquelicot.
From Formal Require Import Definitions Facts theorem_1 theorem_4.
Open Scope R_scope.

(** theorem-5: [p] rises at every update, by at least [2 / (beta sqrt (1 + 4 eps))] in log-odds,
    and tends to 1. A reference without success keeps 0. *)
Theorem theorem_5 : forall T (O : list T) r eps beta ref pi,
  0 < eps -> 0 < beta -> full_policy O ref -> mirror_grpo O r eps beta ref pi ->
  let p n := PoS O r (pi n) in
  (0 < PoS O r ref < 1 ->
    (forall n, 0 < p n < 1 /\ p n < p (S n) /\
      logit (p n) + 2 / (beta * sqrt (1 + 4 * eps)) <= logit (p (S n))) /\
    is_lim_seq p 1) /\
  (PoS O r ref = 0 -> forall n, p n = 0).
Proof.
  intros T O r eps beta ref pi He Hb F M p.
  assert (S4 := theorem_4 _ _ _ _ _ _ _ He Hb F M). cbv zeta in S4.
  assert (E0 : p 0%nat = PoS O r ref) by now apply PoS_ext, M.
  split.
  - intro I.
    assert (B : forall n, 0 < p n < 1).
    { induction n as [|n IH]; [now rewrite E0 | now apply S4]. }
    set (c := 2 / (beta * sqrt (1 + 4 * eps))).
    assert (Sq : 0 < sqrt (1 + 4 * eps)) by (apply sqrt_lt_R0; lra).
    assert (Pc : 0 < c) by (apply Rdiv_lt_0_compat; [lra | now apply Rmult_lt_0_compat]).
    assert (Step : forall n, logit (p n) + c <= logit (p (S n))).
    { intro n. generalize (proj2 (proj2 (S4 n) (B n))). fold (p n) (p (S n)). intros ->.
      apply Rplus_le_compat_l. replace c with (2 / sqrt (1 + 4 * eps) / beta)
        by (unfold c; field; lra).
      apply Rmult_le_compat_r; [left; now apply Rinv_0_lt_compat|].
      apply Omega_least; [easy | generalize (B n); unfold p; lra]. }
    split.
    + intro n. split; [apply B|]. split; [|apply Step].
      apply logit_lt; [apply B | apply B |]. generalize (Step n). lra.
    + assert (Grow : forall n, logit (p 0%nat) + INR n * c <= logit (p n)).
      { induction n as [|n IH]; [cbn; lra|]. rewrite S_INR. generalize (Step n). lra. }
      apply is_lim_seq_spec. intro e. destruct e as [e Pe]. cbn.
      destruct (Rle_or_lt 1 e) as [Big | Small].
      { exists 0%nat. intros n _. rewrite Rabs_left; generalize (B n); lra. }
      set (K := (logit (1 - e) - logit (p 0%nat)) / c).
      destruct (nfloor_ex (Rmax 0 K) (Rmax_l 0 K)) as [N [_ HN]].
      exists (N + 1)%nat. intros n Hn. rewrite Rabs_left by (generalize (B n); lra).
      assert (1 - e < p n); [|lra]. apply logit_lt; [lra | apply B |].
      apply Rlt_le_trans with (logit (p 0%nat) + INR n * c); [|apply Grow].
      assert (KN : K < INR n).
      { apply Rle_lt_trans with (Rmax 0 K); [apply Rmax_r|].
        apply Rlt_le_trans with (1 := HN). replace (INR N + 1) with (INR (N + 1)) by apply plus_INR. now apply le_INR. }
      apply (Rmult_lt_compat_r c) in KN; [|easy].
      unfold K in KN. replace ((logit (1 - e) - logit (p 0%nat)) / c * c)
        with (logit (1 - e) - logit (p 0%nat)) in KN by (field; lra). lra.
  - intros Z0 n. induction n as [|n IH]; [now rewrite E0|].
    unfold p. destruct (S4 n) as [E _]. rewrite (PoS_ext _ _ _ _ E). unfold A.
    rewrite tilted_PoS by now apply mirror_full with r eps beta ref.
    cbv zeta. fold (p n). rewrite IH. rewrite !Rmult_0_l. unfold Rdiv. ring.
Qed.

(** No state inside [(0, 1)] is fixed. *)
Theorem theorem_5_fixed : forall eps beta p,
  0 < eps -> 0 < beta -> 0 < p < 1 -> p < sigma (logit p + Omega eps p / beta).
Proof.
  intros eps beta p He Hb Hp. rewrite <- (sigma_logit p Hp) at 1. apply sigma_increasing.
  assert (0 < Omega eps p / beta); [|lra].
  apply Rdiv_lt_0_compat; [apply Omega_pos; lra | easy].
Qed.

Theorem theorem_5_instance : exists pi, mirror_grpo sides is_success 1 1 (coin (/ 2)) pi /\
  0 < PoS sides is_success (coin (/ 2)) < 1.
Proof.
  assert (F := coin_full (/ 2) ltac:(lra)).
  destruct (theorem_4_instance bool sides is_success 1 1 (coin (/ 2)) ltac:(lra) F) as [pi G].
  exists pi. split; [easy|]. rewrite coin_PoS. lra.
Qed.

(** The reference as anchor: the second of two updates can fall. *)
Theorem theorem_5_control : exists eps beta p_ref, 0 < eps /\ 0 < beta /\ 0 < p_ref < 1 /\
  h eps beta p_ref (h eps beta p_ref p_ref) < h eps beta p_ref p_ref.
Proof.
  assert (Z : sigma 0 = / 2) by (unfold sigma; rewrite Ropp_0, exp_0; field).
  set (w := Omega 1 0).
  assert (W : 0 < w) by (apply Omega_pos; lra).
  (* A reference [q] below 1/2 that the first update takes no further than 1/2. *)
  set (q := sigma (- w)).
  assert (Q : 0 < q < / 2).
  { split; [apply sigma_pos|]. rewrite <- Z. apply sigma_increasing. lra. }
  exists 1, 1, q. split; [lra|]. split; [lra|]. split; [lra|].
  rewrite !h_sigma by lra. apply sigma_increasing, Rplus_lt_compat_l. rewrite !Rdiv_1.
  set (p := sigma (logit q + Omega 1 q)).
  assert (Hp : q < p <= / 2).
  { split.
    - unfold p. rewrite <- (sigma_logit q) at 1 by lra. apply sigma_increasing.
      generalize (Omega_pos 1 q ltac:(lra) ltac:(lra)). lra.
    - rewrite <- Z. apply sigma_le. unfold q at 1. rewrite logit_sigma.
      generalize (Omega_falls 1 0 q ltac:(lra) ltac:(lra) ltac:(lra) ltac:(lra)). fold w. lra. }
  apply Omega_falls; lra.
Qed.

(** erratum-8: the fixed point is called unique. Both 0 and 1 are kept for ever, each by the runs of
    some reference, and every start in [(0, 1)] tends to 1. *)
Theorem erratum_8 : forall T (O : list T) r eps beta ref pi,
  0 < eps -> 0 < beta -> full_policy O ref -> mirror_grpo O r eps beta ref pi ->
  let p n := PoS O r (pi n) in
  (PoS O r ref = 0 -> forall n, p n = 0) /\
  (PoS O r ref = 1 -> forall n, p n = 1) /\
  (0 < PoS O r ref < 1 -> is_lim_seq p 1).
Proof.
  intros T O r eps beta ref pi He Hb F M p.
  destruct (theorem_5 T O r eps beta ref pi He Hb F M) as [Up Zero].
  split; [easy|]. split; [|intro I; now apply Up]. intros One n.
  induction n as [|n IH]; [unfold p; now rewrite (PoS_ext _ _ _ _ (proj1 M))|].
  unfold p. destruct (theorem_4 _ _ _ _ _ _ _ He Hb F M n) as [E _].
  rewrite (PoS_ext _ _ _ _ E). unfold A. rewrite tilted_PoS by now apply mirror_full with r eps beta ref.
  cbv zeta. fold (p n). rewrite IH. generalize (exp_pos ((w_plus eps 1 + w_minus eps 1) / beta)).
  intro. field. lra.
Qed.

(** All three cases occur. *)
Theorem erratum_8_instance :
  (full_policy (false :: nil) (fun _ => 1) /\ PoS (false :: nil) is_success (fun _ => 1) = 0) /\
  (full_policy (true :: nil) (fun _ => 1) /\ PoS (true :: nil) is_success (fun _ => 1) = 1) /\
  (full_policy sides (coin (/ 2)) /\ PoS sides is_success (coin (/ 2)) = / 2).
Proof.
  split; [|split; [|split; [apply coin_full; lra | apply coin_PoS]]].
  - split; [split; [intros; lra | cbn; ring] | easy].
  - split; [split; [intros; lra | cbn; ring] | cbn; ring].
Qed.

(** Anchored at the reference, 1 is not where runs end: every update from the reference 1/2 ends
    below the same number that is less than 1. *)
Theorem erratum_8_control : forall p, 0 <= p <= 1 -> h 1 1 (/ 2) p <= sigma 1.
Proof.
  intros p Hp. rewrite h_sigma by lra. apply sigma_le.
  assert (E : logit (/ 2) = 0) by (unfold logit; replace (/ 2 / (1 - / 2)) with 1 by field;
    apply ln_1).
  rewrite E. generalize (Omega_largest 1 p ltac:(lra) Hp). rewrite sqrt_1. lra.
Qed.
