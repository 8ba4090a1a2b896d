(** The checker as an OCaml program. Integers become those of Zarith; products count work. *)

From Coq Require Extraction.
From Coq Require Import ExtrOcamlBasic ExtrOcamlZBigInt ZArith.
Require Import Soundness.

Extract Inlined Constant Z.leb => "Big_int_Z.le_big_int".
Extract Inlined Constant Z.ltb => "Big_int_Z.lt_big_int".
Extract Inlined Constant Z.mul => "Work.mul".
Extract Inlined Constant Pos.eqb => "Big_int_Z.eq_big_int".

Set Extraction Output Directory ".".
Extraction "checker.ml" check.
