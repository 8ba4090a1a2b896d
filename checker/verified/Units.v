(** Rows of units, and the bounds of all units on a box.

    Settled units are substituted into rows. This happens in multiples of 2^-160, exactly except for the
    factors of rows; then the row is rounded to the grid, and its error grows by what rounding costs. *)

From Coq Require Import ZArith QArith Qreals Reals List Bool Lra Lia Psatz.
Require Import Statement Grid Facts Bounds.
Import ListNotations.
Open Scope R_scope.

(** A fine row: [k + sum] in multiples of 2^-160, and its error in the same unit. *)

Definition fine : Type := Z * sum * Z.
Definition fine_near (r : fine) (z : R) (e : env) : Prop :=
  let '(k, cs, er) := r in Rabs (IZR k + sum_at cs e - g * g * z) <= IZR er.

(** ** Substitution of settled units *)

Fixpoint remove (k : var) (cs : sum) : Z * sum :=
  match cs with
  | Empty => (0%Z, Empty)
  | Term i c rest =>
      match Z.compare i k with
      | Eq => (c, rest)
      | Lt => (0%Z, cs)
      | Gt => let '(c', rest') := remove k rest in (c', Term i c rest')
      end
  end.

Fixpoint substitute (gone : list fact) (r : fine) : fine :=
  match gone with
  | [] => r
  | f :: gone' =>
      let '(k, cs, er) := r in
      let '(c, rest) := remove (number f) cs in
      match settled f with
      | Some a =>
          if (c =? 0)%Z then substitute gone' r else
          let p := (c * a)%Z in
          let q := down (down p) in
          let er := if (p =? up (up q))%Z then er else (er + size (low f) (high f))%Z in
          if (q =? 0)%Z then substitute gone' (k, rest, er)
          else substitute gone'
                 (k + q * const (sum_row f), add q (parts (sum_row f)) rest,
                  er + Z.abs q * err (sum_row f))%Z
      | None => substitute gone' r
      end
  end.

(** Whether any of these units occurs in a sum. Nothing is proved of it: a row with a unit that is left
    in it is still true. *)

Fixpoint mentions (gone : list fact) : sum -> bool :=
  match gone with
  | [] => fun _ => false
  | f :: gone' =>
      fix inner (cs : sum) :=
        match cs with
        | Empty => false
        | Term i _ rest =>
            match Z.compare i (number f) with
            | Eq => true
            | Lt => mentions gone' cs
            | Gt => inner rest
            end
        end
  end.

(** ** Rounding *)

Definition rounding (c : Z) (l h er : Z) : Z := if (up (down c) =? c)%Z then er else (er + size l h)%Z.

Fixpoint round_box (box : list side) (cs : sum) (er : Z) : option (sum * Z) :=
  match cs with
  | Empty => Some (Empty, er)
  | Term i c rest =>
      match box with
      | [] => None
      | b :: box' =>
          if (i =? input b)%Z then
            match round_box box' rest (rounding c (side_low b) (side_high b) er) with
            | Some (rest', er') => Some (Term i (down c) rest', er')
            | None => None
            end
          else round_box box' cs er
      end
  end.

Fixpoint round (fs : list fact) (box : list side) (cs : sum) (er : Z) : option (sum * Z) :=
  match fs with
  | [] => round_box box cs er
  | f :: fs' =>
      match cs with
      | Empty => Some (Empty, er)
      | Term i c rest =>
          if (i =? number f)%Z then
            match round fs' box rest (rounding c (value_low f) (value_high f) er) with
            | Some (rest', er') => Some (Term i (down c) rest', er')
            | None => None
            end
          else round fs' box cs er
      end
  end.

Definition coarse (fs : list fact) (box : list side) (r : fine) : option row :=
  let '(k, cs, er) := r in
  match round fs box cs er with
  | Some (cs', er') =>
      Some (Row (down k) cs' (- down (- (if (up (down k) =? k)%Z then er' else er' + up 1))))%Z
  | None => None
  end.

(** ** The row of a form, whose coefficients are rationals *)

Definition over_of (over : positive) (c : Z) : Z := (up (up c) / Zpos over)%Z.
Definition inexact (over : positive) (c l h er : Z) : Z :=
  if (over_of over c * Zpos over =? up (up c))%Z then er else (er + down (size l h) + 1)%Z.

Fixpoint divide_box (box : list side) (over : positive) (cs : sum) (er : Z) : option (sum * Z) :=
  match cs with
  | Empty => Some (Empty, er)
  | Term i c rest =>
      match box with
      | [] => None
      | b :: box' =>
          if (i =? input b)%Z then
            match divide_box box' over rest (inexact over c (side_low b) (side_high b) er) with
            | Some (rest', er') => Some (Term i (over_of over c) rest', er')
            | None => None
            end
          else divide_box box' over cs er
      end
  end.

Fixpoint divide (fs : list fact) (box : list side) (over : positive) (cs : sum) (er : Z)
  : option (sum * Z) :=
  match fs with
  | [] => divide_box box over cs er
  | f :: fs' =>
      match cs with
      | Empty => Some (Empty, er)
      | Term i c rest =>
          if (i =? number f)%Z then
            match divide fs' box over rest (inexact over c (value_low f) (value_high f) er) with
            | Some (rest', er') => Some (Term i (over_of over c) rest', er')
            | None => None
            end
          else divide fs' box over cs er
      end
  end.

(** [all] are the units before, [live] those that are not settled, [gone] those that are. *)

Definition row_of (all live gone : list fact) (box : list side) (f : form) : option row :=
  match divide all box (over f) (terms f) 0 with
  | Some (cs, er) =>
      let k := over_of (over f) (constant f) in
      let er := if (k * Zpos (over f) =? up (up (constant f)))%Z then er else (er + 1)%Z in
      coarse live box (substitute gone (k, cs, er))
  | None => None
  end.

Definition substituted (live gone : list fact) (box : list side) (r : row) : option row :=
  if mentions gone (parts r)
  then coarse live box (substitute gone (up (const r), lift (parts r), up (err r)))
  else Some r.

Section Soundness.
Variables e s : env.

Lemma remove_ok k cs : sum_at cs e = IZR (fst (remove k cs)) * e k + sum_at (snd (remove k cs)) e.
Proof.
  induction cs as [|i c rest IH]; cbn [remove sum_at]; [cbn [fst snd sum_at]; lra|].
  destruct (Z.compare_spec i k) as [->|H|H]; cbn [fst snd sum_at]; try lra.
  destruct (remove k rest) as [c' rest']. cbn [fst snd sum_at] in *. lra.
Qed.

Lemma substitute_ok z : forall gone, Forall (fact_ok e s) gone -> forall r,
  fine_near r z e -> fine_near (substitute gone r) z e.
Proof.
  pose proof g_pos as Hg.
  intros gone H. induction H as [|f gone Hf H IH]; intros [[k cs] er] Hr; cbn [substitute]; [exact Hr|].
  pose proof (remove_ok (number f) cs) as Hcs. destruct (remove (number f) cs) as [c rest].
  cbn [fst snd] in Hcs. destruct Hf as (_ & Hz & Hrow & _ & _ & Hset & _).
  destruct (settled f) as [a|]; [|now apply IH]. specialize (Hset a eq_refl).
  destruct (Z.eqb_spec c 0) as [|_]; [now apply IH|].
  set (p := (c * a)%Z). set (q := down (down p)).
  set (er' := if (p =? up (up q))%Z then er else (er + size (low f) (high f))%Z).
  set (z' := s (number f)) in *. set (v := e (number f)) in *.
  assert (Hrest : Rabs (IZR c * v - IZR q * (g * z')) <= IZR er' - IZR er).
  { assert (Hp : g * (IZR c * v) = IZR p * z').
    { unfold p. rewrite mult_IZR. replace (g * (IZR c * v)) with (IZR c * (g * v)) by ring.
      rewrite Hset. ring. }
    unfold er'. destruct (Z.eqb_spec p (up (up q))) as [E|_].
    - rewrite E, !up_ok in Hp. assert (E' : IZR c * v = IZR q * (g * z')).
      { apply Rmult_eq_reg_l with g; lra. }
      rewrite E'. replace (IZR q * (g * z') - IZR q * (g * z')) with 0 by ring. rewrite Rabs_R0. lra.
    - rewrite plus_IZR. replace (IZR er + IZR (size (low f) (high f)) - IZR er)
        with (IZR (size (low f) (high f))) by ring.
      apply Rle_trans with (g * Rabs z'); [|now apply size_ok].
      pose proof (down_ok p) as D1. pose proof (down_ok (down p)) as D2. fold q in D2.
      assert (Hd : 0 <= IZR p - IZR q * g * g <= g * g).
      { pose proof (g_times _ _ (proj1 D2)).
        assert (D3 : IZR (down p) + 1 <= IZR q * g + g).
        { destruct D2 as [_ D2]. assert (E : IZR (down p) < IZR q * g + g \/ IZR (down p) = IZR q * g + g) by lra.
          destruct E as [E|E].
          - replace (IZR q * g + g) with (IZR (up q + up 1)) in * by (rewrite plus_IZR, !up_ok; lra).
            apply lt_IZR in E. rewrite <- (plus_IZR _ 1). apply IZR_le. lia.
          - exfalso. revert E. unfold q.
            replace (IZR (down (down p)) * g + g) with (IZR (up (down (down p)) + up 1))
              by (rewrite plus_IZR, !up_ok; lra).
            intros E%eq_IZR. exact (down_strict _ E). }
        pose proof (g_times _ _ D3). lra. }
      apply Rmult_le_reg_l with g; [lra|].
      replace (g * Rabs (IZR c * v - IZR q * (g * z'))) with (Rabs ((IZR p - IZR q * g * g) * z')).
      2:{ replace ((IZR p - IZR q * g * g) * z') with (g * (IZR c * v - IZR q * (g * z'))) by (rewrite Rmult_minus_distr_l, Hp; ring).
          rewrite Rabs_mult, (Rabs_right g); lra. }
      rewrite Rabs_mult, (Rabs_right (IZR p - IZR q * g * g)) by lra.
      replace (g * (g * Rabs z')) with ((g * g) * Rabs z') by ring.
      apply Rmult_le_compat_r; [apply Rabs_pos|lra]. }
  unfold fine_near in Hr.
  destruct (Z.eqb_spec q 0) as [Hq|_]; apply IH; unfold fine_near.
  - rewrite Hq in Hrest. replace (IZR k + sum_at rest e - g * g * z)
      with ((IZR k + sum_at cs e - g * g * z) - (IZR c * v - 0 * (g * z'))) by (rewrite Hcs; ring).
    eapply Rle_trans; [apply Rabs_triang|]. rewrite Rabs_Ropp. lra.
  - rewrite add_ok, !plus_IZR, !mult_IZR, abs_IZR. unfold near in Hrow.
    set (w := IZR (const (sum_row f)) + sum_at (parts (sum_row f)) e - g * z') in *.
    replace (IZR k + IZR q * IZR (const (sum_row f)) + (sum_at rest e + IZR q * sum_at (parts (sum_row f)) e)
             - g * g * z)
      with ((IZR k + sum_at cs e - g * g * z) + IZR q * w - (IZR c * v - IZR q * (g * z')))
      by (rewrite Hcs; unfold w; ring).
    eapply Rle_trans; [apply Rabs_triang|]. rewrite Rabs_Ropp.
    pose proof (Rabs_triang (IZR k + sum_at cs e - g * g * z) (IZR q * w)) as Ht.
    rewrite (Rabs_mult (IZR q)) in Ht.
    assert (Rabs (IZR q) * Rabs w <= Rabs (IZR q) * IZR (err (sum_row f)))
      by (apply Rmult_le_compat_l; [apply Rabs_pos|exact Hrow]). lra.
Qed.

Lemma rounding_ok c l h er v : inside l h v ->
  Rabs (IZR c * v - g * (IZR (down c) * v)) <= IZR (rounding c l h er) - IZR er.
Proof.
  intros Hv. pose proof g_pos. unfold rounding. destruct (Z.eqb_spec (up (down c)) c) as [E|_].
  - rewrite <- E at 1. rewrite up_ok.
    replace (IZR (down c) * g * v - g * (IZR (down c) * v)) with 0 by ring. rewrite Rabs_R0. lra.
  - rewrite plus_IZR. pose proof (size_ok _ _ _ Hv). pose proof (down_ok c).
    replace (IZR c * v - g * (IZR (down c) * v)) with ((IZR c - IZR (down c) * g) * v) by ring.
    rewrite Rabs_mult, (Rabs_right (IZR c - IZR (down c) * g)) by lra.
    assert ((IZR c - IZR (down c) * g) * Rabs v <= g * Rabs v)
      by (apply Rmult_le_compat_r; [apply Rabs_pos|lra]). lra.
Qed.

Lemma round_box_ok box : Forall (side_ok e) box -> forall cs er cs' er',
  round_box box cs er = Some (cs', er') -> Rabs (sum_at cs e - g * sum_at cs' e) <= IZR er' - IZR er.
Proof.
  intros H. induction H as [|b box Hb H IH]; intros [|i c rest] er cs' er' E; cbn [round_box] in E;
    try discriminate;
    try (injection E as <- <-; cbn [sum_at]; rewrite Rmult_0_r, Rminus_0_r, Rabs_R0; lra).
  destruct (Z.eqb_spec i (input b)) as [->|]; [|now apply IH].
  destruct (round_box box rest _) as [[r' er2]|] eqn:E1; [|discriminate]. injection E as <- <-.
  apply IH in E1. cbn [sum_at]. pose proof (rounding_ok c _ _ er _ Hb).
  replace (IZR c * e (input b) + sum_at rest e - g * (IZR (down c) * e (input b) + sum_at r' e))
    with ((IZR c * e (input b) - g * (IZR (down c) * e (input b))) + (sum_at rest e - g * sum_at r' e)) by ring.
  eapply Rle_trans; [apply Rabs_triang|]. lra.
Qed.

Lemma round_ok box : Forall (side_ok e) box -> forall fs, Forall (fact_ok e s) fs -> forall cs er cs' er',
  round fs box cs er = Some (cs', er') -> Rabs (sum_at cs e - g * sum_at cs' e) <= IZR er' - IZR er.
Proof.
  intros Hbox fs H. induction H as [|f fs Hf H IH]; intros cs er cs' er' E; cbn [round] in E;
    [now apply (round_box_ok box)|].
  destruct cs as [|i c rest].
  { injection E as <- <-. cbn [sum_at]. rewrite Rmult_0_r, Rminus_0_r, Rabs_R0. lra. }
  destruct (Z.eqb_spec i (number f)) as [->|]; [|now apply IH].
  destruct (round fs box rest _) as [[r' er2]|] eqn:E1; [|discriminate]. injection E as <- <-.
  apply IH in E1. cbn [sum_at]. pose proof (rounding_ok c _ _ er _ (value_ok _ _ _ Hf)).
  replace (IZR c * e (number f) + sum_at rest e - g * (IZR (down c) * e (number f) + sum_at r' e))
    with ((IZR c * e (number f) - g * (IZR (down c) * e (number f))) + (sum_at rest e - g * sum_at r' e)) by ring.
  eapply Rle_trans; [apply Rabs_triang|]. lra.
Qed.

Lemma coarse_ok fs box r z q : Forall (side_ok e) box -> Forall (fact_ok e s) fs ->
  fine_near r z e -> coarse fs box r = Some q -> near q z e.
Proof.
  intros Hb Hf Hr E. pose proof g_pos. destruct r as [[k cs] er]. unfold fine_near in Hr. unfold coarse in E.
  destruct (round fs box cs er) as [[cs' er']|] eqn:E1; [|discriminate]. injection E as <-.
  apply (round_ok _ Hb _ Hf) in E1. unfold near; cbn [const parts err].
  set (er2 := if (up (down k) =? k)%Z then er' else (er' + up 1)%Z).
  assert (Hk : Rabs (g * IZR (down k) - IZR k) <= IZR er2 - IZR er').
  { unfold er2. destruct (Z.eqb_spec (up (down k)) k) as [Ek|_].
    - rewrite <- Ek at 2. rewrite up_ok. replace (g * IZR (down k) - IZR (down k) * g) with 0 by ring.
      rewrite Rabs_R0. lra.
    - rewrite plus_IZR, up_ok. pose proof (down_ok k). apply Rabs_le. lra. }
  pose proof (down_ok (- er2)) as [Hd _]. rewrite opp_IZR in Hd. rewrite opp_IZR.
  apply g_cancel. rewrite <- (Rabs_right g) at 1 by lra. rewrite <- Rabs_mult.
  replace (g * (IZR (down k) + sum_at cs' e - g * z))
    with ((g * IZR (down k) - IZR k) + ((IZR k + sum_at cs e - g * g * z)
          + - (sum_at cs e - g * sum_at cs' e))) by ring.
  eapply Rle_trans; [apply Rabs_triang|].
  pose proof (Rabs_triang (IZR k + sum_at cs e - g * g * z) (- (sum_at cs e - g * sum_at cs' e))) as Ht.
  rewrite Rabs_Ropp in Ht. lra.
Qed.

(** A quotient, rounded down to a multiple of 2^-160. *)
Lemma over_ok over c : 0 <= g * g * (IZR c / IZR (Zpos over)) - IZR (over_of over c) <= 1.
Proof.
  pose proof (pos_R over). unfold over_of.
  pose proof (Z.div_mod (up (up c)) (Zpos over) ltac:(lia)) as H1.
  pose proof (Z.mod_pos_bound (up (up c)) (Zpos over) ltac:(lia)) as H2.
  set (q := (up (up c) / Zpos over)%Z) in *. set (m := (up (up c) mod Zpos over)%Z) in *.
  apply (f_equal IZR) in H1. rewrite plus_IZR, mult_IZR, !up_ok in H1.
  destruct H2 as [H2 H3]. apply IZR_le in H2. apply IZR_lt in H3.
  replace (g * g * (IZR c / IZR (Zpos over))) with ((IZR c * g * g) / IZR (Zpos over)) by (field; lra).
  rewrite H1. replace ((IZR (Zpos over) * IZR q + IZR m) / IZR (Zpos over) - IZR q)
    with (IZR m / IZR (Zpos over)) by (field; lra).
  split.
  - apply Rmult_le_pos; [lra|]. apply Rlt_le, Rinv_0_lt_compat. lra.
  - apply Rmult_le_reg_r with (IZR (Zpos over)); [lra|]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l; lra.
Qed.

Lemma over_exact over c : (over_of over c * Zpos over =? up (up c))%Z = true ->
  g * g * (IZR c / IZR (Zpos over)) = IZR (over_of over c).
Proof.
  intros E%Z.eqb_eq. pose proof (pos_R over). apply (f_equal IZR) in E. rewrite mult_IZR, !up_ok in E.
  replace (g * g * (IZR c / IZR (Zpos over))) with ((IZR c * g * g) / IZR (Zpos over)) by (field; lra).
  rewrite <- E. field. lra.
Qed.

Lemma inexact_ok over c l h er v : inside l h v ->
  Rabs (IZR (over_of over c) * v - g * g * (IZR c / IZR (Zpos over) * v)) <= IZR (inexact over c l h er) - IZR er.
Proof.
  intros Hv. pose proof g_pos. unfold inexact.
  destruct (over_of over c * Zpos over =? up (up c))%Z eqn:E.
  - apply over_exact in E. rewrite <- E.
    match goal with |- Rabs ?x <= _ => replace x with 0 by ring end. rewrite Rabs_R0. lra.
  - rewrite !plus_IZR. pose proof (over_ok over c) as Ho. pose proof (size_ok _ _ _ Hv) as Hs.
    pose proof (down_ok (size l h)) as [_ Hd].
    replace (IZR (over_of over c) * v - g * g * (IZR c / IZR (Zpos over) * v))
      with (- ((g * g * (IZR c / IZR (Zpos over)) - IZR (over_of over c)) * v)) by ring.
    rewrite Rabs_Ropp, Rabs_mult, (Rabs_right (g * g * _ - _)) by lra.
    assert (Rabs v <= IZR (down (size l h)) + 1) by (apply g_cancel; lra).
    pose proof (Rabs_pos v).
    assert ((g * g * (IZR c / IZR (Zpos over)) - IZR (over_of over c)) * Rabs v <= 1 * Rabs v)
      by (apply Rmult_le_compat_r; lra). lra.
Qed.

Lemma divide_box_ok over box : Forall (side_ok e) box -> forall cs er cs' er',
  divide_box box over cs er = Some (cs', er') ->
  Rabs (sum_at cs' e - g * g * (sum_at cs e / IZR (Zpos over))) <= IZR er' - IZR er.
Proof.
  pose proof (pos_R over) as Ho.
  intros H. induction H as [|b box Hb H IH]; intros [|i c rest] er cs' er' E; cbn [divide_box] in E;
    try discriminate;
    try (injection E as <- <-; cbn [sum_at]; unfold Rdiv; rewrite Rmult_0_l, Rmult_0_r, Rminus_0_r, Rabs_R0; lra).
  destruct (Z.eqb_spec i (input b)) as [->|]; [|now apply IH].
  destruct (divide_box box over rest _) as [[r' er2]|] eqn:E1; [|discriminate]. injection E as <- <-.
  apply IH in E1. cbn [sum_at]. pose proof (inexact_ok over c _ _ er _ Hb).
  replace (IZR (over_of over c) * e (input b) + sum_at r' e
           - g * g * ((IZR c * e (input b) + sum_at rest e) / IZR (Zpos over)))
    with ((IZR (over_of over c) * e (input b) - g * g * (IZR c / IZR (Zpos over) * e (input b)))
          + (sum_at r' e - g * g * (sum_at rest e / IZR (Zpos over)))) by (field; lra).
  eapply Rle_trans; [apply Rabs_triang|]. lra.
Qed.

Lemma divide_ok over box : Forall (side_ok e) box -> forall fs, Forall (fact_ok e s) fs -> forall cs er cs' er',
  divide fs box over cs er = Some (cs', er') ->
  Rabs (sum_at cs' e - g * g * (sum_at cs e / IZR (Zpos over))) <= IZR er' - IZR er.
Proof.
  pose proof (pos_R over) as Ho.
  intros Hbox fs H. induction H as [|f fs Hf H IH]; intros cs er cs' er' E; cbn [divide] in E;
    [now apply (divide_box_ok over box)|].
  destruct cs as [|i c rest].
  { injection E as <- <-. cbn [sum_at]. unfold Rdiv. rewrite Rmult_0_l, Rmult_0_r, Rminus_0_r, Rabs_R0. lra. }
  destruct (Z.eqb_spec i (number f)) as [->|]; [|now apply IH].
  destruct (divide fs box over rest _) as [[r' er2]|] eqn:E1; [|discriminate]. injection E as <- <-.
  apply IH in E1. cbn [sum_at]. pose proof (inexact_ok over c _ _ er _ (value_ok _ _ _ Hf)).
  replace (IZR (over_of over c) * e (number f) + sum_at r' e
           - g * g * ((IZR c * e (number f) + sum_at rest e) / IZR (Zpos over)))
    with ((IZR (over_of over c) * e (number f) - g * g * (IZR c / IZR (Zpos over) * e (number f)))
          + (sum_at r' e - g * g * (sum_at rest e / IZR (Zpos over)))) by (field; lra).
  eapply Rle_trans; [apply Rabs_triang|]. lra.
Qed.

Lemma row_of_ok all live gone box f r : Forall (side_ok e) box ->
  Forall (fact_ok e s) all -> Forall (fact_ok e s) live -> Forall (fact_ok e s) gone ->
  row_of all live gone box f = Some r -> near r (form_at f e) e.
Proof.
  intros Hb Ha Hl Hgone E. unfold row_of in E. pose proof (pos_R (over f)) as Ho.
  destruct (divide all box (over f) (terms f) 0) as [[cs er]|] eqn:E1; [|discriminate].
  apply (divide_ok _ _ Hb _ Ha) in E1.
  refine (coarse_ok _ _ _ _ _ Hb Hl _ E). apply substitute_ok; [exact Hgone|].
  unfold fine_near, form_at.
  set (k := over_of (over f) (constant f)).
  set (er2 := if (k * Zpos (over f) =? up (up (constant f)))%Z then er else (er + 1)%Z).
  assert (Hk : Rabs (IZR k - g * g * (IZR (constant f) / IZR (Zpos (over f)))) <= IZR er2 - IZR er).
  { unfold er2, k. destruct (over_of _ _ * _ =? _)%Z eqn:Ek.
    - apply over_exact in Ek. rewrite <- Ek. match goal with |- Rabs ?x <= _ => replace x with 0 by ring end.
      rewrite Rabs_R0. lra.
    - rewrite plus_IZR. pose proof (over_ok (over f) (constant f)). apply Rabs_le. lra. }
  replace (IZR k + sum_at cs e - g * g * ((IZR (constant f) + sum_at (terms f) e) / IZR (Zpos (over f))))
    with ((IZR k - g * g * (IZR (constant f) / IZR (Zpos (over f))))
          + (sum_at cs e - g * g * (sum_at (terms f) e / IZR (Zpos (over f))))) by (field; lra).
  eapply Rle_trans; [apply Rabs_triang|]. lra.
Qed.

Lemma substituted_ok live gone box r z q : Forall (side_ok e) box ->
  Forall (fact_ok e s) live -> Forall (fact_ok e s) gone -> near r z e ->
  substituted live gone box r = Some q -> near q z e.
Proof.
  intros Hb Hl Hgone Hr E. unfold substituted in E. destruct (mentions gone (parts r)); [|injection E as <-; exact Hr].
  refine (coarse_ok _ _ _ _ _ Hb Hl _ E). apply substitute_ok; [exact Hgone|].
  unfold fine_near. pose proof g_pos. unfold near in Hr. rewrite lift_ok, !up_ok.
  replace (IZR (const r) * g + g * sum_at (parts r) e - g * g * z)
    with (g * (IZR (const r) + sum_at (parts r) e - g * z)) by ring.
  rewrite Rabs_mult, (Rabs_right g) by lra. apply g_times in Hr. lra.
Qed.

End Soundness.
