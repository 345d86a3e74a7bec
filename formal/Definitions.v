(** * Definitions that all chapters share

    The symbols are those of the paper (arXiv:2503.06639, version 4). [eps] is the smoothing inside
    the root, [beta] the weight of the KL penalty. Everything is for one prompt. *)

From Coq Require Import Reals List Bool.
Open Scope R_scope.

(** ** Log-odds *)

Definition sigma (L : R) : R := / (1 + exp (- L)).
Definition logit (p : R) : R := ln (p / (1 - p)).

(** ** Weights and scale of mean and variance normalisation *)

Definition Omega (eps p : R) : R := / sqrt (p * (1 - p) + eps).
Definition w_plus (eps p : R) : R := (1 - p) / sqrt (p * (1 - p) + eps).
Definition w_minus (eps p : R) : R := p / sqrt (p * (1 - p) + eps).

(** The map of Theorem 2, [p_n = h (p_(n-1))]. *)
Definition h (eps beta p_ref p : R) : R :=
  / (1 + (1 - p_ref) / p_ref * exp (- (Omega eps p / beta))).

(** The update in log-odds, with a share [alpha] of the penalty on the reference. *)
Definition G (eps alpha beta L_ref L : R) : R :=
  alpha * L_ref + (1 - alpha) * L + Omega eps (sigma L) / beta.

(** States of an iteration, from the first on. *)
Fixpoint iterate (g : R -> R) (n : nat) (x : R) : R :=
  match n with O => x | S m => g (iterate g m x) end.

(** ** Finite policies

    [O] lists the outcomes that the reference can take: a policy with mass elsewhere has an infinite
    KL and maximises nothing. A policy is a function on outcomes, of which the values on [O] count.
    [r] is the reward, 1 or 0 as [true] or [false]. Coq's [ln 0] is 0, so a term of a KL whose mass
    is 0 is 0. *)

Definition Sum {T} (O : list T) (f : T -> R) : R := fold_right (fun o s => f o + s) 0 O.

Definition policy {T} (O : list T) (pi : T -> R) : Prop :=
  (forall o, In o O -> 0 <= pi o) /\ Sum O pi = 1.

Definition full_policy {T} (O : list T) (pi : T -> R) : Prop :=
  (forall o, In o O -> 0 < pi o) /\ Sum O pi = 1.

Definition equal_on {T} (O : list T) (pi nu : T -> R) : Prop :=
  forall o, In o O -> pi o = nu o.

Definition mean {T} (O : list T) (pi f : T -> R) : R := Sum O (fun o => pi o * f o).

Definition KL {T} (O : list T) (pi nu : T -> R) : R :=
  Sum O (fun o => pi o * ln (pi o / nu o)).

Definition TV {T} (O : list T) (pi nu : T -> R) : R :=
  / 2 * Sum O (fun o => Rabs (pi o - nu o)).

Definition successes {T} (O : list T) (r : T -> bool) : list T := filter r O.
Definition failures {T} (O : list T) (r : T -> bool) : list T := filter (fun o => negb (r o)) O.

(** The probability of success, [p] of a policy. *)
Definition PoS {T} (O : list T) (r : T -> bool) (pi : T -> R) : R := Sum (successes O r) pi.

(** ** Objectives and updates *)

(** [wp] on a success, [- wm] on a failure. *)
Definition advantage {T} (r : T -> bool) (wp wm : R) (o : T) : R := if r o then wp else - wm.

(** The advantage with the weights that belong to a probability of success. *)
Definition A {T} (r : T -> bool) (eps p : R) : T -> R :=
  advantage r (w_plus eps p) (w_minus eps p).

Definition objective {T} (O : list T) (a : T -> R) (beta : R) (anchor pi : T -> R) : R :=
  mean O pi a - beta * KL O pi anchor.

Definition two_kl_objective {T} (O : list T) (a : T -> R) (alpha beta : R)
  (ref previous pi : T -> R) : R :=
  mean O pi a - beta * (alpha * KL O pi ref + (1 - alpha) * KL O pi previous).

Definition maximises {T} (O : list T) (J : (T -> R) -> R) (pi : T -> R) : Prop :=
  policy O pi /\ forall nu, policy O nu -> J nu <= J pi.

Definition Z {T} (O : list T) (a : T -> R) (beta : R) (anchor : T -> R) : R :=
  Sum O (fun o => anchor o * exp (a o / beta)).

(** The anchor, reweighted by the exponential of the advantage. *)
Definition tilted {T} (O : list T) (a : T -> R) (beta : R) (anchor : T -> R) (o : T) : R :=
  anchor o * exp (a o / beta) / Z O a beta anchor.

(** Proportional to [a^alpha b^(1-alpha)]. *)
Definition power_mean {T} (alpha : R) (a b : T -> R) (o : T) : R :=
  Rpower (a o) alpha * Rpower (b o) (1 - alpha).

Definition geometric_mean {T} (O : list T) (alpha : R) (a b : T -> R) (o : T) : R :=
  power_mean alpha a b o / Sum O (power_mean alpha a b).

Definition renyi {T} (O : list T) (alpha : R) (a b : T -> R) : R :=
  / (alpha - 1) * ln (Sum O (power_mean alpha a b)).

(** What a policy is among the outcomes of a list, with mass [p] on all of it. *)
Definition conditional {T} (p : R) (pi : T -> R) (o : T) : R := pi o / p.

(** GRPO with the penalty to the reference, to the previous policy, and to both. *)
Definition grpo {T} (O : list T) (r : T -> bool) (eps beta : R) (ref : T -> R)
  (pi : nat -> T -> R) : Prop :=
  equal_on O (pi 0%nat) ref /\
  forall n, maximises O (objective O (A r eps (PoS O r (pi n))) beta ref) (pi (S n)).

Definition mirror_grpo {T} (O : list T) (r : T -> bool) (eps beta : R) (ref : T -> R)
  (pi : nat -> T -> R) : Prop :=
  equal_on O (pi 0%nat) ref /\
  forall n, maximises O (objective O (A r eps (PoS O r (pi n))) beta (pi n)) (pi (S n)).

Definition two_kl_grpo {T} (O : list T) (r : T -> bool) (eps alpha beta : R) (ref : T -> R)
  (pi : nat -> T -> R) : Prop :=
  equal_on O (pi 0%nat) ref /\
  forall n, maximises O (two_kl_objective O (A r eps (PoS O r (pi n))) alpha beta ref (pi n))
    (pi (S n)).

(** ** The smallest example

    Two outcomes, [true] a success and [false] a failure: a coin with success [p]. *)

Definition sides : list bool := true :: false :: nil.
Definition is_success (o : bool) : bool := o.
Definition coin (p : R) (o : bool) : R := if o then p else 1 - p.
