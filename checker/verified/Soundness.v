(** The checker, and the theorem that what it accepts is true. *)

From Coq Require Import ZArith QArith Qreals Reals List Bool Lra Lia Psatz.
Require Import Statement Grid Facts Bounds Units Refine Signs Boxes Claims Attained.
Import ListNotations.
Open Scope R_scope.

Fixpoint aims (k : var) (ts : list (form * Z)) : list aim :=
  match ts with
  | [] => []
  | (f, l) :: rest => Aim k f l :: aims (Z.succ k) rest
  end.

Section Checker.
Variable stream : Type.
Variable next : stream -> option (Z * stream).
Variable fuel : nat.
Variable n : network.

(** The first number that no variable of the network has. *)
Definition after (us : list neuron) : Z := (inputs n + Z.of_nat (length us))%Z.

(** Check one part: its values attained, and its tree, which is read from the stream. *)

Definition check_part (p : part) (b : stream) : option stream :=
  match sides (inputs n) 0%Z (box p) [], compile (outputs n) (after (units n)) (claims p) with
  | Some sides_of_box, Some (more, ts) =>
      let us := units n ++ more in
      if ordered (inputs n) us && ordered (inputs n) (units n) && forallb (reads (after (units n))) (outputs n)
         && forallb (attains n (box p)) (claims p)
      then walk stream next (inputs n) us fuel sides_of_box (Fresh (aims (after us) ts)) b
      else None
  | _, _ => None
  end.

(** Check all parts. The stream has to end after the last tree. *)

Fixpoint check (ps : list part) (b : stream) : bool :=
  match ps with
  | [] => match next b with None => true | Some _ => false end
  | p :: rest => match check_part p b with Some b => check rest b | None => false end
  end.

(** ** Soundness *)

(** The sums of units and goals at an input whose variables have the values [e]. *)
Definition sums (fs : list form) (e : env) : env :=
  fun k => form_at (nth (Z.to_nat (k - inputs n)) fs (Form 1 0 Empty)) e.

Lemma sums_at fs e i : form_at (nth i fs (Form 1 0 Empty)) e = sums fs e (inputs n + Z.of_nat i)%Z.
Proof. unfold sums. f_equal. f_equal. lia. Qed.

Lemma aims_ok e s : forall ts k,
  (forall i, (i < length ts)%nat -> s (k + Z.of_nat i)%Z = form_at (nth i (map fst ts) (Form 1 0 Empty)) e) ->
  Forall (aim_ok e s) (aims k ts) /\ (Forall (hits s) (aims k ts) -> Forall (goal_true e) ts).
Proof.
  induction ts as [|[f l] ts IH]; intros k H; cbn [aims]; [auto|].
  assert (Hk : s k = form_at f e).
  { pose proof (H 0%nat ltac:(cbn; lia)) as H0. rewrite Z.add_0_r in H0. exact H0. }
  destruct (IH (Z.succ k)) as [H1 H2].
  { intros i Hi. pose proof (H (S i) ltac:(cbn; lia)) as H0. cbn [map nth] in H0.
    replace (k + Z.of_nat (S i))%Z with (Z.succ k + Z.of_nat i)%Z in H0 by lia. exact H0. }
  split; [constructor; auto|]. intros H3. inversion H3 as [|a b Ha Hb]; subst. constructor; [|auto].
  unfold goal_true, hits in *; cbn [fst snd aim_least aim_number] in *. now rewrite <- Hk.
Qed.

Lemma check_part_ok p b b' : check_part p b = Some b' -> part_holds n p.
Proof.
  unfold check_part. destruct (sides (inputs n) 0%Z (box p) []) as [bs|] eqn:E1; [|discriminate].
  destruct (compile (outputs n) (after (units n)) (claims p)) as [[more ts]|] eqn:E2; [|discriminate].
  set (us := units n ++ more).
  destruct (ordered (inputs n) us && _ && _ && _) eqn:E3; [|discriminate]. intros E.
  rewrite !andb_true_iff in E3. destruct E3 as [[[Ho Ho'] Hr] Ha].
  split; [exists (corner 0%Z (box p)); exact (not_empty_box _ _ _ _ _ E1)|].
  intros c Hc. split; [|apply attains_ok; [exact Ho'|]; rewrite forallb_forall in Ha; now apply Ha].
  intros x Hx. set (e := run (inputs n) us x). set (fs := map argument us ++ map fst ts). set (s := sums fs e).
  assert (Hb : Forall (side_ok e) bs).
  { refine (sides_ok (inputs n) x e _ _ _ _ _ Hx ltac:(constructor) E1). intros i Hi. now apply run_before. }
  assert (Hrun : runs (inputs n) us e s).
  { apply run_runs; [exact Ho|]. intros i u Hu. unfold s. rewrite <- sums_at. fold e. unfold fs.
    rewrite app_nth1 by (rewrite length_map; apply nth_error_Some; congruence).
    f_equal. apply nth_error_nth. now rewrite nth_error_map, Hu. }
  assert (Hout : forall i, form_at (nth i (outputs n) (Form 1 0 Empty)) e = output n i x).
  { intros i. unfold output, e, us. rewrite run_app.
    apply (reads_ok (after (units n))); [|intros j Hj; apply run_before; exact Hj].
    destruct (Nat.lt_ge_cases i (length (outputs n))) as [Hi|Hi].
    - rewrite forallb_forall in Hr. apply Hr. now apply nth_In.
    - now rewrite nth_overflow. }
  destruct (aims_ok e s ts (after us)) as [Haim Hgoal].
  { intros i Hi. unfold after. rewrite <- Z.add_assoc, <- Nat2Z.inj_add. unfold s. rewrite <- sums_at.
    unfold fs. rewrite app_nth2 by (rewrite length_map; lia). f_equal. f_equal. rewrite length_map. lia. }
  pose proof (walk_ok stream next (inputs n) us e s Hrun fuel _ (Fresh (aims (after us) ts)) _ _ Hb Haim E) as H.
  refine (compile_ok n x e s Hout _ _ _ _ E2 _ (Hgoal H) c Hc).
  apply runs_app in Hrun. exact (proj2 Hrun).
Qed.

(** Whatever network, parts and stream of bytes the checker is run on: if it returns [true], every part
    holds. *)

Theorem check_sound : forall ps b, check ps b = true -> forall p, In p ps -> part_holds n p.
Proof.
  induction ps as [|q ps IH]; intros b E p Hp; [destruct Hp|]. cbn [check] in E.
  destruct (check_part q b) as [b1|] eqn:E1; [|discriminate].
  destruct Hp as [<-|Hp]; [exact (check_part_ok _ _ _ E1)|exact (IH _ E _ Hp)].
Qed.

End Checker.

Check check_sound.
Print Assumptions check_sound.
