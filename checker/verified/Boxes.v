(** The tree of boxes, which is read from the stream of bytes while it is checked. *)

From Coq Require Import ZArith QArith Qreals Reals List Bool Lra Lia Psatz.
Require Import Statement Grid Facts Bounds Units Refine Signs.
Import ListNotations.
Open Scope R_scope.

(** A goal before a box is bounded for the first time: a form, which is to be at least [least_of_aim]. *)

Record aim := Aim { aim_number : var; aim_form : form; aim_least : Z }.

Definition hits (s : env) (a : aim) : Prop := IZR (aim_least a) <= g * s (aim_number a).

(** What is known on a box: nothing but its open goals, or facts about all units and rows of the goals. *)

Inductive known :=
| Fresh (open : list aim)
| Bounded (live gone : list fact) (open : list goal).

Section Tree.
Variable stream : Type.
Variable next : stream -> option (Z * stream).
Variable inputs : Z.
Variable units : list neuron.

Fixpoint rows_of (all live gone : list fact) (box : list side) (open : list aim) : option (list goal) :=
  match open with
  | [] => Some []
  | a :: rest =>
      match row_of all live gone box (aim_form a), rows_of all live gone box rest with
      | Some r, Some gs => Some (Goal (aim_number a) r (aim_least a) :: gs)
      | _, _ => None
      end
  end.

Fixpoint goals_on (live gone : list fact) (box : list side) (open : list goal) : option (list goal) :=
  match open with
  | [] => Some []
  | t :: rest =>
      match substituted live gone box (goal_row t), goals_on live gone box rest with
      | Some r, Some gs => Some (Goal (goal_number t) r (goal_least t) :: gs)
      | _, _ => None
      end
  end.

Fixpoint merge (a : list fact) : list fact -> list fact :=
  match a with
  | [] => fun b => b
  | f :: a' =>
      fix inner (b : list fact) : list fact :=
        match b with
        | [] => a
        | h :: b' => if (number h <? number f)%Z then f :: merge a' b else h :: inner b'
        end
  end.

(** Bound all units on a box. *)

Definition bound (box : list side) (k : known) : option (list fact * list fact * list goal) :=
  match k with
  | Fresh open =>
      match first box inputs units [] [] [] with
      | Some (all, live, gone) =>
          match rows_of all live gone box open with
          | Some gs => Some (live, gone, gs)
          | None => None
          end
      | None => None
      end
  | Bounded live gone open =>
      match refine true box live with
      | Some (live, new) =>
          match goals_on live new box open with
          | Some gs => Some (live, merge new gone, gs)
          | None => None
          end
      | None => None
      end
  end.

(** Prove the goals whose bit in a mask is set; the result are the others. *)

Fixpoint close (prove : goal -> stream -> option stream) (mask : Z) (open : list goal) (b : stream)
  : option (list goal * stream) :=
  match open with
  | [] => Some ([], b)
  | t :: rest =>
      let more := Z.shiftr mask 1 in
      if Z.odd mask then
        match prove t b with
        | Some b => close prove more rest b
        | None => None
        end
      else
        match close prove more rest b with
        | Some (remaining, b) => Some (t :: remaining, b)
        | None => None
        end
  end.

Definition by_lines (live : list fact) (box : list side) (t : goal) (b : stream) : option stream :=
  match least_of live box (goal_row t) with
  | Some bound => if (goal_least t <=? bound)%Z then Some b else None
  | None => None
  end.

(** The units that trees of signs number: a list in the tree, or those that are not settled. *)

Definition read_units (fuel : nat) (listed : bool) (live : list fact) (b : stream) : option (list var * stream) :=
  if listed then
    match read_number _ next fuel b with
    | Some (count, b) =>
        match times count (fun '(ks, b) => match read_number _ next fuel b with
                                           | Some (k, b) => Some (k :: ks, b)
                                           | None => None
                                           end) ([], b) with
        | Some (ks, b) => Some (rev ks, b)
        | None => None
        end
    | None => None
    end
  else Some (rev (map number live), b).

(** Check what a node says of a bounded box; the result are the goals that it leaves open. *)

Definition node (fuel : nat) (does : Z) (live gone : list fact) (box : list side) (open : list goal) (b : stream)
  : option (list goal * stream) :=
  match (if Z.testbit does 1 then
           match read_number _ next fuel b with
           | Some (mask, b) => close (by_lines live box) mask open b
           | None => None
           end
         else Some (open, b)) with
  | None => None
  | Some (open, b) =>
      if Z.testbit does 2 then
        match read_number _ next fuel b with
        | Some (mask, b) =>
            match read_units fuel (Z.testbit does 4) live b with
            | Some (ks, b) => close (by_signs _ next fuel ks box (Case live gone [])) mask open b
            | None => None
            end
        | None => None
        end
      else Some (open, b)
  end.

Fixpoint halved (q : var) (upper : bool) (box : list side) : list side :=
  match box with
  | [] => []
  | b :: rest =>
      if (input b =? q)%Z then
        let middle := Z.shiftr (side_low b + side_high b) 1 in
        (if upper then Side (input b) middle (side_high b) else Side (input b) (side_low b) middle) :: rest
      else b :: halved q upper rest
  end.

Definition is_open (k : known) : bool :=
  match k with Fresh [] => false | Bounded _ _ [] => false | _ => true end.

(** A node bounds the box, proves goals, and splits the box if goals are left. *)

Fixpoint walk (fuel : nat) (box : list side) (k : known) (b : stream) : option stream :=
  match fuel with
  | O => None
  | S fuel' =>
      match next b with
      | None => None
      | Some (does, b) =>
          match (if (Z.land does 7 =? 0)%Z then Some (k, b) else
                   match bound box k with
                   | Some (live, gone, open) =>
                       match node fuel does live gone box open b with
                       | Some (remaining, b) => Some (Bounded live gone remaining, b)
                       | None => None
                       end
                   | None => None
                   end) with
          | None => None
          | Some (k, b) =>
              if Bool.eqb (Z.testbit does 3) (is_open k) then
                if is_open k then
                  match read_number _ next fuel b with
                  | Some (q, b) =>
                      if existsb (fun side => (input side =? q)%Z) box then
                        match walk fuel' (halved q false box) k b with
                        | Some b => walk fuel' (halved q true box) k b
                        | None => None
                        end
                      else None
                  | None => None
                  end
                else Some b
              else None
          end
      end
  end.

(** Take the first case distinction of a computation apart. *)
Ltac open_match E := match type of E with (match ?x with _ => _ end) = _ => destruct x as [[? ?]|]; [|discriminate] end.

Section Soundness.
Variables e s : env.
Hypothesis He : runs inputs units e s.

Definition aim_ok (a : aim) : Prop := s (aim_number a) = form_at (aim_form a) e.

Definition known_ok (k : known) : Prop :=
  match k with
  | Fresh open => Forall aim_ok open
  | Bounded live gone open =>
      Forall (fact_ok e s) live /\ Forall (fact_ok e s) gone /\ Forall (goal_ok e s) open
  end.

Definition all_hold (k : known) : Prop :=
  match k with
  | Fresh open => Forall (hits s) open
  | Bounded _ _ open => Forall (holds s) open
  end.

Lemma rows_of_ok all live gone box : Forall (side_ok e) box ->
  Forall (fact_ok e s) all -> Forall (fact_ok e s) live -> Forall (fact_ok e s) gone ->
  forall open gs, Forall aim_ok open -> rows_of all live gone box open = Some gs ->
  Forall (goal_ok e s) gs /\ (Forall (holds s) gs -> Forall (hits s) open).
Proof.
  intros Hb Ha Hl Hg. induction open as [|a open IH]; intros gs H E; cbn [rows_of] in E.
  - injection E as <-. auto.
  - inversion H as [|a' open' Ha' Hopen]; subst.
    destruct (row_of all live gone box (aim_form a)) as [r|] eqn:E1; [|discriminate].
    destruct (rows_of all live gone box open) as [gs'|]; [|discriminate]. injection E as <-.
    destruct (IH _ Hopen eq_refl) as [H1 H2].
    apply (row_of_ok e s _ _ _ _ _ _ Hb Ha Hl Hg) in E1. split.
    + constructor; [|exact H1]. unfold goal_ok; cbn [goal_row goal_number]. now rewrite Ha'.
    + intros H3. inversion H3; subst. constructor; auto.
Qed.

Lemma goals_on_ok live gone box : Forall (side_ok e) box ->
  Forall (fact_ok e s) live -> Forall (fact_ok e s) gone ->
  forall open gs, Forall (goal_ok e s) open -> goals_on live gone box open = Some gs ->
  Forall (goal_ok e s) gs /\ (Forall (holds s) gs -> Forall (holds s) open).
Proof.
  intros Hb Hl Hg. induction open as [|t open IH]; intros gs H E; cbn [goals_on] in E.
  - injection E as <-. auto.
  - inversion H as [|t' open' Ht' Hopen]; subst.
    destruct (substituted live gone box (goal_row t)) as [r|] eqn:E1; [|discriminate].
    destruct (goals_on live gone box open) as [gs'|]; [|discriminate]. injection E as <-.
    destruct (IH _ Hopen eq_refl) as [H1 H2].
    apply (substituted_ok e s _ _ _ _ _ _ Hb Hl Hg Ht') in E1. split.
    + constructor; [exact E1|exact H1].
    + intros H3. inversion H3; subst. constructor; auto.
Qed.

Lemma merge_ok a : Forall (fact_ok e s) a -> forall b, Forall (fact_ok e s) b -> Forall (fact_ok e s) (merge a b).
Proof.
  intros Ha. induction Ha as [|f a Hf Ha IHa]; intros b Hb; [exact Hb|].
  induction Hb as [|h b Hh Hb IHb]; [now constructor|].
  cbn [merge]. destruct (number h <? number f)%Z.
  - constructor; [exact Hf|]. apply IHa. now constructor.
  - constructor; [exact Hh|]. exact IHb.
Qed.

Lemma bound_ok box k live gone open : Forall (side_ok e) box -> known_ok k ->
  bound box k = Some (live, gone, open) ->
  known_ok (Bounded live gone open) /\ (Forall (holds s) open -> all_hold k).
Proof.
  intros Hb Hk E. destruct k as [aims|live0 gone0 open0]; cbn [bound] in E.
  - destruct (first box inputs units [] [] []) as [[[all live1] gone1]|] eqn:E1; [|discriminate].
    destruct (first_ok e s _ Hb _ _ _ _ _ _ _ _ He ltac:(constructor) ltac:(constructor) ltac:(constructor) E1)
      as (H1 & H2 & H3).
    destruct (rows_of all live1 gone1 box aims) as [gs|] eqn:E2; [|discriminate]. injection E as <- <- <-.
    destruct (rows_of_ok _ _ _ _ Hb H1 H2 H3 _ _ Hk E2) as [H4 H5]. cbn [known_ok all_hold]. auto.
  - destruct Hk as (H1 & H2 & H3).
    destruct (refine true box live0) as [[live1 new]|] eqn:E1; [|discriminate].
    destruct (refine_ok e s _ _ Hb _ H1 _ _ E1) as [H4 H5].
    destruct (goals_on live1 new box open0) as [gs|] eqn:E2; [|discriminate]. injection E as <- <- <-.
    destruct (goals_on_ok _ _ _ Hb H4 H5 _ _ H3 E2) as [H6 H7]. cbn [known_ok all_hold].
    split; [|exact H7]. split; [exact H4|]. split; [now apply merge_ok|exact H6].
Qed.

Lemma close_ok prove : (forall t b b', goal_ok e s t -> prove t b = Some b' -> holds s t) ->
  forall open mask b left b', Forall (goal_ok e s) open -> close prove mask open b = Some (left, b') ->
  Forall (goal_ok e s) left /\ (Forall (holds s) left -> Forall (holds s) open).
Proof.
  intros Hp. induction open as [|t open IH]; intros mask b left b' H E; cbn [close] in E.
  - injection E as <- <-. auto.
  - inversion H as [|t' open' Ht Hopen]; subst. destruct (Z.odd mask).
    + destruct (prove t b) as [b1|] eqn:E1; [|discriminate]. apply Hp in E1; [|exact Ht].
      destruct (IH _ _ _ _ Hopen E) as [H1 H2]. split; [exact H1|]. intros H3. constructor; auto.
    + destruct (close prove _ open b) as [[left1 b1]|] eqn:E1; [|discriminate]. injection E as <- <-.
      destruct (IH _ _ _ _ Hopen E1) as [H1 H2]. split; [now constructor|].
      intros H3. inversion H3; subst. constructor; auto.
Qed.

Lemma by_lines_ok live box t b b' : Forall (side_ok e) box -> Forall (fact_ok e s) live -> goal_ok e s t ->
  by_lines live box t b = Some b' -> holds s t.
Proof.
  intros Hb Hl Ht E. unfold by_lines in E.
  destruct (least_of live box (goal_row t)) as [l|] eqn:E1; [|discriminate].
  apply (least_ok e s _ _ _ _ _ Hb Hl Ht) in E1.
  destruct (Z.leb_spec (goal_least t) l) as [H|]; [|discriminate]. apply IZR_le in H. unfold holds. lra.
Qed.

Lemma node_ok fuel does live gone box open b left b' : Forall (side_ok e) box ->
  known_ok (Bounded live gone open) -> node fuel does live gone box open b = Some (left, b') ->
  known_ok (Bounded live gone left) /\ (Forall (holds s) left -> Forall (holds s) open).
Proof.
  intros Hb (H1 & H2 & H3) E. unfold node in E.
  match type of E with (match ?x with _ => _ end) = _ => destruct x as [[open1 b1]|] eqn:E1; [|discriminate] end.
  assert (Hlines : Forall (goal_ok e s) open1 /\ (Forall (holds s) open1 -> Forall (holds s) open)).
  { destruct (Z.testbit does 1); [|injection E1 as <- <-; auto].
    open_match E1.
    refine (close_ok _ _ _ _ _ _ _ H3 E1). intros t b3 b4 Ht. now apply by_lines_ok. }
  destruct Hlines as [H4 H5].
  destruct (Z.testbit does 2); [|injection E as <- <-; split; [split|]; auto].
  open_match E.
  match type of E with (match ?x with _ => _ end) = _ => destruct x as [[ks b3]|]; [|discriminate] end.
  destruct (close_ok (by_signs stream next fuel ks box (Case live gone []))
              ltac:(intros t b4 b5 Ht; apply (by_signs_ok _ _ e s box Hb); [split; assumption|exact Ht])
              _ _ _ _ _ H4 E) as [H6 H7].
  split; [split; auto|]. auto.
Qed.

Lemma halved_ok q box : Forall (side_ok e) box ->
  Forall (side_ok e) (halved q false box) \/ Forall (side_ok e) (halved q true box).
Proof.
  intros H. induction H as [|b box Hb H IH]; [left; constructor|]. cbn [halved].
  destruct (input b =? q)%Z; [|destruct IH; [left|right]; constructor; assumption].
  destruct Hb as [Hl Hh]. set (m := Z.shiftr (side_low b + side_high b) 1).
  destruct (Rle_dec (g * e (input b)) (IZR m)); [left|right];
    (constructor; [|exact H]); unfold side_ok, inside; cbn [input side_low side_high]; lra.
Qed.

Lemma walk_ok : forall fuel box k b b', Forall (side_ok e) box -> known_ok k ->
  walk fuel box k b = Some b' -> all_hold k.
Proof.
  induction fuel as [|fuel IH]; intros box k b b' Hb Hk E; cbn [walk] in E; [discriminate|].
  destruct (next b) as [[does b1]|]; [|discriminate].
  match type of E with (match ?x with _ => _ end) = _ => destruct x as [[k2 b2]|] eqn:E1; [|discriminate] end.
  assert (Hk2 : known_ok k2 /\ (all_hold k2 -> all_hold k)).
  { destruct (Z.land does 7 =? 0)%Z; [injection E1 as <- <-; auto|].
    destruct (bound box k) as [[[live gone] open]|] eqn:E2; [|discriminate].
    destruct (bound_ok _ _ _ _ _ Hb Hk E2) as [H1 H2].
    match type of E1 with (match ?x with _ => _ end) = _ => destruct x as [[left b3]|] eqn:E3; [|discriminate] end. injection E1 as <- <-.
    destruct (node_ok _ _ _ _ _ _ _ _ _ Hb H1 E3) as [H3 H4]. split; [exact H3|]. cbn [all_hold]. auto. }
  destruct Hk2 as [Hk2 Hback]. apply Hback.
  destruct (Bool.eqb _ _); [|discriminate]. destruct (is_open k2) eqn:Eo.
  - match type of E with (match ?x with _ => _ end) = _ => destruct x as [[q b3]|]; [|discriminate] end.
    destruct (existsb _ box) in E; [|discriminate].
    destruct (walk fuel (halved q false box) k2 b3) as [b4|] eqn:E4; [|discriminate].
    destruct (halved_ok q box Hb) as [H|H]; eapply IH; eassumption.
  - destruct k2 as [[|]|live gone [|]]; try discriminate; constructor.
Qed.

End Soundness.
End Tree.
