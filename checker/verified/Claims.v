(** Claims as goals, and the values attained. *)

From Coq Require Import ZArith QArith Qreals Reals List Bool Lra Lia Psatz.
Require Import Statement Grid Facts Bounds Units Refine Signs Boxes.
Import ListNotations.
Open Scope R_scope.

(** ** Forms *)

(** A common multiple of two denominators, and both factors. *)
Definition common (a b : positive) : positive * positive * positive :=
  let default := (a * b, b, a)%positive in
  if (Zpos a mod Zpos b =? 0)%Z then
    match (Zpos a / Zpos b)%Z with Zpos q => if (q * b =? a)%positive then (a, 1, q)%positive else default | _ => default end
  else match (Zpos b / Zpos a)%Z with Zpos q => if (q * a =? b)%positive then (b, q, 1)%positive else default | _ => default end.

Lemma common_ok a b : let '(l, p, q) := common a b in l = (p * a)%positive /\ l = (q * b)%positive.
Proof.
  unfold common. destruct (_ =? 0)%Z.
  - destruct (Zpos a / Zpos b)%Z; try (split; lia). destruct (Pos.eqb_spec (p * b) a); split; lia.
  - destruct (Zpos b / Zpos a)%Z; try (split; lia). destruct (Pos.eqb_spec (p * a) b); split; lia.
Qed.

(** [f + c * o]. *)
Definition plus_times (c : Q) (o f : form) : form :=
  let '(l, p, q) := common (over f) (over o * Qden c) in
  Form l (Zpos p * constant f + Zpos q * Qnum c * constant o)
    (add (Zpos q * Qnum c) (terms o) (if (p =? 1)%positive then terms f else scaled (Zpos p) (terms f))).

Lemma plus_times_ok c o f e : form_at (plus_times c o f) e = form_at f e + Q2R c * form_at o e.
Proof.
  unfold plus_times. pose proof (common_ok (over f) (over o * Qden c)) as H.
  destruct (common _ _) as [[l p] q]. destruct H as [H1 H2].
  unfold form_at, Q2R; cbn [over constant terms]. rewrite add_ok, plus_IZR, !mult_IZR.
  assert (E : sum_at (if (p =? 1)%positive then terms f else scaled (Zpos p) (terms f)) e
              = IZR (Zpos p) * sum_at (terms f) e).
  { destruct (Pos.eqb_spec p 1) as [->|]; [rewrite Rmult_1_l; reflexivity|apply scaled_ok]. }
  rewrite E. apply (f_equal (fun x => IZR (Zpos x))) in H1, H2.
  rewrite !Pos2Z.inj_mul, !mult_IZR in *.
  pose proof (pos_R l). pose proof (pos_R p). pose proof (pos_R q).
  pose proof (pos_R (over f)). pose proof (pos_R (over o)). pose proof (pos_R (Qden c)).
  apply Rmult_eq_reg_r with (IZR (Zpos l)); [|lra].
  rewrite Rmult_plus_distr_r. unfold Rdiv at 1. rewrite Rmult_assoc, Rinv_l, Rmult_1_r by lra.
  rewrite H1 at 1. rewrite H2.
  field. lra.
Qed.

Fixpoint combined (outs : list form) (ts : list (nat * Q)) (f : form) : form :=
  match ts with
  | [] => f
  | (i, c) :: rest => combined outs rest (plus_times c (nth i outs (Form 1 0 Empty)) f)
  end.

Definition form_of (outs : list form) (o : objective) : form :=
  combined outs (y o) (Form (Qden (plus o)) (Qnum (plus o)) Empty).

(** ** The largest of several forms: [max (a, f) = f + relu (a - f)] *)

Fixpoint largest (k : var) (top : form) (rest : list form) : list neuron * form :=
  match rest with
  | [] => ([], top)
  | f :: rest' =>
      let '(us, t) := largest (Z.succ k) (Form (over f) (constant f) (Term k (Zpos (over f)) (terms f))) rest' in
      (Neuron 0 1 (plus_times (-1 # 1) f top) :: us, t)
  end.

Lemma largest_ok e s : forall rest k top,
  runs k (fst (largest k top rest)) e s ->
  exists f, In f (top :: rest) /\ form_at (snd (largest k top rest)) e = form_at f e.
Proof.
  induction rest as [|f rest IH]; intros k top H; cbn [largest].
  - exists top. cbn. auto.
  - cbn [largest] in H.
    specialize (IH (Z.succ k) (Form (over f) (constant f) (Term k (Zpos (over f)) (terms f)))).
    destruct (largest (Z.succ k) _ rest) as [us t]. cbn [fst snd runs argument below above] in *.
    destruct H as (Hs & He & Hr). destruct (IH Hr) as (f' & [<-|Hin] & E).
    2:{ exists f'. split; [right; now right|exact E]. }
    rewrite plus_times_ok in Hs.
    assert (Em : Q2R (-1 # 1) = -1) by (unfold Q2R; simpl; lra). rewrite Em in Hs.
    assert (E1 : form_at (Form (over f) (constant f) (Term k (Zpos (over f)) (terms f))) e = form_at f e + e k).
    { unfold form_at; cbn [over constant terms sum_at]. pose proof (pos_R (over f)). field. lra. }
    rewrite E1 in E. rewrite He in E. unfold kink in E.
    assert (E0 : Q2R 0 = 0) by (unfold Q2R; simpl; lra). assert (E2 : Q2R 1 = 1) by (unfold Q2R; simpl; lra).
    rewrite E0, E2 in E. destruct (Rle_dec 0 (s k)).
    + exists top. split; [now left|]. rewrite E. lra.
    + exists f. split; [right; now left|]. rewrite E. lra.
Qed.

(** All claims, one after the other: their units, and their goals as forms. *)

Definition goal_limit (c : claim) : Z := (ceil_q (least c) + if strict c then 1 else 0)%Z.

Fixpoint compile (outs : list form) (k : var) (cs : list claim) : option (list neuron * list (form * Z)) :=
  match cs with
  | [] => Some ([], [])
  | c :: cs' =>
      match map (form_of outs) (any c) with
      | [] => None
      | top :: rest =>
          let '(us, t) := largest k top rest in
          match compile outs (k + Z.of_nat (length us))%Z cs' with
          | Some (us', ts) => Some (us ++ us', (t, goal_limit c) :: ts)
          | None => None
          end
      end
  end.

Definition goal_true (e : env) (t : form * Z) : Prop := IZR (snd t) <= g * form_at (fst t) e.

Lemma runs_app e s us' : forall us k, runs k (us ++ us') e s ->
  runs k us e s /\ runs (k + Z.of_nat (length us))%Z us' e s.
Proof.
  induction us as [|u us IH]; intros k H.
  - cbn [length app] in *. rewrite Z.add_0_r. split; [exact I|exact H].
  - cbn [app runs] in H. destruct H as (H1 & H2 & H3). destruct (IH _ H3) as [H4 H5].
    split; [cbn [runs]; auto|].
    replace (k + Z.of_nat (length (u :: us)))%Z with (Z.succ k + Z.of_nat (length us))%Z
      by (cbn [length]; lia). exact H5.
Qed.

Lemma combined_ok n x e : (forall i, form_at (nth i (outputs n) (Form 1 0 Empty)) e = output n i x) ->
  forall ts f, form_at (combined (outputs n) ts f) e = form_at f e + weighted n ts x.
Proof.
  intros H. induction ts as [|[i c] ts IH]; intros f; cbn [combined weighted]; [lra|].
  rewrite IH, plus_times_ok, H. lra.
Qed.

Lemma form_of_ok n x e o : (forall i, form_at (nth i (outputs n) (Form 1 0 Empty)) e = output n i x) ->
  form_at (form_of (outputs n) o) e = objective_at n o x.
Proof.
  intros H. unfold form_of, objective_at. rewrite (combined_ok n x e H).
  unfold form_at, Q2R; cbn [over constant terms sum_at]. unfold Rdiv. lra.
Qed.

Lemma compile_ok n x e s : (forall i, form_at (nth i (outputs n) (Form 1 0 Empty)) e = output n i x) ->
  forall cs k us ts, compile (outputs n) k cs = Some (us, ts) -> runs k us e s ->
  Forall (goal_true e) ts -> forall c, In c cs -> holds_at n c x.
Proof.
  intros Hout. induction cs as [|c cs IH]; intros k us ts E Hr Ht c' Hc; cbn [compile] in E; [destruct Hc|].
  destruct (map (form_of (outputs n)) (any c)) as [|top rest] eqn:Em; [discriminate|].
  pose proof (largest_ok e s rest k top) as Hl.
  destruct (largest k top rest) as [us1 t]. cbn [fst snd] in Hl.
  destruct (compile (outputs n) (k + Z.of_nat (length us1))%Z cs) as [[us2 ts2]|] eqn:E2; [|discriminate].
  injection E as <- <-. apply runs_app in Hr. destruct Hr as [Hr1 Hr2].
  inversion Ht as [|t' ts' Ht1 Ht2]; subst. destruct Hc as [<-|Hc]; [|exact (IH _ _ _ E2 Hr2 Ht2 _ Hc)].
  destruct (Hl Hr1) as (f & Hf & Ef). rewrite <- Em in Hf. apply in_map_iff in Hf.
  destruct Hf as (o & <- & Ho). unfold goal_true in Ht1; cbn [fst snd] in Ht1.
  rewrite Ef, (form_of_ok n x e o Hout) in Ht1. unfold goal_limit in Ht1. rewrite plus_IZR in Ht1.
  pose proof (ceil_ok (least c)). exists o. split; [exact Ho|]. pose proof g_pos. destruct (strict c).
  - apply Rmult_lt_reg_l with g; lra.
  - apply g_cancel. lra.
Qed.

(** ** Runs *)

Definition reads (k : var) (f : form) : bool :=
  (fix go (cs : sum) := match cs with Empty => true | Term i _ rest => (i <? k)%Z && go rest end) (terms f).

Fixpoint ordered (k : var) (us : list neuron) : bool :=
  match us with
  | [] => true
  | u :: rest => reads k (argument u) && ordered (Z.succ k) rest
  end.

Lemma reads_ok k f e e' : reads k f = true -> (forall i, (i < k)%Z -> e i = e' i) -> form_at f e = form_at f e'.
Proof.
  unfold reads, form_at. intros H A. f_equal. f_equal.
  induction (terms f) as [|i c rest IH]; [reflexivity|]. apply andb_true_iff in H. destruct H as [H1 H2].
  cbn [sum_at]. rewrite (IH H2), (A i); [reflexivity|]. now apply Z.ltb_lt.
Qed.

Lemma run_before : forall us k x i, (i < k)%Z -> run k us x i = x i.
Proof.
  induction us as [|u us IH]; intros k x i Hi; cbn [run]; [reflexivity|].
  rewrite IH by lia. unfold set. destruct (Z.eqb_spec i k); [lia|reflexivity].
Qed.

Lemma run_app : forall us us' k x, run k (us ++ us') x = run (k + Z.of_nat (length us))%Z us' (run k us x).
Proof.
  induction us as [|u us IH]; intros us' k x; cbn [app run length].
  - now rewrite Z.add_0_r.
  - rewrite IH. f_equal. lia.
Qed.

Lemma run_runs s : forall us k x, ordered k us = true ->
  (forall i u, nth_error us i = Some u -> s (k + Z.of_nat i)%Z = form_at (argument u) (run k us x)) ->
  runs k us (run k us x) s.
Proof.
  induction us as [|u us IH]; intros k x Ho Hs; [exact I|].
  cbn [ordered] in Ho. apply andb_true_iff in Ho. destruct Ho as [Hr Ho]. cbn [run runs].
  set (x' := set k (kink (Q2R (below u)) (Q2R (above u)) (form_at (argument u) x)) x).
  assert (Hk : s k = form_at (argument u) (run (Z.succ k) us x')).
  { pose proof (Hs 0%nat u eq_refl) as H. rewrite Z.add_0_r in H. exact H. }
  split; [exact Hk|]. split.
  - rewrite Hk, run_before by lia. unfold x' at 1, set. rewrite Z.eqb_refl. f_equal.
    apply (reads_ok k); [exact Hr|]. intros i Hi. rewrite run_before by lia. unfold x', set.
    destruct (Z.eqb_spec i k); [lia|reflexivity].
  - apply IH; [exact Ho|]. intros i v Hv. pose proof (Hs (S i) v Hv) as H.
    replace (k + Z.of_nat (S i))%Z with (Z.succ k + Z.of_nat i)%Z in H by lia. exact H.
Qed.

(** ** Boxes on the grid *)

Fixpoint sides (n : Z) (k : var) (box : list (Q * Q)) (done : list side) : option (list side) :=
  match box with
  | [] => Some done
  | (low, high) :: rest =>
      if ((k <? n)%Z && Qle_bool low high)%bool
      then sides n (Z.succ k) rest (Side k (floor_q low) (ceil_q high) :: done) else None
  end.

Lemma sides_ok n x e : (forall i, (i < n)%Z -> e i = x i) -> forall box k done bs,
  in_box k box x -> Forall (side_ok e) done -> sides n k box done = Some bs -> Forall (side_ok e) bs.
Proof.
  intros A. induction box as [|[low high] rest IH]; intros k done bs Hx Hd E; cbn [sides in_box] in *.
  - injection E as <-. exact Hd.
  - destruct (Z.ltb_spec k n) as [Hk|]; [|discriminate]. destruct (Qle_bool low high); [|discriminate].
    destruct Hx as [Hx Hrest]. refine (IH _ _ _ Hrest _ E). constructor; [|exact Hd].
    unfold side_ok, inside; cbn [input side_low side_high]. rewrite (A k Hk).
    pose proof (floor_ok low). pose proof (ceil_ok high).
    pose proof (g_times _ _ (proj1 Hx)). pose proof (g_times _ _ (proj2 Hx)). lra.
Qed.

(** The corner of a box with the smallest values. *)
Fixpoint corner (k : var) (box : list (Q * Q)) : env :=
  match box with
  | [] => fun _ => 0
  | (low, _) :: rest => fun i => if (i =? k)%Z then Q2R low else corner (Z.succ k) rest i
  end.

Lemma in_box_ext : forall box k x x', (forall i, (k <= i)%Z -> x i = x' i) -> in_box k box x -> in_box k box x'.
Proof.
  induction box as [|[low high] rest IH]; intros k x x' A H; cbn [in_box] in *; [exact I|].
  destruct H as [H1 H2]. rewrite <- (A k) by lia. split; [exact H1|].
  apply (IH _ x); [intros i Hi; apply A; lia|exact H2].
Qed.

Lemma not_empty_box n : forall box k done bs, sides n k box done = Some bs -> in_box k box (corner k box).
Proof.
  induction box as [|[low high] rest IH]; intros k done bs E; cbn [sides in_box corner] in *; [exact I|].
  destruct (Z.ltb_spec k n); [|discriminate]. destruct (Qle_bool low high) eqn:Eq; [|discriminate].
  rewrite Z.eqb_refl. split.
  - apply Qle_bool_iff, Qle_Rle in Eq. lra.
  - apply (in_box_ext _ _ (corner (Z.succ k) rest)); [|exact (IH _ _ _ E)].
    intros i Hi. destruct (Z.eqb_spec i k); [lia|reflexivity].
Qed.
