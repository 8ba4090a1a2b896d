(** Bounds of rows and of units on a box.

    Lists of units have the last unit first, like the terms of rows. So one walk along both finds the
    unit of each term. A term without a unit or an input makes the result [None], and the certificate
    is refused. *)

From Coq Require Import ZArith QArith Qreals Reals List Bool Lra Lia Psatz.
Require Import Statement Grid Facts.
Import ListNotations.
Open Scope R_scope.

(** One side of a box on the grid, rounded outward; the last input first. *)

Record side := Side { input : var; side_low : Z; side_high : Z }.

Definition side_ok (e : env) (b : side) : Prop := inside (side_low b) (side_high b) (e (input b)).

(** ** Bounds by intervals

    [low + sum] and [high + sum] in multiples of 2^-160, each variable at its worst limit. *)

Fixpoint flat_box (box : list side) (l h : Z) (cs : sum) : option (Z * Z) :=
  match cs with
  | Empty => Some (l, h)
  | Term i c rest =>
      match box with
      | [] => None
      | b :: box' =>
          if (i =? input b)%Z then
            if (0 <=? c)%Z
            then flat_box box' (l + c * side_low b) (h + c * side_high b) rest
            else flat_box box' (l + c * side_high b) (h + c * side_low b) rest
          else flat_box box' l h cs
      end
  end.

Fixpoint flat (fs : list fact) (box : list side) (l h : Z) (cs : sum) : option (Z * Z) :=
  match fs with
  | [] => flat_box box l h cs
  | f :: fs' =>
      match cs with
      | Empty => Some (l, h)
      | Term i c rest =>
          if (i =? number f)%Z then
            if (0 <=? c)%Z
            then flat fs' box (l + c * value_low f) (h + c * value_high f) rest
            else flat fs' box (l + c * value_high f) (h + c * value_low f) rest
          else flat fs' box l h cs
      end
  end.

Definition range (fs : list fact) (box : list side) (r : row) : option (Z * Z) :=
  match flat fs box (up (const r - err r)) (up (const r + err r)) (parts r) with
  | Some (l, h) => Some (down l, - down (- h))%Z
  | None => None
  end.

(** ** Bounds by lines: back-substitution

    A lower bound of [(k + sum of c * variable) / 2^160] on the grid. From the last unit to the first,
    each unit is replaced by a line, and the line's argument by the unit's row. *)

Fixpoint back_box (box : list side) (k : Z) (cs : sum) : option Z :=
  match cs with
  | Empty => Some (down (down k))
  | Term i c rest =>
      match box with
      | [] => None
      | b :: box' =>
          if (i =? input b)%Z
          then back_box box' (k + c * (if 0 <=? c then side_low b else side_high b))%Z rest
          else back_box box' k cs
      end
  end.

Fixpoint back (fs : list fact) (box : list side) (k : Z) (cs : sum) : option Z :=
  match fs with
  | [] => back_box box (up k) cs
  | f :: fs' =>
      match cs with
      | Empty => Some (down k)
      | Term i c rest =>
          if (i =? number f)%Z then
            let c := down c in
            let l := if (0 <=? c)%Z then line_below f else line_above f in
            let q := down (c * slope l) in
            let k := (k + Z.min 0 (value_low f) + Z.min 0 (low f) + c * offset l)%Z in
            if (q =? 0)%Z then back fs' box k rest
            else back fs' box (k + q * const (sum_row f) - Z.abs q * err (sum_row f))%Z
                   (add q (parts (sum_row f)) rest)
          else back fs' box k cs
      end
  end.

Section Soundness.
Variables e s : env.

(** These two lemmas hold for any grid [G], which the values attained use. *)

Lemma times_low G c l h v : IZR l <= G * v <= IZR h -> (0 <= c)%Z ->
  IZR (c * l) <= G * (IZR c * v) <= IZR (c * h).
Proof.
  intros [Hl Hh] Hc%IZR_le. rewrite !mult_IZR. replace (G * (IZR c * v)) with (IZR c * (G * v)) by ring.
  split; apply Rmult_le_compat_l; lra.
Qed.

Lemma times_high G c l h v : IZR l <= G * v <= IZR h -> (c < 0)%Z ->
  IZR (c * h) <= G * (IZR c * v) <= IZR (c * l).
Proof.
  intros [Hl Hh] Hc%IZR_lt. rewrite !mult_IZR. replace (G * (IZR c * v)) with (IZR c * (G * v)) by ring.
  split; apply Rmult_le_compat_neg_l; lra.
Qed.

Lemma flat_box_any G box :
  Forall (fun b => IZR (side_low b) <= G * e (input b) <= IZR (side_high b)) box ->
  forall l h cs l' h', flat_box box l h cs = Some (l', h') ->
  IZR l' <= IZR l + G * sum_at cs e /\ IZR h + G * sum_at cs e <= IZR h'.
Proof.
  intros H. induction H as [|b box Hb H IH]; intros l h [|i c rest] l' h' E; cbn [flat_box] in E;
    try discriminate; try (injection E as <- <-; cbn [sum_at]; lra).
  destruct (Z.eqb_spec i (input b)) as [->|]; [|now apply IH].
  cbn [sum_at]. destruct (Z.leb_spec 0 c) as [Hc|Hc]; apply IH in E; rewrite !plus_IZR in E.
  - pose proof (times_low G _ _ _ _ Hb Hc). lra.
  - pose proof (times_high G _ _ _ _ Hb Hc). lra.
Qed.

Lemma flat_box_ok box : Forall (side_ok e) box -> forall l h cs l' h',
  flat_box box l h cs = Some (l', h') ->
  IZR l' <= IZR l + g * sum_at cs e /\ IZR h + g * sum_at cs e <= IZR h'.
Proof. exact (flat_box_any g box). Qed.

Lemma value_ok f : fact_ok e s f -> inside (value_low f) (value_high f) (e (number f)).
Proof. intros H. apply H. Qed.

Lemma flat_ok box : Forall (side_ok e) box -> forall fs, Forall (fact_ok e s) fs -> forall l h cs l' h',
  flat fs box l h cs = Some (l', h') ->
  IZR l' <= IZR l + g * sum_at cs e /\ IZR h + g * sum_at cs e <= IZR h'.
Proof.
  intros Hbox fs H. induction H as [|f fs Hf H IH]; intros l h cs l' h' E; cbn [flat] in E;
    [now apply (flat_box_ok box)|].
  destruct cs as [|i c rest]; [injection E as <- <-; cbn [sum_at]; lra|].
  destruct (Z.eqb_spec i (number f)) as [->|]; [|now apply IH]. apply value_ok in Hf.
  cbn [sum_at]. destruct (Z.leb_spec 0 c) as [Hc|Hc]; apply IH in E; rewrite !plus_IZR in E.
  - pose proof (times_low g _ _ _ _ Hf Hc). lra.
  - pose proof (times_high g _ _ _ _ Hf Hc). lra.
Qed.

Lemma near_bounds r z : near r z e ->
  IZR (const r) + sum_at (parts r) e - IZR (err r) <= g * z <= IZR (const r) + sum_at (parts r) e + IZR (err r).
Proof.
  unfold near. set (a := IZR (const r) + sum_at (parts r) e - g * z). intros H.
  pose proof (Rle_abs a). pose proof (Rle_abs (- a)). rewrite Rabs_Ropp in *. unfold a in *. lra.
Qed.

Lemma range_ok box fs r z l h : Forall (side_ok e) box -> Forall (fact_ok e s) fs -> near r z e ->
  range fs box r = Some (l, h) -> inside l h z.
Proof.
  intros Hb Hf Hr E. unfold range in E.
  destruct (flat fs box _ _ (parts r)) as [[l' h']|] eqn:E1; [|discriminate]. injection E as <- <-.
  destruct (flat_ok _ Hb _ Hf _ _ _ _ _ E1) as [H1 H2]. rewrite !up_ok, minus_IZR in *.
  rewrite plus_IZR in H2. pose proof g_pos. pose proof (near_bounds _ _ Hr) as H0. split.
  - apply down_le. pose proof (g_times _ _ (proj1 H0)). lra.
  - rewrite opp_IZR. assert (IZR (down (- h')) <= - (g * z)); [|lra]. apply down_le. rewrite opp_IZR.
    pose proof (g_times _ _ (proj2 H0)). lra.
Qed.

Lemma back_box_ok box : Forall (side_ok e) box -> forall k cs b,
  back_box box k cs = Some b -> IZR b * g * g <= IZR k + g * sum_at cs e.
Proof.
  pose proof g_pos.
  intros Hbox. induction Hbox as [|b box Hb Hbox IH]; intros k [|i c rest] m E; cbn [back_box] in E;
    try discriminate;
    try (injection E as <-; cbn [sum_at]; pose proof (down_ok k) as D1; pose proof (down_ok (down k)) as D2;
         pose proof (g_times _ _ (proj1 D2)); lra).
  destruct (Z.eqb_spec i (input b)) as [->|]; [|now apply IH].
  cbn [sum_at]. apply IH in E. rewrite plus_IZR in E. destruct (Z.leb_spec 0 c) as [Hc|Hc].
  - pose proof (times_low g _ _ _ _ Hb Hc). lra.
  - pose proof (times_high g _ _ _ _ Hb Hc). lra.
Qed.

(** A multiple of a row is off by the multiple of its error. *)
Lemma near_times r z (q : Z) : near r z e ->
  IZR q * (IZR (const r) + sum_at (parts r) e) - IZR (Z.abs q) * IZR (err r) <= IZR q * (g * z).
Proof.
  intros H. unfold near in H. set (a := IZR (const r) + sum_at (parts r) e) in *.
  assert (Rabs (IZR q * (a - g * z)) <= IZR (Z.abs q) * IZR (err r)).
  { rewrite Rabs_mult, abs_IZR. apply Rmult_le_compat_l; [apply Rabs_pos|exact H]. }
  pose proof (Rle_abs (IZR q * (a - g * z))). lra.
Qed.

Lemma back_ok box : Forall (side_ok e) box -> forall fs, Forall (fact_ok e s) fs -> forall k cs b,
  back fs box k cs = Some b -> IZR b * g <= IZR k + sum_at cs e.
Proof.
  pose proof g_pos as Hg.
  intros Hbox fs H. induction H as [|f fs Hf H IH]; intros k cs b E; cbn [back] in E.
  - apply (back_box_ok _ Hbox) in E. rewrite up_ok in E. apply g_cancel. lra.
  - destruct cs as [|i c rest]; [injection E as <-; cbn [sum_at]; pose proof (down_ok k); lra|].
    destruct (Z.eqb_spec i (number f)) as [->|]; [|now apply IH].
    cbv zeta in E. cbn [sum_at].
    destruct Hf as (_ & [Hz _] & Hr & Hlb & Hla & _ & [Hv _]).
    set (z := s (number f)) in *. set (v := e (number f)) in *.
    set (l := if (0 <=? down c)%Z then line_below f else line_above f) in *.
    set (q := down (down c * slope l)) in *.
    pose proof (down_ok c) as Hc. pose proof (down_ok (down c * slope l)) as Hq.
    fold q in Hq. rewrite mult_IZR in Hq.
    pose proof (rest_ok (IZR c - IZR (down c) * g) v (value_low f) ltac:(lra) Hv) as R1.
    pose proof (rest_ok (IZR (down c) * IZR (slope l) - IZR q * g) z (low f) ltac:(lra) Hz) as R2.
    assert (Hline : IZR (down c) * (IZR (slope l) * z + IZR (offset l)) <= IZR (down c) * (g * v)).
    { unfold l. destruct (Z.leb_spec 0 (down c)) as [Hs|Hs].
      - apply IZR_le in Hs. apply Rmult_le_compat_l; lra.
      - apply IZR_lt in Hs. apply Rmult_le_compat_neg_l; lra. }
    assert (Hcv : IZR (Z.min 0 (value_low f)) + IZR (Z.min 0 (low f)) + IZR (down c) * IZR (offset l)
                  + IZR q * (g * z) <= IZR c * v) by lra.
    destruct (Z.eqb_spec q 0) as [Hq0|_]; apply IH in E.
    + rewrite Hq0 in Hcv. rewrite !plus_IZR, mult_IZR in E. lra.
    + pose proof (near_times _ _ q Hr) as Hn. rewrite add_ok in E.
      rewrite minus_IZR, !plus_IZR, !mult_IZR in E. lra.
Qed.

End Soundness.

(** Bounds of a row by intervals, by the interval known before, and with [deep] by lines. *)

Definition reads_units (box : list side) (cs : sum) : bool :=
  match cs, box with
  | Term i _ _, b :: _ => (input b <? i)%Z
  | _, _ => false
  end.

Definition meet (a b : Z * Z) : Z * Z := (Z.max (fst a) (fst b), Z.min (snd a) (snd b)).

Definition bounded (deep : bool) (fs : list fact) (box : list side) (r : row) (old : option (Z * Z))
  : option (Z * Z) :=
  match range fs box r with
  | None => None
  | Some new =>
      let new := match old with Some o => meet new o | None => new end in
      if deep && negb ((0 <=? fst new) || (snd new <=? 0))%Z && reads_units box (parts r) then
        match back fs box (up (const r - err r)) (lift (parts r)),
              back fs box (up (- const r - err r)) (lift_opp (parts r)) with
        | Some l, Some h => Some (meet new (l, - h)%Z)
        | _, _ => None
        end
      else Some new
  end.

Lemma meet_ok a b v : inside (fst a) (snd a) v -> inside (fst b) (snd b) v ->
  inside (fst (meet a b)) (snd (meet a b)) v.
Proof.
  unfold inside, meet; cbn [fst snd]. intros Ha Hb.
  destruct (Z.max_spec (fst a) (fst b)) as [[_ ->]|[_ ->]];
    destruct (Z.min_spec (snd a) (snd b)) as [[_ ->]|[_ ->]]; lra.
Qed.

Lemma bounded_ok e s deep fs box r old z b :
  Forall (side_ok e) box -> Forall (fact_ok e s) fs -> near r z e ->
  (forall o, old = Some o -> inside (fst o) (snd o) z) ->
  bounded deep fs box r old = Some b -> inside (fst b) (snd b) z.
Proof.
  intros Hb Hf Hr Ho E. unfold bounded in E.
  destruct (range fs box r) as [[l h]|] eqn:E1; [|discriminate].
  pose proof (range_ok _ _ _ _ _ _ _ _ Hb Hf Hr E1) as H1.
  set (new := match old with Some o => meet (l, h) o | None => (l, h) end) in E.
  assert (H2 : inside (fst new) (snd new) z).
  { unfold new. destruct old as [o|]; [apply meet_ok; [exact H1|now apply Ho]|exact H1]. }
  destruct (deep && _ && _) in E; [|injection E as <-; exact H2].
  destruct (back fs box (up (const r - err r)) _) as [l'|] eqn:E2; [|discriminate].
  destruct (back fs box (up (- const r - err r)) _) as [h'|] eqn:E3; [|discriminate].
  injection E as <-. apply meet_ok; [exact H2|]. cbn [fst snd].
  apply (back_ok e s _ Hb _ Hf) in E2, E3. rewrite lift_ok in E2. rewrite lift_opp_ok in E3.
  rewrite up_ok, !minus_IZR, ?opp_IZR in *. pose proof (near_bounds _ _ _ Hr) as [N1 N2].
  unfold inside. rewrite opp_IZR. split.
  - apply g_cancel. apply g_times in N1. lra.
  - apply g_cancel. apply g_times in N2. lra.
Qed.

(** A lower bound of a row by lines, on the grid. *)

Definition least_of (fs : list fact) (box : list side) (r : row) : option Z :=
  back fs box (up (const r - err r)) (lift (parts r)).

Lemma least_ok e s fs box r z b : Forall (side_ok e) box -> Forall (fact_ok e s) fs -> near r z e ->
  least_of fs box r = Some b -> IZR b <= g * z.
Proof.
  intros Hb Hf Hr E. apply (back_ok e s _ Hb _ Hf) in E. rewrite lift_ok, up_ok, minus_IZR in E.
  pose proof (near_bounds _ _ _ Hr) as [N1 N2]. apply g_cancel. apply g_times in N1. lra.
Qed.
