(** Facts about units: rows, intervals and lines.

    The proof of soundness considers one input of the box. There, [e] gives the value of every
    variable and [s] the sum of every unit. A fact is a record of what the checker knows of a unit;
    [fact_ok] says that it is true at this input. Each operation of the checker turns true facts into
    true facts. So the proof needs neither sets nor polyhedra nor a theory of duality. *)

From Coq Require Import ZArith QArith Qreals Reals List Bool Lra Lia Psatz.
Require Import Statement Grid.
Import ListNotations.
Open Scope R_scope.

(** A row is a linear form on the grid, and by how much it may be off. *)

Record row := Row { const : Z; parts : sum; err : Z }.

Definition near (r : row) (z : R) (e : env) : Prop :=
  Rabs (IZR (const r) + sum_at (parts r) e - g * z) <= IZR (err r).

Definition inside (low high : Z) (v : R) : Prop := IZR low <= g * v <= IZR high.

(** A line [slope * z + offset]. *)

Record line := Line { slope : Z; offset : Z }.

Record fact := Fact {
  number : var;                   (** the unit *)
  kink_below : Z; kink_above : Z; (** slopes of its curve *)
  sum_row : row;                  (** its sum, as a row *)
  low : Z; high : Z;              (** its sum's interval *)
  line_below : line; line_above : line;
  settled : option Z;             (** the slope of the curve on the whole interval, if it is settled *)
  value_low : Z; value_high : Z   (** its value's interval *)
}.

Definition fact_ok (e s : env) (f : fact) : Prop :=
  let z := s (number f) in
  let v := e (number f) in
  g * v = kink (IZR (kink_below f)) (IZR (kink_above f)) z /\
  inside (low f) (high f) z /\
  near (sum_row f) z e /\
  IZR (slope (line_below f)) * z + IZR (offset (line_below f)) <= g * v /\
  g * v <= IZR (slope (line_above f)) * z + IZR (offset (line_above f)) /\
  (forall a, settled f = Some a -> g * v = IZR a * z) /\
  inside (value_low f) (value_high f) v.

(** ** Lines about a kink

    A line of any slope is below the curve if its offset is small enough. On [[n, p]] with
    [n <= 0 <= p], the difference is least at 0 or at an end. *)

Definition offset_below (b a n p s : Z) : Z :=
  Z.min 0 (Z.min (down ((b - s) * n)) (down ((a - s) * p))).
Definition offset_above (b a n p s : Z) : Z :=
  Z.max 0 (Z.max (- down (- ((b - s) * n))) (- down (- ((a - s) * p)))).

(** One side of the curve: [c] is the difference of slopes, [p] the end of the interval. *)
Lemma side_ok (c p : Z) z :
  (0 <= z /\ g * z <= IZR p) \/ (z <= 0 /\ IZR p <= g * z) -> IZR (Z.min 0 (down (c * p))) <= IZR c * z.
Proof.
  intros H. pose proof g_pos.
  destruct (Rle_dec 0 (IZR c * z)) as [Hc|Hc].
  - pose proof (min_l 0 (down (c * p))). lra.
  - pose proof (min_r 0 (down (c * p))) as Hmin.
    assert (IZR (down (c * p)) <= IZR c * z); [|lra]. apply down_le. rewrite mult_IZR.
    replace (IZR c * z * g) with (IZR c * (g * z)) by ring.
    destruct H as [[Ha Hb]|[Ha Hb]].
    + assert (IZR c <= 0) by nra. apply Rmult_le_compat_neg_l; lra.
    + assert (0 <= IZR c) by nra. apply Rmult_le_compat_l; lra.
Qed.

Lemma offset_below_ok b a n p s z :
  (n <= 0 <= p)%Z -> inside n p z ->
  IZR s * z + IZR (offset_below b a n p s) <= kink (IZR b) (IZR a) z.
Proof.
  intros H0 [Hn Hp]. pose proof g_pos. unfold kink, offset_below.
  destruct (Rle_dec 0 z) as [Hz|Hz].
  - pose proof (side_ok (a - s) p z (or_introl (conj Hz Hp))) as H1. rewrite minus_IZR in H1.
    assert (IZR (Z.min 0 (Z.min (down ((b - s) * n)) (down ((a - s) * p))))
            <= IZR (Z.min 0 (down ((a - s) * p)))) by (apply IZR_le; lia). lra.
  - assert (Hz' : z <= 0) by lra.
    pose proof (side_ok (b - s) n z (or_intror (conj Hz' Hn))) as H1. rewrite minus_IZR in H1.
    assert (IZR (Z.min 0 (Z.min (down ((b - s) * n)) (down ((a - s) * p))))
            <= IZR (Z.min 0 (down ((b - s) * n)))) by (apply IZR_le; lia). lra.
Qed.

Lemma kink_opp b a z : kink (- b) (- a) z = - kink b a z.
Proof. unfold kink. destruct (Rle_dec 0 z); lra. Qed.

Lemma offset_above_ok b a n p s z :
  (n <= 0 <= p)%Z -> inside n p z ->
  kink (IZR b) (IZR a) z <= IZR s * z + IZR (offset_above b a n p s).
Proof.
  intros H0 H. pose proof (offset_below_ok (- b) (- a) n p (- s) z H0 H) as H1.
  rewrite !opp_IZR, kink_opp in H1.
  assert (E : offset_above b a n p s = (- offset_below (- b) (- a) n p (- s))%Z).
  { unfold offset_above, offset_below.
    replace ((- b - - s) * n)%Z with (- ((b - s) * n))%Z by ring.
    replace ((- a - - s) * p)%Z with (- ((a - s) * p))%Z by ring. lia. }
  rewrite E, opp_IZR. lra.
Qed.

(** A unit is settled if its interval lies on one side of 0. In a box of the tree, the distance from 0
    has to exceed 2^-40 of the length ([wide]), because the tree numbers the units that are not settled
    and the arithmetic of its writer may differ in the last places. *)

Definition apart (wide : bool) (distance length : Z) : bool :=
  if wide then (length <? Z.shiftl distance 40)%Z else (0 <=? distance)%Z.

Definition slope_if_settled (wide : bool) (b a low high : Z) : option Z :=
  if ((0 <=? low) && apart wide low (high - low))%Z then Some a
  else if ((high <=? 0) && apart wide (- high) (high - low))%Z then Some b
  else None.

(** The slope of the free line, if a leaf does not choose it, is that of the longer side. *)

Definition default_turn (b a low high : Z) : Z := if (1024 * - low <? 1025 * high)%Z then a else b.

Definition draw (wide : bool) (k : var) (b a : Z) (r : row) (low high : Z) (turn : option Z) : fact :=
  let n := Z.min low 0 in
  let p := Z.max high 0 in
  let '(chord, free) :=
    if (0 <=? low)%Z then (a, a)
    else if (high <=? 0)%Z then (b, b)
    else (((a * high - b * low) / (high - low))%Z,
          match turn with Some t => t | None => default_turn b a low high end) in
  let '(s, t) := if (b <=? a)%Z then (free, chord) else (chord, free) in
  Fact k b a r low high
    (Line s (offset_below b a n p s)) (Line t (offset_above b a n p t))
    (slope_if_settled wide b a low high)
    (offset_below b a n p 0) (offset_above b a n p 0).

Lemma draw_ok wide k b a r low high turn e s :
  g * e k = kink (IZR b) (IZR a) (s k) -> near r (s k) e -> inside low high (s k) ->
  fact_ok e s (draw wide k b a r low high turn).
Proof.
  intros Hv Hr Hz. unfold draw.
  set (n := Z.min low 0). set (p := Z.max high 0).
  match goal with |- fact_ok _ _ (let '(c, f) := ?m in _) => destruct m as [chord free] end.
  match goal with |- fact_ok _ _ (let '(c, f) := ?m in _) => destruct m as [sl tl] end.
  assert (H0 : (n <= 0 <= p)%Z) by (unfold n, p; lia).
  assert (Hnp : inside n p (s k)).
  { unfold inside in *. assert (IZR n <= IZR low) by (apply IZR_le; unfold n; lia).
    assert (IZR high <= IZR p) by (apply IZR_le; unfold p; lia). lra. }
  unfold fact_ok; cbn [number kink_below kink_above sum_row Facts.low Facts.high line_below line_above slope offset settled value_low value_high].
  split; [exact Hv|]. split; [exact Hz|]. split; [exact Hr|].
  pose proof (offset_below_ok b a n p sl _ H0 Hnp). pose proof (offset_above_ok b a n p tl _ H0 Hnp).
  pose proof (offset_below_ok b a n p 0 _ H0 Hnp). pose proof (offset_above_ok b a n p 0 _ H0 Hnp).
  split; [lra|]. split; [lra|]. split; [|unfold inside; lra].
  intros c. unfold slope_if_settled. pose proof g_pos. destruct Hz as [Hl Hh].
  destruct ((0 <=? low) && apart wide low (high - low))%Z eqn:E1.
  - intros [= <-]. apply andb_true_iff in E1. destruct E1 as [E1 _].
    apply Z.leb_le, IZR_le in E1. rewrite Hv. unfold kink.
    destruct (Rle_dec 0 (s k)); [lra|]. assert (0 <= s k) by (apply g_cancel; lra). lra.
  - destruct ((high <=? 0) && apart wide (- high) (high - low))%Z eqn:E2; [|discriminate].
    intros [= <-]. apply andb_true_iff in E2. destruct E2 as [E2 _].
    apply Z.leb_le, IZR_le in E2. rewrite Hv. unfold kink.
    destruct (Rle_dec 0 (s k)); [|lra].
    assert (s k <= 0) by (apply g_cancel; lra). replace (s k) with 0 by lra. lra.
Qed.
