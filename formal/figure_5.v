(** * Figure 5: convergence is not for granted *)

From Coq Require Import Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
From Formal Require Import Definitions Facts Enclosure proposition_1 contraction.
Open Scope R_scope.

(** The update at [beta = 5], [p_ref = 0.001] and [eps = 0.00001]. *)
Definition h_6 : R -> R := h (/ 100000) 5 (/ 1000).

(** Two sets of states that it exchanges. *)
Definition low (p : R) : Prop := 0.0015 <= p <= 0.0035.
Definition high (p : R) : Prop := 0.028 <= p <= 0.148.

(** Both lie where the update falls, so their ends decide. *)
Lemma h_6_falls : forall p q, 0 <= p <= q -> q <= / 2 -> h_6 q <= h_6 p.
Proof.
  intros p q [Hp [H | <-]] Hq; [|lra]. left.
  destruct (proposition_1 (/ 100000) 5 (/ 1000)) as [_ [_ [_ [_ [Fall _]]]]]; try lra.
  apply Fall; lra.
Qed.

Lemma low_to_high : forall p, low p -> high (h_6 p).
Proof.
  intros p [L H]. split.
  - apply Rle_trans with (h_6 (35 / 10000)); [|apply h_6_falls; lra].
    unfold h_6, h, Omega. interval with (i_prec 30).
  - apply Rle_trans with (h_6 (15 / 10000)); [apply h_6_falls; lra|].
    unfold h_6, h, Omega. interval with (i_prec 30).
Qed.

Lemma high_to_low : forall p, high p -> low (h_6 p).
Proof.
  intros p [L H]. split.
  - apply Rle_trans with (h_6 (148 / 1000)); [|apply h_6_falls; lra].
    unfold h_6, h, Omega. interval with (i_prec 30).
  - apply Rle_trans with (h_6 (28 / 1000)); [apply h_6_falls; lra|].
    unfold h_6, h, Omega. interval with (i_prec 30).
Qed.

Lemma two_updates : low (h_6 (h_6 (/ 1000))).
Proof. unfold low, h_6, h, Omega. split; interval with (i_prec 40). Qed.

(** erratum-6: the text says without a condition that the iteration converges. From
    [p_0 = p_ref] this one does not, to no number; and it has a cycle of two states. *)
Theorem erratum_6 :
  ~ ex_finite_lim_seq (fun n => iterate h_6 n (/ 1000)) /\
  exists p, h_6 (h_6 p) = p /\ 0.002338040 < p < 0.002338044 /\ 0.0587156 < h_6 p < 0.0587159.
Proof.
  split.
  - intros [l L].
    assert (Alt : forall n, low (iterate h_6 (2 + 2 * n) (/ 1000)) /\
      high (iterate h_6 (3 + 2 * n) (/ 1000))).
    { induction n as [|n [_ IH]].
      - split; [exact two_updates | apply low_to_high, two_updates].
      - replace (2 + 2 * S n)%nat with (S (3 + 2 * n)) by lia.
        replace (3 + 2 * S n)%nat with (S (S (3 + 2 * n))) by lia. cbn [iterate].
        assert (X := high_to_low _ IH). split; [exact X | apply low_to_high, X]. }
    apply is_lim_seq_spec in L. destruct (L (mkposreal 0.01 ltac:(lra))) as [N HN]. cbn in HN.
    assert (H2 := HN (2 + 2 * N)%nat ltac:(lia)). assert (H3 := HN (3 + 2 * N)%nat ltac:(lia)).
    destruct (Alt N) as [[_ Lo] [Hi _]]. apply Rabs_def2 in H2. apply Rabs_def2 in H3. lra.
  - destruct (crossing (fun p => p - h_6 (h_6 p)) 0.002338040 0.002338044) as [p [I E]].
    + lra.
    + intros p Hp. apply (continuous_minus (fun p => p) (fun p => h_6 (h_6 p)));
        [apply continuous_id|].
      assert (C : forall q, 0 <= q <= 1 -> continuous h_6 q)
        by (apply (proposition_1 (/ 100000) 5 (/ 1000)); lra).
      apply (continuous_comp h_6 h_6); apply C; [lra|].
      generalize (h_bounds (/ 100000) 5 (/ 1000) p). unfold h_6. lra.
    + unfold h_6, h, Omega. interval with (i_prec 60).
    + unfold h_6, h, Omega. interval with (i_prec 60).
    + exists p. split; [lra|]. split; [lra|].
      unfold h_6, h, Omega. split; interval with (i_prec 60).
Qed.

(** With a penalty above the threshold of the chapter on contraction, at [beta = 61], the same prompt
    does what the text says. *)
Theorem erratum_6_control :
  ex_finite_lim_seq (fun n => iterate (h (/ 100000) 61 (/ 1000)) n (/ 1000)).
Proof.
  assert (T : B_max (/ 100000) < 1 * 61) by (unfold B_max; interval with (i_prec 30)).
  destruct (beyond_3_uniform (/ 100000) 1 61 (logit (/ 1000)) ltac:(lra) ltac:(lra) ltac:(lra) T)
    as [L [_ [_ [K [_ C]]]]].
  set (g := G (/ 100000) 1 61 (logit (/ 1000))) in *.
  assert (Same : forall n, iterate (h (/ 100000) 61 (/ 1000)) n (/ 1000) =
    sigma (iterate g n (logit (/ 1000)))).
  { induction n as [|n IH]; [cbn; symmetry; apply sigma_logit; lra|].
    cbn [iterate]. rewrite IH, h_sigma by lra. unfold g at 2, G. f_equal. ring. }
  exists (sigma L). apply is_lim_seq_ext with (1 := fun n => eq_sym (Same n)).
  apply is_lim_seq_continuous; [apply continuity_pt_filterlim, sigma_continuous|].
  apply is_lim_seq_ext with (fun n => (iterate g n (logit (/ 1000)) - L) + L); [intro; ring|].
  replace (Finite L) with (Finite (0 + L)) by (f_equal; ring).
  apply is_lim_seq_plus'; [|apply is_lim_seq_const]. apply is_lim_seq_abs_0.
  set (kappa := 1 - 1 + B_max (/ 100000) / 61) in *.
  apply is_lim_seq_le_le with (fun _ => 0) (fun n => kappa ^ n * Rabs (logit (/ 1000) - L)).
  - intro n. split; [apply Rabs_pos | apply C].
  - apply is_lim_seq_const.
  - replace (Finite 0) with (Finite (0 * Rabs (logit (/ 1000) - L))) by (f_equal; ring).
    apply is_lim_seq_mult'; [|apply is_lim_seq_const]. apply is_lim_seq_geom.
    rewrite Rabs_pos_eq; lra.
Qed.
