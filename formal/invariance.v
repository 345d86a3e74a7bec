(** * One dimension is enough: what an exact update never changes *)

From Coq Require Import Reals List Bool Lra Lia.
From Coquelicot Require Import Coquelicot.
From Formal Require Import Definitions Facts theorem_1 lemma_2 lemma_3.
Open Scope R_scope.

(** Exact updates without clip. Weights, [alpha] and [beta] may change from update to update. *)
Definition updates {T} (O : list T) (r : T -> bool) (wp wm alpha beta : nat -> R) (ref : T -> R)
  (pi : nat -> T -> R) : Prop :=
  equal_on O (pi 0%nat) ref /\
  forall n, maximises O (two_kl_objective O (advantage r (wp n) (wm n)) (alpha n) (beta n) ref (pi n))
    (pi (S n)).

(** A policy that the reference becomes by one factor on the successes and one on the failures. *)
Definition rescaled {T} (O : list T) (r : T -> bool) (ref pi : T -> R) (c d : R) : Prop :=
  0 < c /\ 0 < d /\ forall o, In o O -> pi o = (if r o then c else d) * ref o.

Section Rescaled.
Context {T : Type} (O : list T) (r : T -> bool) (ref : T -> R).
Hypothesis F : full_policy O ref.
Hypothesis I : 0 < PoS O r ref < 1.

Lemma rescaled_masses : forall pi c d, rescaled O r ref pi c d ->
  PoS O r pi = c * PoS O r ref /\ Sum (failures O r) pi = d * (1 - PoS O r ref).
Proof.
  intros pi c d [_ [_ E]]. rewrite <- (failure_mass O r ref) by now apply full_is_policy.
  unfold PoS. rewrite <- !Sum_scal. split.
  - apply Sum_successes_ext. intros o J R. now rewrite E, R.
  - apply Sum_failures_ext. intros o J R. now rewrite E, R.
Qed.

Lemma rescaled_logit : forall pi c d, policy O pi -> rescaled O r ref pi c d ->
  0 < PoS O r pi < 1 /\ logit (PoS O r pi) = logit (PoS O r ref) + ln (c / d).
Proof.
  intros pi c d P K. destruct (rescaled_masses pi c d K) as [Es Ef].
  rewrite failure_mass in Ef by easy. destruct K as [Pc [Pd _]].
  assert (B : 0 < PoS O r pi < 1) by (split; nra). split; [easy|].
  unfold logit. rewrite Ef. rewrite <- ln_mult.
  - f_equal. rewrite Es. field. split; lra.
  - apply odds_pos. easy.
  - now apply Rdiv_lt_0_compat.
Qed.

(** The update of a rescaled reference is one. *)
Lemma rescaled_update : forall wp wm alpha beta pi nu c d,
  0 < beta -> full_policy O pi -> rescaled O r ref pi c d ->
  maximises O (two_kl_objective O (advantage r wp wm) alpha beta ref pi) nu ->
  full_policy O nu /\ exists c' d', rescaled O r ref nu c' d' /\
    ln (c' / d') = (1 - alpha) * ln (c / d) + (wp + wm) / beta.
Proof.
  intros wp wm alpha beta pi nu c d B Fp [Pc [Pd K]] M.
  assert (Fm := geometric_mean_full T O alpha ref pi (full_not_nil O ref F)).
  apply two_kl_maximiser in M; try easy.
  assert (U := maximiser_tilted O _ beta _ nu B Fm M).
  split; [apply full_ext with (1 := U); now apply tilted_full|].
  set (S := Sum O (power_mean alpha ref pi)).
  set (z := Z O (advantage r wp wm) beta (geometric_mean O alpha ref pi)).
  assert (PZ : 0 < z) by now apply Z_pos.
  assert (PS : 0 < S) by (apply Sum_pos; [now apply (full_not_nil O ref) |
    intros; apply power_mean_pos]).
  exists (Rpower c (1 - alpha) * exp (wp / beta) / (S * z)),
    (Rpower d (1 - alpha) * exp (- wm / beta) / (S * z)).
  assert (Q : 0 < / (S * z)) by (apply Rinv_0_lt_compat; now apply Rmult_lt_0_compat).
  assert (Up : forall x y, 0 < exp x * exp y) by (intros; apply Rmult_lt_0_compat; apply exp_pos).
  split; [split; [|split]|].
  - apply Rmult_lt_0_compat; [apply Up | easy].
  - apply Rmult_lt_0_compat; [apply Up | easy].
  - intros o J. rewrite (U o J). unfold tilted. fold z. unfold geometric_mean. fold S.
    assert (Po := proj1 F o J).
    assert (E : power_mean alpha ref pi o = Rpower (if r o then c else d) (1 - alpha) * ref o).
    { unfold power_mean. rewrite (K o J), <- Rpower_mult_distr; [|destruct (r o); easy | easy].
      rewrite (Rmult_comm (Rpower (if r o then c else d) _)), <- Rmult_assoc, <- Rpower_plus.
      replace (alpha + (1 - alpha)) with 1 by ring. rewrite Rpower_1 by easy. ring. }
    rewrite E. unfold advantage. destruct (r o); field; lra.
  - unfold Rpower. rewrite <- !exp_plus.
    replace (exp _ / (S * z) / (exp _ / (S * z))) with
      (exp ((1 - alpha) * ln c + wp / beta) / exp ((1 - alpha) * ln d + - wm / beta)).
    + rewrite !Rcomplements.ln_div, !ln_exp by (easy || apply exp_pos). field. lra.
    + generalize (exp_pos ((1 - alpha) * ln d + - wm / beta)). intro. field. lra.
Qed.

Lemma rescaled_run : forall wp wm alpha beta pi, (forall n, 0 < beta n) ->
  updates O r wp wm alpha beta ref pi ->
  forall n, full_policy O (pi n) /\ exists c d, rescaled O r ref (pi n) c d.
Proof.
  intros wp wm alpha beta pi B [E M]. induction n as [|n [Fn [c [d K]]]].
  - split; [now apply full_ext with ref|]. exists 1, 1. split; [lra|]. split; [lra|].
    intros o J. rewrite E by easy. destruct (r o); ring.
  - destruct (rescaled_update _ _ _ _ _ _ _ _ (B n) Fn K (M n)) as [Fs [c' [d' [K' _]]]].
    split; [easy | now exists c', d'].
Qed.
End Rescaled.

(** beyond-1-conditionals, for updates without clip. *)
Theorem beyond_1_conditionals : forall T (O : list T) r wp wm alpha beta ref pi,
  full_policy O ref -> 0 < PoS O r ref < 1 ->
  (forall n, 0 < beta n) -> (forall n, 0 <= alpha n <= 1) ->
  updates O r wp wm alpha beta ref pi ->
  let p_ref := PoS O r ref in let p n := PoS O r (pi n) in
  forall n, 0 < p n < 1 /\
    equal_on (successes O r) (conditional (p n) (pi n)) (conditional p_ref ref) /\
    equal_on (failures O r) (conditional (1 - p n) (pi n)) (conditional (1 - p_ref) ref).
Proof.
  intros T O r wp wm alpha beta ref pi F I B _ U p_ref p n.
  destruct (rescaled_run O r ref F wp wm alpha beta pi B U n) as [Fn [c [d K]]].
  assert (P := full_is_policy _ _ Fn).
  destruct (rescaled_logit O r ref F I _ c d P K) as [Ip _].
  destruct (rescaled_masses O r ref F _ c d K) as [Es Ef]. rewrite failure_mass in Ef by easy.
  fold (p n) in Es, Ef, Ip. fold p_ref in Es, Ef, I. destruct K as [Pc [Pd K]].
  split; [easy|]. split; intros o J; unfold conditional.
  - apply success_spec in J as [J R]. rewrite (K o J), R, Es. field. lra.
  - apply failure_spec in J as [J R]. rewrite (K o J), R, Ef. field. lra.
Qed.

(** beyond-1-recurrence: the correction of Theorem 9 is 0, and the recurrence is exact. *)
Theorem beyond_1_recurrence : forall T (O : list T) r wp wm alpha beta ref pi,
  full_policy O ref -> 0 < PoS O r ref < 1 ->
  (forall n, 0 < beta n) -> (forall n, 0 <= alpha n <= 1) ->
  updates O r wp wm alpha beta ref pi ->
  let p_ref := PoS O r ref in let p n := PoS O r (pi n) in
  forall n,
    (0 < alpha n < 1 ->
      renyi (successes O r) (alpha n) (conditional p_ref ref) (conditional (p n) (pi n)) = 0 /\
      renyi (failures O r) (alpha n) (conditional (1 - p_ref) ref)
        (conditional (1 - p n) (pi n)) = 0) /\
    logit (p (S n)) =
      alpha n * logit p_ref + (1 - alpha n) * logit (p n) + (wp n + wm n) / beta n.
Proof.
  intros T O r wp wm alpha beta ref pi F I B Ha U p_ref p n.
  destruct (beyond_1_conditionals T O r wp wm alpha beta ref pi F I B Ha U n) as [Ip [Cs Cf]].
  fold p_ref in Cs, Cf. fold (p n) in Cs, Cf, Ip.
  assert (Self : forall (L : list T) (q : R), 0 < q -> Sum L ref = q ->
    (forall o, In o L -> 0 < ref o) ->
    Sum L (power_mean (alpha n) (conditional q ref) (conditional q ref)) = 1).
  { intros L q Q E P. transitivity (/ q * Sum L ref); [|rewrite E; apply Rinv_l; lra].
    rewrite <- Sum_scal. apply Sum_ext. intros o J. unfold power_mean, conditional. rewrite <- Rpower_plus.
    replace (alpha n + (1 - alpha n)) with 1 by ring.
    rewrite Rpower_1 by (apply Rdiv_lt_0_compat; [now apply P | lra]).
    apply Rmult_comm. }
  assert (Same : forall (L : list T) a b c, equal_on L b c ->
    Sum L (power_mean (alpha n) a b) = Sum L (power_mean (alpha n) a c)).
  { intros L a b c E. apply Sum_ext. intros o J. unfold power_mean. now rewrite (E o J). }
  split.
  - intros _. unfold renyi. split.
    + rewrite (Same _ _ _ _ Cs), Self, ln_1; [ring | apply I | easy |].
      intros o J. apply F. now apply success_spec in J.
    + rewrite (Same _ _ _ _ Cf), Self, ln_1; [ring | unfold p_ref; lra | |].
      * apply failure_mass. now apply full_is_policy.
      * intros o J. apply F. now apply failure_spec in J.
  - destruct (rescaled_run O r ref F wp wm alpha beta pi B U n) as [Fn [c [d K]]].
    destruct (rescaled_update O r ref F _ _ _ _ _ _ c d (B n) Fn K (proj2 U n))
      as [Fs [c' [d' [K' E]]]].
    destruct (rescaled_logit O r ref F I _ c d (full_is_policy _ _ Fn) K) as [_ L].
    destruct (rescaled_logit O r ref F I _ c' d' (full_is_policy _ _ Fs) K') as [_ L'].
    unfold p. rewrite L', L, E. unfold p_ref. ring.
Qed.

(** beyond-1-pass-at-k: an update with a weight that is not 0 ends above the reference, at every k. *)
Theorem beyond_1_pass_at_k : forall T (O : list T) r wp wm alpha beta ref pi,
  full_policy O ref -> 0 < PoS O r ref < 1 ->
  (forall n, 0 < beta n) -> (forall n, 0 <= alpha n <= 1) ->
  (forall n, 0 <= wp n /\ 0 <= wm n) ->
  updates O r wp wm alpha beta ref pi ->
  let p_ref := PoS O r ref in let p n := PoS O r (pi n) in
  forall n, p_ref <= p n /\
    (0 < wp n + wm n -> p_ref < p (S n) /\
      forall k, (1 <= k)%nat -> 1 - (1 - p_ref) ^ k < 1 - (1 - p (S n)) ^ k).
Proof.
  intros T O r wp wm alpha beta ref pi F I B Ha W U p_ref p.
  assert (Q : forall n, 0 < p n < 1).
  { intro n. apply (beyond_1_conditionals T O r wp wm alpha beta ref pi F I B Ha U n). }
  assert (R : forall n, logit (p (S n)) =
    alpha n * logit p_ref + (1 - alpha n) * logit (p n) + (wp n + wm n) / beta n).
  { intro n. apply (beyond_1_recurrence T O r wp wm alpha beta ref pi F I B Ha U n). }
  assert (D : forall n, 0 <= / beta n) by (intro; left; now apply Rinv_0_lt_compat).
  assert (Low : forall n, logit p_ref <= logit (p n)).
  { induction n as [|n IH].
    - right. f_equal. symmetry. apply PoS_ext, U.
    - rewrite R. destruct (W n). specialize (D n). specialize (Ha n). unfold Rdiv.
      assert (0 <= (wp n + wm n) * / beta n) by (apply Rmult_le_pos; lra). nra. }
  intro n. split.
  - destruct (Low n) as [H|H]; [left; now apply logit_lt | right; now apply logit_injective].
  - intro H.
    assert (L : p_ref < p (S n)).
    { apply logit_lt; [easy | apply Q |]. rewrite R.
      assert (0 < (wp n + wm n) / beta n) by now apply Rdiv_lt_0_compat.
      specialize (Low n). specialize (Ha n). nra. }
    split; [easy|]. intros k Hk. specialize (Q (S n)).
    assert ((1 - p (S n)) ^ k < (1 - p_ref) ^ k); [|lra].
    destruct k as [|k]; [lia|]. clear Hk. induction k as [|k IH]; [unfold p_ref in *; lra|].
    assert (0 < (1 - p (S n)) ^ S k) by (apply pow_lt; lra).
    rewrite <- (tech_pow_Rmult (1 - p (S n)) (S k)), <- (tech_pow_Rmult (1 - p_ref) (S k)).
    apply Rmult_gt_0_lt_compat; lra.
Qed.

(** beyond-1-gain: [alpha] and [beta] constant. The sum is that of the weights [(1-alpha)^(n-1-j)]
    times the scales; with the mean only every scale is 1. *)
Theorem beyond_1_gain : forall T (O : list T) r wp wm alpha beta ref pi,
  full_policy O ref -> 0 < PoS O r ref < 1 -> 0 < beta -> 0 <= alpha <= 1 ->
  updates O r wp wm (fun _ => alpha) (fun _ => beta) ref pi ->
  let L n := logit (PoS O r (pi n)) in let L_ref := logit (PoS O r ref) in
  (forall n, L (S n) - L_ref =
    sum_f_R0 (fun j => (1 - alpha) ^ (n - j) * (wp j + wm j)) n / beta) /\
  (0 < alpha -> (forall n, wp n + wm n = 1) -> forall n,
    L n - L_ref = (1 - (1 - alpha) ^ n) / (alpha * beta)).
Proof.
  intros T O r wp wm alpha beta ref pi F I B Ha U L L_ref.
  assert (R : forall n, L (S n) = alpha * L_ref + (1 - alpha) * L n + (wp n + wm n) / beta).
  { intro n. apply (beyond_1_recurrence T O r wp wm (fun _ => alpha) (fun _ => beta) ref pi F I
      (fun _ => B) (fun _ => Ha) U n). }
  assert (L0 : L 0%nat = L_ref) by (unfold L, L_ref; f_equal; apply PoS_ext, U).
  split.
  - induction n as [|n IH].
    + rewrite R, L0. cbn. field. lra.
    + rewrite R, tech5, Nat.sub_diag.
      replace (sum_f_R0 _ n) with
        ((1 - alpha) * sum_f_R0 (fun j => (1 - alpha) ^ (n - j) * (wp j + wm j)) n).
      * cbn [pow]. replace (L (S n)) with
          (sum_f_R0 (fun j => (1 - alpha) ^ (n - j) * (wp j + wm j)) n / beta + L_ref)
          by (rewrite <- IH; ring). field. lra.
      * rewrite scal_sum. apply sum_eq. intros j Hj. rewrite Nat.sub_succ_l by easy. cbn [pow]. ring.
  - intros Pa One. induction n as [|n IH].
    + rewrite L0. cbn [pow]. field. lra.
    + rewrite R, One. replace (L n) with (L n - L_ref + L_ref) by ring. rewrite IH. cbn [pow].
      field. lra.
Qed.

(** Not vacuous: such updates exist, for all weights and all references. *)
Theorem invariance_instance : forall T (O : list T) r wp wm alpha beta ref,
  (forall n, 0 < beta n) -> full_policy O ref ->
  exists pi, updates O r wp wm alpha beta ref pi.
Proof.
  intros T O r wp wm alpha beta ref B F.
  set (pi := fix pi n := match n with
    | 0%nat => ref
    | S m => tilted O (advantage r (wp m) (wm m)) (beta m) (geometric_mean O (alpha m) ref (pi m))
    end).
  assert (Fg : forall n, full_policy O (geometric_mean O (alpha n) ref (pi n))).
  { intro. apply geometric_mean_full. now apply (full_not_nil O ref). }
  assert (Fn : forall n, full_policy O (pi n)) by (intros [|n]; [easy | now apply tilted_full]).
  exists pi. split; [easy|]. intro n. apply two_kl_maximiser; try easy.
  now apply tilted_maximises.
Qed.

(** A start with the success of the reference, but other conditionals: after one update with the
    mean only the log-odds are not those of the recurrence. *)
Theorem invariance_control : exists (O : list nat) r ref start pi,
  full_policy O ref /\ full_policy O start /\ PoS O r start = PoS O r ref /\
  maximises O (two_kl_objective O (advantage r 1 0) (/ 2) 1 ref start) pi /\
  logit (PoS O r pi) <> / 2 * logit (PoS O r ref) + (1 - / 2) * logit (PoS O r start) + 1.
Proof.
  set (O := 0%nat :: 1%nat :: 2%nat :: nil). set (r := fun n => Nat.ltb n 2).
  set (ref := fun n : nat => match n with 0%nat => / 10 | 1%nat => 4 / 10 | _ => / 2 end).
  set (start := fun n : nat => match n with 0%nat => 4 / 10 | 1%nat => / 10 | _ => / 2 end).
  assert (F : full_policy O ref).
  { split; [intros o [<- | [<- | [<- | []]]]; cbn; lra | cbn; lra]. }
  assert (G : full_policy O start).
  { split; [intros o [<- | [<- | [<- | []]]]; cbn; lra | cbn; lra]. }
  assert (Ep : PoS O r ref = / 2) by (cbn; lra).
  assert (Es : PoS O r start = / 2) by (cbn; lra).
  set (m := geometric_mean O (/ 2) ref start).
  assert (Fm : full_policy O m) by now apply geometric_mean_full.
  exists O, r, ref, start, (tilted O (advantage r 1 0) 1 m).
  split; [easy|]. split; [easy|]. split; [lra|]. split.
  - apply two_kl_maximiser; try easy; [lra|]. apply tilted_maximises; [lra | easy].
  - assert (V : forall x, 0 < x -> Rpower x (/ 2) * Rpower x (1 - / 2) = x).
    { intros x X. rewrite <- Rpower_plus. replace (/ 2 + (1 - / 2)) with 1 by field.
      now apply Rpower_1. }
    assert (W : Rpower (/ 10) (/ 2) * Rpower (4 / 10) (1 - / 2) = / 5).
    { replace (1 - / 2) with (/ 2) by field. rewrite Rpower_mult_distr, Rpower_sqrt by lra.
      replace (/ 10 * (4 / 10)) with (/ 5 * / 5) by field. apply sqrt_square. lra. }
    assert (W' : Rpower (4 / 10) (/ 2) * Rpower (/ 10) (1 - / 2) = / 5).
    { rewrite Rmult_comm. replace (1 - / 2) with (/ 2) by field.
      replace (/ 2) with (1 - / 2) at 2 by field. exact W. }
    assert (Pm : PoS O r m = 4 / 9).
    { unfold m, geometric_mean, PoS. cbn. unfold power_mean. cbn. rewrite W, W', V by lra. field. }
    assert (Im : 0 < PoS O r m < 1) by lra.
    rewrite (proj2 (tilted_logit O r 1 0 1 m Fm Im)), Pm, Ep, Es.
    generalize (logit_increasing (4 / 9) (/ 2)). lra.
Qed.

(** Two KL terms are slower than mirror, whose log-odds rise by [1 / beta] at every update. *)
Theorem beyond_1_gain_control : forall pi,
  updates sides is_success (fun _ => / 2) (fun _ => / 2) (fun _ => / 2) (fun _ => 1) (coin (/ 2)) pi ->
  logit (PoS sides is_success (pi 2%nat)) - logit (/ 2) < 2 / 1.
Proof.
  intros pi U. assert (F := coin_full (/ 2) ltac:(lra)).
  assert (I : 0 < PoS sides is_success (coin (/ 2)) < 1) by (rewrite coin_PoS; lra).
  destruct (beyond_1_gain _ _ _ _ _ (/ 2) 1 _ pi F I ltac:(lra) ltac:(lra) U) as [_ L].
  rewrite coin_PoS in L. rewrite L; [cbn; lra | lra | intro; lra].
Qed.

(** The sign of the weights turned: success falls below the reference. *)
Theorem beyond_1_pass_at_k_control : forall pi,
  maximises sides (two_kl_objective sides (advantage is_success (-1) 0) 1 1 (coin (/ 2))
    (coin (/ 2))) pi -> PoS sides is_success pi < / 2.
Proof.
  intros pi M. assert (F := coin_full (/ 2) ltac:(lra)).
  assert (I : 0 < PoS sides is_success (coin (/ 2)) < 1) by (rewrite coin_PoS; lra).
  assert (K : rescaled sides is_success (coin (/ 2)) (coin (/ 2)) 1 1).
  { split; [lra|]. split; [lra|]. intros [] _; cbn; ring. }
  destruct (rescaled_update sides is_success _ F (-1) 0 1 1 _ pi 1 1 ltac:(lra) F K M)
    as [Fp [c [d [K' E]]]].
  destruct (rescaled_logit sides is_success _ F I pi c d (full_is_policy _ _ Fp) K') as [Ip L].
  rewrite coin_PoS in L. apply logit_lt; [easy | lra |]. rewrite L, E. lra.
Qed.
