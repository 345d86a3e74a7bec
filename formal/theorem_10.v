(** * Theorem 10: accumulated errors *)

From Coq Require Import Reals List Bool Lra Lia.
From Coquelicot Require Import Coquelicot.
From Formal Require Import Definitions Facts theorem_1.
Open Scope R_scope.

(** Assumption 1, with a common start: [delta n] is the error of update [n + 1], and [total] their
    sum. *)
Definition assumption_1 {T} (O : list T) (pi parametric : nat -> T -> R) (delta : nat -> R)
  (total : R) : Prop :=
  (forall n, policy O (pi n) /\ policy O (parametric n)) /\
  equal_on O (parametric 0%nat) (pi 0%nat) /\
  (forall n, 0 <= delta n) /\ is_series delta total /\ total < 1 /\
  forall n, TV O (parametric (S n)) (pi (S n)) <= TV O (parametric n) (pi n) + delta n.

(** Between two policies the probabilities of success differ by at most the total variation. *)
Lemma PoS_TV : forall T (O : list T) r pi nu, policy O pi -> policy O nu ->
  Rabs (PoS O r pi - PoS O r nu) <= TV O pi nu.
Proof.
  intros T O r pi nu P N. unfold TV. rewrite (Sum_split O r).
  assert (S := Sum_abs (successes O r) (fun o => pi o - nu o)).
  assert (F := Sum_abs (failures O r) (fun o => pi o - nu o)).
  rewrite Sum_minus in S, F. rewrite !failure_mass in F by easy. unfold PoS in *.
  replace (1 - Sum (successes O r) pi - (1 - Sum (successes O r) nu)) with
    (- (Sum (successes O r) pi - Sum (successes O r) nu)) in F by ring.
  rewrite Rabs_Ropp in F. lra.
Qed.

Lemma TV_budget : forall T (O : list T) pi parametric delta total,
  assumption_1 O pi parametric delta total -> forall n, TV O (parametric n) (pi n) <= total.
Proof.
  intros T O pi parametric delta total [_ [E [D [S [_ H]]]]].
  assert (Z : TV O (parametric 0%nat) (pi 0%nat) = 0).
  { unfold TV. rewrite (Sum_ext O _ (fun _ => 0 * 0)), Sum_scal; [ring|].
    intros o I. rewrite (E o I), Rminus_eq_0, Rabs_R0. ring. }
  assert (B : forall n, TV O (parametric (Datatypes.S n)) (pi (Datatypes.S n)) <= sum_n delta n).
  { induction n as [|n IH].
    - rewrite sum_O. specialize (H 0%nat). lra.
    - rewrite sum_Sn. specialize (H (Datatypes.S n)). change plus with Rplus. lra. }
  assert (U : forall n, sum_n delta n <= total).
  { intro n. apply (is_lim_seq_incr_compare (sum_n delta)).
    - exact S.
    - intro k. rewrite sum_Sn. change plus with Rplus. generalize (D (Datatypes.S k)). lra. }
  intros [|n].
  - specialize (U 0%nat). rewrite sum_O in U. generalize (D 0%nat). lra.
  - apply Rle_trans with (1 := B n), U.
Qed.

(** theorem-10, with the sharp constant: 1 in the place of the paper's 2. *)
Theorem theorem_10 : forall T (O : list T) r pi parametric delta total (p : R),
  assumption_1 O pi parametric delta total ->
  is_lim_seq (fun n => PoS O r (pi n)) p ->
  Rbar_le (LimSup_seq (fun n => Rabs (PoS O r (parametric n) - p))) total.
Proof.
  intros T O r pi parametric delta total p A L.
  assert (V : is_lim_seq (fun n => total + Rabs (PoS O r (pi n) - p)) total).
  { replace (Finite total) with (Finite (total + Rabs (p - p)))
      by (rewrite Rminus_eq_0, Rabs_R0; f_equal; ring).
    apply is_lim_seq_plus'; [apply is_lim_seq_const|].
    apply (is_lim_seq_abs (fun n => PoS O r (pi n) - p) (p - p)).
    apply is_lim_seq_minus'; [exact L | apply is_lim_seq_const]. }
  rewrite <- (is_LimSup_seq_unique _ _ (is_lim_LimSup_seq _ _ V)).
  apply LimSup_le. exists 0%nat. intros n _.
  assert (B := TV_budget T O pi parametric delta total A n).
  destruct (proj1 A n) as [P Q]. assert (D := PoS_TV T O r _ _ Q P).
  replace (PoS O r (parametric n) - p) with
    (PoS O r (parametric n) - PoS O r (pi n) + (PoS O r (pi n) - p)) by ring.
  apply Rle_trans with (1 := Rabs_triang _ _). lra.
Qed.

Lemma coin_TV : forall p q, TV sides (coin p) (coin q) = Rabs (p - q).
Proof.
  intros p q. unfold TV. cbn. replace (1 - p - (1 - q)) with (- (p - q)) by ring.
  rewrite Rabs_Ropp. field.
Qed.

(** All the error at the first update. *)
Definition once (d : R) (n : nat) : R := match n with 0%nat => d | _ => 0 end.

Lemma once_series : forall d, is_series (once d) d.
Proof.
  intro d. assert (is_lim_seq (sum_n (once d)) d); [|easy].
  apply (is_lim_seq_ext (fun _ => d)); [|apply is_lim_seq_const].
  induction n as [|n IH]; [now rewrite sum_O|].
  rewrite sum_Sn, <- IH. change plus with Rplus. cbn. ring.
Qed.

(** The sharp constant is attained: an instance for every sum up to 1/2. *)
Theorem theorem_10_instance : forall d, 0 <= d <= / 2 -> exists pi parametric delta,
  assumption_1 sides pi parametric delta d /\
  (forall n, PoS sides is_success (pi n) = / 2) /\
  LimSup_seq (fun n => Rabs (PoS sides is_success (parametric n) - / 2)) = d.
Proof.
  intros d Hd. exists (fun _ => coin (/ 2)),
    (fun n => coin (match n with 0%nat => / 2 | _ => / 2 + d end)), (once d).
  split; [|split].
  - split; [intros [|n]; split; apply coin_policy; lra|]. split; [easy|].
    split; [intros [|n]; cbn; lra|]. split; [apply once_series|]. split; [lra|].
    intros [|n]; rewrite !coin_TV; cbn [once].
    + rewrite Rminus_eq_0, Rabs_R0, Rabs_pos_eq; lra.
    + lra.
  - intro n. apply coin_PoS.
  - apply is_LimSup_seq_unique, is_lim_LimSup_seq.
    apply (is_lim_seq_ext_loc (fun _ => d)); [|apply is_lim_seq_const].
    exists 1%nat. intros [|n] H; [lia|]. rewrite coin_PoS.
    replace (/ 2 + d - / 2) with d by ring. rewrite Rabs_pos_eq; lra.
Qed.

(** Without the assumption on the total variation nothing bounds the gap: the same small budget, and
    a chain that is right at the start and wrong ever after. *)
Theorem theorem_10_control : exists pi parametric : nat -> bool -> R,
  (forall n, policy sides (pi n) /\ policy sides (parametric n)) /\
  equal_on sides (parametric 0%nat) (pi 0%nat) /\
  (forall n, PoS sides is_success (pi n) = / 2) /\
  ~ Rbar_le (LimSup_seq (fun n => Rabs (PoS sides is_success (parametric n) - / 2))) (/ 4).
Proof.
  exists (fun _ => coin (/ 2)), (fun n => coin (match n with 0%nat => / 2 | _ => 1 end)).
  split; [intros [|n]; split; apply coin_policy; lra|]. split; [easy|].
  split; [intro; apply coin_PoS|].
  rewrite (is_LimSup_seq_unique _ (/ 2)); [cbn; lra|]. apply is_lim_LimSup_seq.
  apply (is_lim_seq_ext_loc (fun _ => / 2)); [|apply is_lim_seq_const].
  exists 1%nat. intros [|n] H; [lia|]. rewrite coin_PoS. rewrite Rabs_pos_eq; lra.
Qed.

(** ** The limit itself need not exist *)

Definition three : list nat := 0%nat :: 1%nat :: 2%nat :: nil.
Definition two_of_three (o : nat) : bool := Nat.ltb o 2.
Definition masses (a b c : R) (o : nat) : R :=
  match o with 0%nat => a | 1%nat => b | _ => c end.

Definition even_odd {X} (x y : X) (n : nat) : X := if Nat.even n then x else y.

(** erratum-14: Theorem 10 states a limit, with a factor 2. Here the limit does not exist, while
    the sharp bound, 1/6, holds and is attained. *)
Theorem erratum_14 : exists pi parametric delta,
  assumption_1 three pi parametric delta (/ 6) /\
  (forall n, PoS three two_of_three (pi n) = 2 / 3) /\
  ~ ex_finite_lim_seq (fun n => Rabs (PoS three two_of_three (parametric n) - 2 / 3)) /\
  Rbar_le (LimSup_seq (fun n => Rabs (PoS three two_of_three (parametric n) - 2 / 3))) (/ 6).
Proof.
  set (even := masses (/ 3) (/ 3) (/ 3)).
  set (up := masses (/ 2) (/ 3) (/ 6)). set (aside := masses (/ 2) (/ 6) (/ 3)).
  set (pi := fun _ : nat => even).
  set (parametric := fun n => match n with 0%nat => even | S m => even_odd up aside m end).
  assert (P : policy three even).
  { split; [intros o [<- | [<- | [<- | []]]]; cbn; lra | cbn; lra]. }
  assert (Pu : policy three up).
  { split; [intros o [<- | [<- | [<- | []]]]; cbn; lra | cbn; lra]. }
  assert (Pa : policy three aside).
  { split; [intros o [<- | [<- | [<- | []]]]; cbn; lra | cbn; lra]. }
  assert (Tu : TV three up even = / 6).
  { unfold TV. cbn. rewrite (Rabs_pos_eq (/ 2 - / 3)), (Rabs_pos_eq (/ 3 - / 3)),
      (Rabs_left (/ 6 - / 3)) by lra. field. }
  assert (Ta : TV three aside even = / 6).
  { unfold TV. cbn. rewrite (Rabs_pos_eq (/ 2 - / 3)), (Rabs_left (/ 6 - / 3)),
      (Rabs_pos_eq (/ 3 - / 3)) by lra. field. }
  assert (T0 : TV three even even = 0).
  { unfold TV. cbn. rewrite !Rminus_eq_0, !Rabs_R0. ring. }
  assert (Ts : forall n, TV three (parametric (S n)) (pi (S n)) = / 6).
  { intro n. cbn [parametric]. unfold even_odd. destruct (Nat.even n); easy. }
  assert (A : assumption_1 three pi parametric (once (/ 6)) (/ 6)).
  { split; [intros [|n]; split; try easy; cbn [parametric]; unfold even_odd;
      destruct (Nat.even n); easy|].
    split; [easy|]. split; [intros [|n]; cbn; lra|]. split; [apply once_series|]. split; [lra|].
    intros [|n]; rewrite !Ts; cbn [once]; [unfold pi, parametric; rewrite T0|]; lra. }
  assert (E : forall n, PoS three two_of_three (pi n) = 2 / 3) by (intro; cbn; lra).
  exists pi, parametric, (once (/ 6)). split; [easy|]. split; [easy|]. split.
  - intros [l L].
    assert (Gap : forall k,
      Rabs (PoS three two_of_three (parametric (S (2 * k))) - 2 / 3) = / 6 /\
      Rabs (PoS three two_of_three (parametric (S (S (2 * k)))) - 2 / 3) = 0).
    { intro k. cbn [parametric]. unfold even_odd. rewrite Nat.even_succ.
      rewrite <- Nat.negb_even, Nat.even_mul. cbn. split.
      - rewrite Rabs_pos_eq; lra.
      - replace (/ 2 + (/ 6 + 0) - 2 / 3) with 0 by field. apply Rabs_R0. }
    apply is_lim_seq_spec in L. destruct (L (mkposreal (/ 24) ltac:(lra))) as [N HN].
    destruct (Gap N) as [G1 G2].
    assert (H1 := HN (S (2 * N)) ltac:(lia)). assert (H2 := HN (S (S (2 * N))) ltac:(lia)).
    rewrite G1 in H1. rewrite G2 in H2. cbn in H1, H2. apply Rabs_def2 in H1. apply Rabs_def2 in H2. lra.
  - apply theorem_10 with pi (once (/ 6)); [easy|].
    apply (is_lim_seq_ext (fun _ => 2 / 3)); [intro; now rewrite E | apply is_lim_seq_const].
Qed.

(** With a second outcome less, two coins, the gap is the total variation; then the sharp bound of
    Theorem 10 is a limit as soon as the total variation has one. *)
Theorem erratum_14_control : forall p (q : nat -> R) d,
  is_lim_seq (fun n => TV sides (coin (q n)) (coin p)) d ->
  is_lim_seq (fun n => Rabs (PoS sides is_success (coin (q n)) - p)) d.
Proof.
  intros p q d. apply is_lim_seq_ext. intro n. now rewrite coin_TV, coin_PoS.
Qed.
