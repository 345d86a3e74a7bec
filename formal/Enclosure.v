(** * The tactic [interval] on integers that Coq itself defines

    As it comes, the tactic computes with the processor's numbers, and a proof then assumes what the
    processor does. Given a precision, [i_prec], this one computes with integers of any size. *)

From Interval Require Import Specific_ops Specific_stdz.
From Interval Require Export Tactic.

Module Integers := SpecificFloat StdZRadix2.
Module Enclosure := IntervalTactic Integers.
Export Enclosure.
