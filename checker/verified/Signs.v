(** Trees of signs: the proof of one goal on one bounded box.

    The tree is read from a stream of bytes while it is checked. Nothing is assumed of the stream: it may
    return any byte at any time. *)

From Coq Require Import ZArith QArith Qreals Reals List Bool Lra Lia Psatz.
Require Import Statement Grid Facts Bounds Units Refine.
Import ListNotations.
Open Scope R_scope.

(** ** Reading *)

Section Reading.
Variable stream : Type.
Variable next : stream -> option (Z * stream).

(** Seven bits per byte, the low bits first; [fuel] is the largest number of bytes. *)
Fixpoint read_number (fuel : nat) (b : stream) : option (Z * stream) :=
  match fuel with
  | O => None
  | S fuel =>
      match next b with
      | None => None
      | Some (v, b) =>
          if (v <? 128)%Z then Some (v, b)
          else match read_number fuel b with
               | Some (rest, b) => Some (v - 128 + Z.shiftl rest 7, b)%Z
               | None => None
               end
      end
  end.

(** Two bytes [m] and one byte [x]: [m * 2^(x - 128)], rounded down to the grid. *)
Definition read_multiplier (b : stream) : option (Z * stream) :=
  match next b with
  | Some (v, b) =>
      match next b with
      | Some (w, b) =>
          match next b with
          | Some (x, b) => Some (Z.shiftr (Z.shiftl (v + Z.shiftl w 8) (grid_bits + x)) 128, b)
          | None => None
          end
      | None => None
      end
  | None => None
  end.

(** Do a step [p] times, and stop at the first that fails. *)
Fixpoint repeat {A} (p : positive) (step : A -> option A) (a : A) : option A :=
  match p with
  | xH => step a
  | xO p => match repeat p step a with Some a => repeat p step a | None => None end
  | xI p =>
      match step a with
      | Some a => match repeat p step a with Some a => repeat p step a | None => None end
      | None => None
      end
  end.
Definition times {A} (n : Z) (step : A -> option A) (a : A) : option A :=
  match n with Zpos p => repeat p step a | _ => Some a end.

Lemma repeat_ok {A} (I : A -> Prop) step :
  (forall a a', I a -> step a = Some a' -> I a') -> forall p a a', I a -> repeat p step a = Some a' -> I a'.
Proof.
  intros Hs. induction p as [p IH|p IH|]; intros a a' H E; cbn [repeat] in E; [| |eauto].
  - destruct (step a) as [b|] eqn:E1; [|discriminate]. destruct (repeat p step b) as [c|] eqn:E2; [|discriminate].
    eauto.
  - destruct (repeat p step a) as [c|] eqn:E2; [|discriminate]. eauto.
Qed.

Lemma times_ok {A} (I : A -> Prop) step :
  (forall a a', I a -> step a = Some a' -> I a') -> forall n a a', I a -> times n step a = Some a' -> I a'.
Proof.
  intros Hs [|p|p] a a' H E; cbn [times] in E; try (injection E as <-; exact H). exact (repeat_ok I step Hs p a a' H E).
Qed.

Fixpoint nth_unit (units : list var) (i : Z) : option var :=
  match units with
  | [] => None
  | k :: rest => if (i =? 0)%Z then Some k else nth_unit rest (i - 1)%Z
  end.

Definition read_unit (fuel : nat) (units : list var) (b : stream) : option (var * stream) :=
  match read_number fuel b with
  | Some (i, b) => match nth_unit units i with Some k => Some (k, b) | None => None end
  | None => None
  end.

(** ** Cases

    A case is a box and the signs of some of its units. [units_in] are its facts, [units_out] those of
    units that were settled before and occur in no row; [chosen] are the signs. A goal has a row; it is
    met by a lower bound of at least [goal_least]. *)

Record goal := Goal { goal_number : var; goal_row : row; goal_least : Z }.

Definition holds (s : env) (t : goal) : Prop := IZR (goal_least t) <= g * s (goal_number t).

Record case := Case { units_in : list fact; units_out : list fact; chosen : list (var * bool) }.

Definition case_ok (e s : env) (c : case) : Prop :=
  Forall (fact_ok e s) (units_in c) /\ Forall (fact_ok e s) (units_out c).

(** One unit's interval is cut at 0. *)
Definition cut (k : var) (positive : bool) (f : fact) : fact :=
  if (number f =? k)%Z then
    Fact (number f) (kink_below f) (kink_above f) (sum_row f)
      (if positive then Z.max (low f) 0 else low f) (if positive then high f else Z.min (high f) 0)
      (line_below f) (line_above f) (settled f) (value_low f) (value_high f)
  else f.

Definition decided (k : var) (positive : bool) (c : case) : case :=
  Case (map (cut k positive) (units_in c)) (map (cut k positive) (units_out c)) ((k, positive) :: chosen c).

Definition tightened (box : list side) (c : case) (t : goal) : option (case * goal) :=
  match refine false box (units_in c) with
  | Some (fs, gone) =>
      match substituted fs gone box (goal_row t) with
      | Some r => Some (Case fs (units_out c) (chosen c), Goal (goal_number t) r (goal_least t))
      | None => None
      end
  | None => None
  end.

(** No input belongs to a case if an interval is empty. *)
Definition is_empty (c : case) : bool :=
  existsb (fun f => high f <? low f)%Z (units_in c) || existsb (fun f => high f <? low f)%Z (units_out c).

(** With shares, every unit gets lines on its interval in this case. Shares have the last unit first. *)

Fixpoint insert (k : var) (share : Z) (l : list (var * Z)) : list (var * Z) :=
  match l with
  | [] => [(k, share)]
  | (i, x) :: rest => if (i <? k)%Z then (k, share) :: l else (i, x) :: insert k share rest
  end.

Fixpoint read_shares (units : list var) (b : stream) (l : list (var * Z)) : option (list (var * Z) * stream) :=
  match units with
  | [] => Some (l, b)
  | k :: rest =>
      match next b with
      | Some (share, b) => read_shares rest b (insert k share l)
      | None => None
      end
  end.

Definition turn_of (f : fact) (share : Z) : Z :=
  (kink_below f + (kink_above f - kink_below f) * share / 255)%Z.

Fixpoint redraw (fs : list fact) (shares : list (var * Z)) : list fact :=
  match fs with
  | [] => []
  | f :: rest =>
      let draw_it turn :=
        draw true (number f) (kink_below f) (kink_above f) (sum_row f) (low f) (high f) turn in
      match shares with
      | (k, share) :: more =>
          if (k =? number f)%Z then draw_it (Some (turn_of f share)) :: redraw rest more
          else draw_it None :: redraw rest shares
      | [] => draw_it None :: redraw rest shares
      end
  end.

Fixpoint fact_of (k : var) (fs : list fact) : option fact :=
  match fs with
  | [] => None
  | f :: rest => if (number f =? k)%Z then Some f else fact_of k rest
  end.

Fixpoint sign_of (k : var) (l : list (var * bool)) : option bool :=
  match l with
  | [] => None
  | (i, positive) :: rest => if (i =? k)%Z then Some positive else sign_of k rest
  end.

(** Subtract a multiple of a decided unit's row. The result is at most the goal, because the multiple
    is nowhere negative in this case: the interval of the unit says so. *)

Definition pull (fuel : nat) (units : list var) (c : case) (rb : fine * stream) : option (fine * stream) :=
  let '((k, cs, er), b) := rb in
  match read_unit fuel units b with
  | None => None
  | Some (i, b) =>
      match read_multiplier b, sign_of i (chosen c),
            (match fact_of i (units_in c) with Some f => Some f | None => fact_of i (units_out c) end) with
      | Some (m, b), Some positive, Some f =>
          if ((0 <=? m) && (if positive then 0 <=? low f else high f <=? 0))%Z then
            let u := if positive then m else (- m)%Z in
            let r := sum_row f in
            Some ((k - u * const r, add (- u) (parts r) cs, er + Z.abs u * err r)%Z, b)
          else None
      | _, _, _ => None
      end
  end.

(** A leaf. [VOID] claims that no input belongs to the case: then 0 is at least something positive. *)

Definition leaf (fuel : nat) (units : list var) (box : list side) (c : case) (t : goal) (does : Z) (b : stream)
  : option stream :=
  let shared := Z.testbit does 2 in
  let void := Z.testbit does 3 in
  match (if shared then read_shares units b [] else Some ([], b)) with
  | None => None
  | Some (shares, b) =>
      let fs := match shares with [] => units_in c | _ => redraw (units_in c) shares end in
      let r := goal_row t in
      let start : fine := if void then (0, Empty, 0)%Z else (up (const r), lift (parts r), up (err r)) in
      match read_number fuel b with
      | None => None
      | Some (count, b) =>
          match times count (pull fuel units c) (start, b) with
          | None => None
          | Some (r, b) =>
              if is_empty c then Some b else
              let '(k, cs, er) := if mentions (units_out c) (snd (fst r)) then substitute (units_out c) r else r in
              match back fs box (k - er) cs with
              | Some bound => if ((if void then 1 else goal_least t) <=? bound)%Z then Some b else None
              | None => None
              end
          end
      end
  end.

Fixpoint by_signs (fuel : nat) (units : list var) (box : list side) (c : case) (t : goal) (b : stream)
  : option stream :=
  match fuel with
  | O => None
  | S fuel' =>
      match next b with
      | None => None
      | Some (does, b) =>
          if Z.testbit does 0 then
            match read_unit fuel units b with
            | None => None
            | Some (k, b) =>
                match sign_of k (chosen c) with
                | Some _ => None
                | None =>
                    let half positive b :=
                      let c' := decided k positive c in
                      if Z.testbit does 1 then
                        match tightened box c' t with
                        | Some (c', t') => by_signs fuel' units box c' t' b
                        | None => None
                        end
                      else by_signs fuel' units box c' t b in
                    match half true b with
                    | Some b => half false b
                    | None => None
                    end
                end
            end
          else leaf fuel units box c t does b
      end
  end.

(** ** Soundness *)

Section Soundness.
Variables e s : env.

Definition goal_ok (t : goal) : Prop := near (goal_row t) (s (goal_number t)) e.

Lemma cut_ok k : (0 <= s k -> forall f, fact_ok e s f -> fact_ok e s (cut k true f)) /\
                 (s k <= 0 -> forall f, fact_ok e s f -> fact_ok e s (cut k false f)).
Proof.
  pose proof g_pos. split; intros Hs f Hf; unfold cut; destruct (Z.eqb_spec (number f) k) as [Hk|]; try exact Hf;
    destruct Hf as (Hv & [Hl Hh] & Hrest); (split; [exact Hv|]); (split; [|exact Hrest]);
    unfold inside; cbn [low high number]; rewrite Hk in *.
  - split; [|exact Hh]. destruct (Z.max_spec (low f) 0) as [[_ ->]|[_ ->]]; [|exact Hl].
    apply Rmult_le_pos; lra.
  - split; [exact Hl|]. destruct (Z.min_spec (high f) 0) as [[_ ->]|[_ ->]]; [exact Hh|].
    assert (g * s k <= g * 0) by (apply g_times; lra). lra.
Qed.

Lemma decided_ok k c : case_ok e s c -> case_ok e s (decided k true c) \/ case_ok e s (decided k false c).
Proof.
  intros [H1 H2]. destruct (cut_ok k) as [Hp Hn].
  destruct (Rle_dec 0 (s k)) as [Hs|Hs]; [left; specialize (Hp Hs)|right; specialize (Hn ltac:(lra))];
    split; cbn [decided units_in units_out]; rewrite Forall_map; (eapply Forall_impl; [|eassumption]); assumption.
Qed.

Lemma tightened_ok box c t c' t' : Forall (side_ok e) box -> case_ok e s c -> goal_ok t ->
  tightened box c t = Some (c', t') ->
  case_ok e s c' /\ goal_ok t' /\ goal_number t' = goal_number t /\ goal_least t' = goal_least t.
Proof.
  intros Hb [H1 H2] Ht E. unfold tightened in E.
  destruct (refine false box (units_in c)) as [[fs gone]|] eqn:E1; [|discriminate].
  destruct (refine_ok e s _ _ Hb _ H1 _ _ E1) as [H3 H4].
  destruct (substituted fs gone box (goal_row t)) as [r|] eqn:E2; [|discriminate]. injection E as <- <-.
  split; [split; [exact H3|exact H2]|]. split; [|split; reflexivity].
  exact (substituted_ok e s _ _ _ _ _ _ Hb H3 H4 Ht E2).
Qed.

Lemma not_empty fs : Forall (fact_ok e s) fs -> existsb (fun f => high f <? low f)%Z fs = false.
Proof.
  intros H. induction H as [|f fs Hf H IH]; [reflexivity|]. cbn [existsb]. rewrite IH, orb_false_r.
  destruct Hf as (_ & [Hl Hh] & _). apply Z.ltb_ge. apply le_IZR. lra.
Qed.

Lemma redraw_ok fs : Forall (fact_ok e s) fs -> forall shares, Forall (fact_ok e s) (redraw fs shares).
Proof.
  intros H. induction H as [|f fs Hf H IH]; intros shares; [constructor|]. cbn [redraw].
  destruct Hf as (Hv & Hz & Hr & _).
  destruct shares as [|[k x] more]; [|destruct (k =? number f)%Z]; constructor; auto; now apply draw_ok.
Qed.

Lemma fact_of_ok k f fs : Forall (fact_ok e s) fs -> fact_of k fs = Some f -> fact_ok e s f.
Proof.
  intros H. induction H as [|f' fs Hf H IH]; cbn [fact_of]; [discriminate|].
  destruct (number f' =? k)%Z; [intros [= <-]; exact Hf|exact IH].
Qed.

(** The row is near a number that is at most [z]. *)
Definition below_it (z : R) (rb : fine * stream) : Prop := exists z', z' <= z /\ fine_near (fst rb) z' e.

Lemma pull_ok fuel units c z : case_ok e s c -> forall rb rb',
  below_it z rb -> pull fuel units c rb = Some rb' -> below_it z rb'.
Proof.
  pose proof g_pos as Hg. intros [H1 H2] [[[k cs] er] b] rb' (z' & Hz' & Hn) E. unfold pull in E. cbn [fst] in Hn.
  destruct (read_unit fuel units b) as [[i b1]|]; [|discriminate].
  destruct (read_multiplier b1) as [[m b2]|]; [|discriminate].
  destruct (sign_of i (chosen c)) as [positive|]; [|discriminate].
  match type of E with match ?o with _ => _ end = _ => destruct o as [f|] eqn:Ef; [|discriminate] end.
  assert (Hf : fact_ok e s f).
  { destruct (fact_of i (units_in c)) as [f'|] eqn:E1.
    - injection Ef as ->. exact (fact_of_ok _ _ _ H1 E1).
    - exact (fact_of_ok _ _ _ H2 Ef). }
  destruct (_ && _) eqn:Es in E; [|discriminate]. injection E as <-. apply andb_true_iff in Es.
  destruct Es as [Em Es]. apply Z.leb_le, IZR_le in Em.
  destruct Hf as (_ & [Hl Hh] & Hr & _). set (zi := s (number f)) in *.
  set (u := if positive then m else (- m)%Z).
  assert (Hu : 0 <= IZR u * zi).
  { unfold u. destruct positive; apply Z.leb_le, IZR_le in Es.
    - assert (0 <= zi) by (apply g_cancel; lra). apply Rmult_le_pos; lra.
    - assert (zi <= 0) by (apply g_cancel; lra). rewrite opp_IZR.
      replace (- IZR m * zi) with (IZR m * - zi) by ring. apply Rmult_le_pos; lra. }
  exists (z' - IZR u * zi / g). split.
  - assert (0 <= IZR u * zi / g); [|lra]. apply Rmult_le_pos; [exact Hu|].
    apply Rlt_le, Rinv_0_lt_compat. lra.
  - cbn [fst]. unfold fine_near in *. rewrite add_ok, minus_IZR, plus_IZR, !mult_IZR, opp_IZR, abs_IZR.
    unfold near in Hr. set (w := IZR (const (sum_row f)) + sum_at (parts (sum_row f)) e - g * zi) in *.
    replace (IZR k - IZR u * IZR (const (sum_row f)) + (sum_at cs e + - IZR u * sum_at (parts (sum_row f)) e)
             - g * g * (z' - IZR u * zi / g))
      with ((IZR k + sum_at cs e - g * g * z') + - IZR u * w) by (unfold w; field; lra).
    eapply Rle_trans; [apply Rabs_triang|]. rewrite Rabs_mult, Rabs_Ropp.
    assert (Rabs (IZR u) * Rabs w <= Rabs (IZR u) * IZR (err (sum_row f)))
      by (apply Rmult_le_compat_l; [apply Rabs_pos|exact Hr]). lra.
Qed.

Lemma leaf_ok fuel units box c t does b b' : Forall (side_ok e) box -> case_ok e s c -> goal_ok t ->
  leaf fuel units box c t does b = Some b' -> holds s t.
Proof.
  pose proof g_pos as Hg. intros Hb Hc Ht E. unfold leaf in E.
  match type of E with match ?o with _ => _ end = _ => destruct o as [[shares b1]|]; [|discriminate] end.
  set (fs := match shares with [] => units_in c | _ => redraw (units_in c) shares end) in *.
  assert (Hfs : Forall (fact_ok e s) fs).
  { unfold fs. destruct shares; [apply Hc|apply redraw_ok, Hc]. }
  set (void := Z.testbit does 3) in *. set (r := goal_row t) in *.
  set (start := if void then _ else _) in E.
  destruct (read_number fuel b1) as [[count b2]|]; [|discriminate].
  set (z := if void then 0 else s (goal_number t)).
  assert (Hstart : below_it z (start, b2)).
  { exists z. split; [lra|]. cbn [fst]. unfold start, z, fine_near. destruct void.
    - cbn [sum_at]. replace (0 + 0 - g * g * 0) with 0 by ring. rewrite Rabs_R0. lra.
    - unfold goal_ok, near in Ht. fold r in Ht. rewrite lift_ok, !up_ok.
      replace (IZR (const r) * g + g * sum_at (parts r) e - g * g * s (goal_number t))
        with (g * (IZR (const r) + sum_at (parts r) e - g * s (goal_number t))) by ring.
      rewrite Rabs_mult, (Rabs_right g) by lra. apply g_times in Ht. lra. }
  destruct (times count (pull fuel units c) (start, b2)) as [[r' b3]|] eqn:E1; [|discriminate].
  pose proof (times_ok (below_it z) _ (pull_ok fuel units c z Hc) _ _ _ Hstart E1) as (z' & Hz' & Hn).
  cbn [fst] in Hn.
  unfold is_empty in E. rewrite (not_empty _ (proj1 Hc)), (not_empty _ (proj2 Hc)) in E. cbn [orb] in E.
  set (r2 := if mentions (units_out c) (snd (fst r')) then _ else _) in E.
  assert (Hn2 : fine_near r2 z' e).
  { unfold r2. destruct (mentions _ _); [apply (substitute_ok e s); [apply Hc|exact Hn]|exact Hn]. }
  destruct r2 as [[k cs] er]. unfold fine_near in Hn2.
  destruct (back fs box (k - er) cs) as [bound|] eqn:E2; [|discriminate].
  destruct (Z.leb_spec (if void then 1 else goal_least t) bound) as [Hle|]; [|discriminate].
  apply (back_ok e s _ Hb _ Hfs) in E2. rewrite minus_IZR in E2.
  pose proof (Rle_abs (IZR k + sum_at cs e - g * g * z')).
  assert (Hbound : IZR bound <= g * z').
  { apply g_cancel. lra. }
  apply IZR_le in Hle. apply g_times in Hz'. unfold holds. unfold z in Hz'. destruct void; lra.
Qed.

Lemma by_signs_ok box : Forall (side_ok e) box -> forall fuel units c t b b',
  case_ok e s c -> goal_ok t -> by_signs fuel units box c t b = Some b' -> holds s t.
Proof.
  intros Hb. induction fuel as [|fuel IH]; intros units c t b b' Hc Ht E; cbn [by_signs] in E; [discriminate|].
  destruct (next b) as [[does b1]|]; [|discriminate].
  destruct (Z.testbit does 0); [|exact (leaf_ok _ _ _ _ _ _ _ _ Hb Hc Ht E)].
  destruct (read_unit (S fuel) units b1) as [[k b2]|]; [|discriminate].
  destruct (sign_of k (chosen c)); [discriminate|].
  match type of E with (match ?x with _ => _ end) = _ => destruct x as [b3|] eqn:E1; [|discriminate] end.
  assert (Hhalf : forall positive b4 b5,
    (if Z.testbit does 1 then
       match tightened box (decided k positive c) t with
       | Some (c', t') => by_signs fuel units box c' t' b4
       | None => None
       end
     else by_signs fuel units box (decided k positive c) t b4) = Some b5 ->
    case_ok e s (decided k positive c) -> holds s t).
  { intros positive b4 b5 E4 Hd. destruct (Z.testbit does 1); [|eapply IH; eassumption].
    destruct (tightened box (decided k positive c) t) as [[c' t']|] eqn:E5; [|discriminate].
    destruct (tightened_ok _ _ _ _ _ Hb Hd Ht E5) as (H1 & H2 & H3 & H4).
    pose proof (IH _ _ _ _ _ H1 H2 E4) as H5. unfold holds in *. rewrite H3, H4 in H5. exact H5. }
  destruct (decided_ok k c Hc) as [Hd|Hd]; [exact (Hhalf true _ _ E1 Hd)|exact (Hhalf false _ _ E Hd)].
Qed.

End Soundness.
End Reading.
