(** The bounds of all units on a box: for the first time, and once more on a part of it. *)

From Coq Require Import ZArith QArith Qreals Reals List Bool Lra Lia Psatz.
Require Import Statement Grid Facts Bounds Units.
Import ListNotations.
Open Scope R_scope.

(** ** For the first time

    [all] are the units so far, [live] those that are not settled, [gone] those that are. *)

Fixpoint first (box : list side) (k : var) (us : list neuron) (all live gone : list fact)
  : option (list fact * list fact * list fact) :=
  match us with
  | [] => Some (all, live, gone)
  | u :: rest =>
      match exact_q (below u), exact_q (above u), row_of all live gone box (argument u) with
      | Some b, Some a, Some r =>
          match bounded true live box r None with
          | Some (l, h) =>
              let f := draw true k b a r l (Z.max l h) None in
              match settled f with
              | Some _ => first box (Z.succ k) rest (f :: all) live (f :: gone)
              | None => first box (Z.succ k) rest (f :: all) (f :: live) gone
              end
          | None => None
          end
      | _, _, _ => None
      end
  end.

(** ** Once more

    In order, each unit's row loses the units that were settled just before, and its interval is
    intersected with its bounds. On a box of the tree ([deep]), units are also bounded by lines, and
    settled units leave the list. In a case of a tree of signs they stay, because multipliers may use
    their rows. The result is the list, and the units that were settled now. *)

Fixpoint refine (deep : bool) (box : list side) (fs : list fact) : option (list fact * list fact) :=
  match fs with
  | [] => Some ([], [])
  | f :: fs' =>
      match refine deep box fs' with
      | None => None
      | Some (live, gone) =>
          match substituted live gone box (sum_row f) with
          | None => None
          | Some r =>
              match settled f with
              | Some _ =>
                  Some (Fact (number f) (kink_below f) (kink_above f) r (low f) (high f)
                          (line_below f) (line_above f) (settled f) (value_low f) (value_high f) :: live,
                        gone)
              | None =>
                  match bounded deep live box r (Some (low f, high f)) with
                  | None => None
                  | Some (l, h) =>
                      let f' := draw deep (number f) (kink_below f) (kink_above f) r l
                                  (if deep then Z.max l h else h) None in
                      match settled f' with
                      | Some _ => Some (if deep then live else f' :: live, f' :: gone)
                      | None => Some (f' :: live, gone)
                      end
                  end
              end
          end
      end
  end.

Fixpoint runs (k : var) (us : list neuron) (e s : env) : Prop :=
  match us with
  | [] => True
  | u :: rest =>
      s k = form_at (argument u) e /\ e k = kink (Q2R (below u)) (Q2R (above u)) (s k) /\
      runs (Z.succ k) rest e s
  end.

Lemma widened l h v : inside l h v -> inside l (Z.max l h) v.
Proof. unfold inside. intros H. pose proof (max_r l h). lra. Qed.

Section Soundness.
Variables e s : env.

Lemma first_ok box : Forall (side_ok e) box -> forall us k all live gone all' live' gone',
  runs k us e s -> Forall (fact_ok e s) all -> Forall (fact_ok e s) live -> Forall (fact_ok e s) gone ->
  first box k us all live gone = Some (all', live', gone') ->
  Forall (fact_ok e s) all' /\ Forall (fact_ok e s) live' /\ Forall (fact_ok e s) gone'.
Proof.
  intros Hb. induction us as [|u us IH]; intros k all live gone all' live' gone' Hr Ha Hl Hg E; cbn [first] in E.
  - injection E as <- <- <-. auto.
  - cbn [runs] in Hr. destruct Hr as (Hs & He & Hr).
    destruct (exact_q (below u)) as [b|] eqn:E1; [|discriminate]. apply exact_ok in E1.
    destruct (exact_q (above u)) as [a|] eqn:E2; [|discriminate]. apply exact_ok in E2.
    destruct (row_of all live gone box (argument u)) as [r|] eqn:E3; [|discriminate].
    apply (row_of_ok e s _ _ _ _ _ _ Hb Ha Hl Hg) in E3. rewrite <- Hs in E3.
    destruct (bounded true live box r None) as [[l h]|] eqn:E4; [|discriminate].
    pose proof (bounded_ok e s true live box r None (s k) (l, h) Hb Hl E3 ltac:(discriminate) E4) as Hz.
    cbn [fst snd] in Hz. apply widened in Hz.
    assert (Hf : fact_ok e s (draw true k b a r l (Z.max l h) None)).
    { apply draw_ok; [|exact E3|exact Hz]. rewrite He, E1, E2. unfold kink. destruct (Rle_dec 0 (s k)); ring. }
    destruct (settled (draw true k b a r l (Z.max l h) None));
      (eapply IH; [exact Hr| | | |exact E]; auto).
Qed.

Lemma refine_ok deep box : Forall (side_ok e) box -> forall fs, Forall (fact_ok e s) fs -> forall live gone,
  refine deep box fs = Some (live, gone) -> Forall (fact_ok e s) live /\ Forall (fact_ok e s) gone.
Proof.
  intros Hb fs H. induction H as [|f fs Hf H IH]; intros live' gone' E; cbn [refine] in E.
  - injection E as <- <-. auto.
  - destruct (refine deep box fs) as [[live gone]|]; [|discriminate].
    destruct (IH _ _ eq_refl) as [Hl Hg]. clear IH. destruct Hf as (Hv & Hz & Hr & Hrest).
    destruct (substituted live gone box (sum_row f)) as [r|] eqn:E1; [|discriminate].
    pose proof (substituted_ok e s _ _ _ _ _ _ Hb Hl Hg Hr E1) as Hr'.
    destruct (settled f) as [a|] eqn:Es.
    { injection E as <- <-. split; [|exact Hg]. constructor; [|exact Hl].
      rewrite <- Es in *. split; [exact Hv|]. split; [exact Hz|]. split; [exact Hr'|].
      cbn [settled]. rewrite ?Es in *. exact Hrest. }
    destruct (bounded deep live box r (Some (low f, high f))) as [[l h]|] eqn:E2; [|discriminate].
    assert (Hz' : inside l h (s (number f))).
    { apply (bounded_ok e s deep live box r (Some (low f, high f)) (s (number f)) (l, h) Hb Hl Hr'); [|exact E2].
      intros o [= <-]. exact Hz. }
    assert (Hz2 : inside l (if deep then Z.max l h else h) (s (number f))).
    { destruct deep; [now apply widened|exact Hz']. }
    set (h' := if deep then Z.max l h else h) in *.
    pose proof (draw_ok deep (number f) (kink_below f) (kink_above f) r l h' None e s Hv Hr' Hz2) as Hf'.
    destruct (settled (draw deep _ _ _ _ _ _ _)); injection E as <- <-; [|split; auto].
    split; [|constructor; auto]. destruct deep; auto.
Qed.

End Soundness.
