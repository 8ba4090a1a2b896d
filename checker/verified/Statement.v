(** The statement: networks, boxes and claims.

    Read this file, and the theorem at the end of [Soundness.v], to know what is proved. The other files
    contain the checker and the proof of the theorem. You need not read them, because Coq has checked them.
    The words are those of [docs/certificates.md]. *)

From Coq Require Import ZArith QArith Qreals Reals List.
Import ListNotations.
Open Scope R_scope.

(** Variables are numbered: first the inputs from 0, then the units. An environment gives each
    variable a real number. *)

Definition var := Z.
Definition env := var -> R.

(** ** Linear forms

    A form is [(constant + sum of coefficient * variable) / over], with integers. *)

Inductive sum := Empty | Term (i : var) (c : Z) (rest : sum).

Fixpoint sum_at (s : sum) (e : env) : R :=
  match s with
  | Empty => 0
  | Term i c rest => IZR c * e i + sum_at rest e
  end.

Record form := Form { over : positive; constant : Z; terms : sum }.

Definition form_at (f : form) (e : env) : R :=
  (IZR (constant f) + sum_at (terms f) e) / IZR (Zpos (over f)).

(** ** Networks

    A unit has a sum [z], which is a form of earlier variables, and the value [kink below above z].
    ReLU is [kink 0 1], the absolute value is [kink (-1) 1]. *)

Definition kink (below above z : R) : R := if Rle_dec 0 z then above * z else below * z.

Record neuron := Neuron { below : Q; above : Q; argument : form }.

Definition set (k : var) (v : R) (e : env) : env := fun i => if Z.eqb i k then v else e i.

(** Run units, of which the first has number [k], in order. *)

Fixpoint run (k : var) (us : list neuron) (e : env) : env :=
  match us with
  | [] => e
  | u :: rest =>
      run (Z.succ k) rest (set k (kink (Q2R (below u)) (Q2R (above u)) (form_at (argument u) e)) e)
  end.

Record network := Network { inputs : Z; units : list neuron; outputs : list form }.

(** Output [i] of a network at the inputs [x 0, x 1, ...]. An output that does not exist is 0.
    [driver.ml] and the checker in Python refuse a claim with such an index. *)

Definition output (n : network) (i : nat) (x : env) : R :=
  form_at (nth i (outputs n) (Form 1 0 Empty)) (run (inputs n) (units n) x).

(** ** Boxes

    A box lists the smallest and the largest value of each input, in order, from input [k]. An input
    without an interval may have any value. [driver.ml] reads one interval per input, and refuses a
    question without parts and a part without claims. The checker in Python refuses them too. *)

Fixpoint in_box (k : var) (box : list (Q * Q)) (x : env) : Prop :=
  match box with
  | [] => True
  | (low, high) :: rest => Q2R low <= x k <= Q2R high /\ in_box (Z.succ k) rest x
  end.

(** The inputs [x k, x (k + 1), ...] are the numbers of a list. Such an [x] exists for every list: it
    maps [k + j] to number [j] of the list. *)

Fixpoint at_point (k : var) (p : list Q) (x : env) : Prop :=
  match p with
  | [] => True
  | v :: rest => x k = Q2R v /\ at_point (Z.succ k) rest x
  end.

(** ** Claims

    An objective is a linear form of the outputs, [sum of y[i] * output i, + plus]. *)

Record objective := Objective { y : list (nat * Q); plus : Q }.

Fixpoint weighted (n : network) (ts : list (nat * Q)) (x : env) : R :=
  match ts with
  | [] => 0
  | (i, c) :: rest => Q2R c * output n i x + weighted n rest x
  end.

Definition objective_at (n : network) (o : objective) (x : env) : R :=
  Q2R (plus o) + weighted n (y o) x.

(** A claim states that at every input of the box, one of the objectives [any] is at least [least]
    (if [strict]: greater than [least]). Optionally, it states a point and a value: the point lies in
    the box, and every objective is at most the value there. No objective has to equal the value.
    [is_attained] quantifies over every [x] whose first inputs are the numbers of the point. Such an
    [x] exists (see [at_point]), so this statement is never empty. *)

Record point := Point { at_inputs : list Q; value : Q }.

Record claim := Claim { any : list objective; least : Q; strict : bool; attained : option point }.

Definition holds_at (n : network) (c : claim) (x : env) : Prop :=
  exists o, In o (any c) /\
    if strict c then Q2R (least c) < objective_at n o x else Q2R (least c) <= objective_at n o x.

Definition is_attained (n : network) (box : list (Q * Q)) (c : claim) : Prop :=
  match attained c with
  | None => True
  | Some p =>
      forall x, at_point 0%Z (at_inputs p) x ->
        in_box 0%Z box x /\ forall o, In o (any c) -> objective_at n o x <= Q2R (value p)
  end.

(** A part of a certificate: a box and the claims about it. It is true if the box contains an input
    and every claim is true. *)

Record part := Part { box : list (Q * Q); claims : list claim }.

Definition part_holds (n : network) (p : part) : Prop :=
  (exists x, in_box 0%Z (box p) x) /\
  forall c, In c (claims p) ->
    (forall x, in_box 0%Z (box p) x -> holds_at n c x) /\ is_attained n (box p) c.
