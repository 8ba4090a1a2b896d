(** Values attained: the network is run at a stated input, in intervals of multiples of 2^-4096. *)

From Coq Require Import ZArith QArith Qreals Reals List Bool Lra Lia Psatz.
Require Import Statement Grid Facts Bounds Claims.
Import ListNotations.
Open Scope R_scope.

Definition point_bits : Z := 4096.
Definition h : R := IZR (2 ^ point_bits).
Definition fine_up (z : Z) : Z := Z.shiftl z point_bits.

Lemma h_pos : 0 < h.
Proof. unfold h, point_bits. apply IZR_lt. vm_compute. reflexivity. Qed.

Lemma fine_up_ok z : IZR (fine_up z) = IZR z * h.
Proof. unfold fine_up, h. rewrite Z.shiftl_mul_pow2 by (unfold point_bits; lia). apply mult_IZR. Qed.
Global Opaque h fine_up.

Definition about (l u : Z) (v : R) : Prop := IZR l <= h * v <= IZR u.

(** A quotient's limits. *)
Definition over_low (l : Z) (p : positive) : Z := (l / Zpos p)%Z.
Definition over_high (u : Z) (p : positive) : Z := (- (- u / Zpos p))%Z.

Lemma over_about l u p v : IZR l <= h * v * IZR (Zpos p) <= IZR u -> about (over_low l p) (over_high u p) v.
Proof.
  intros [Hl Hu]. pose proof (pos_R p). unfold about, over_low, over_high.
  pose proof (div_le l p). pose proof (div_le (- u) p). rewrite !opp_IZR in *.
  split; apply Rmult_le_reg_r with (IZR (Zpos p)); lra.
Qed.

(** The limits of a rational times a value. *)
Definition times_q (q : Q) (l u : Z) : Z * Z :=
  if (0 <=? Qnum q)%Z then (over_low (Qnum q * l) (Qden q), over_high (Qnum q * u) (Qden q))
  else (over_low (Qnum q * u) (Qden q), over_high (Qnum q * l) (Qden q)).

Lemma times_q_ok q l u v : about l u v -> about (fst (times_q q l u)) (snd (times_q q l u)) (Q2R q * v).
Proof.
  intros [Hl Hu]. unfold times_q.
  assert (E : h * (Q2R q * v) * IZR (Zpos (Qden q)) = IZR (Qnum q) * (h * v)).
  { replace (h * (Q2R q * v) * IZR (Zpos (Qden q))) with ((Q2R q * IZR (Zpos (Qden q))) * (h * v)) by ring.
    now rewrite Q2R_times. }
  destruct (Z.leb_spec 0 (Qnum q)) as [Hq|Hq]; cbn [fst snd]; apply over_about; rewrite E, !mult_IZR.
  - apply IZR_le in Hq. split; apply Rmult_le_compat_l; lra.
  - apply IZR_lt in Hq. split; apply Rmult_le_compat_neg_l; lra.
Qed.

Definition form_about (cells : list side) (f : form) : option (Z * Z) :=
  match flat_box cells (fine_up (constant f)) (fine_up (constant f)) (terms f) with
  | Some (l, u) => Some (over_low l (over f), over_high u (over f))
  | None => None
  end.

Definition kink_about (below above : Q) (l u : Z) : Z * Z :=
  let negative := times_q below (Z.min l 0) (Z.min u 0) in
  let positive := times_q above (Z.max l 0) (Z.max u 0) in
  (fst negative + fst positive, snd negative + snd positive)%Z.

Fixpoint evaluate (k : var) (us : list neuron) (cells : list side) : option (list side) :=
  match us with
  | [] => Some cells
  | u :: rest =>
      match form_about cells (argument u) with
      | Some (l, h) =>
          let v := kink_about (below u) (above u) l h in
          evaluate (Z.succ k) rest (Side k (fst v) (snd v) :: cells)
      | None => None
      end
  end.

Definition cell_ok (e : env) (b : side) : Prop := about (side_low b) (side_high b) (e (input b)).

Lemma form_about_ok e cells f l u : Forall (cell_ok e) cells -> form_about cells f = Some (l, u) ->
  about l u (form_at f e).
Proof.
  intros Hc E. unfold form_about in E.
  destruct (flat_box cells _ _ (terms f)) as [[l' u']|] eqn:E1; [|discriminate]. injection E as <- <-.
  apply (flat_box_any e h _ Hc) in E1. rewrite fine_up_ok in E1. apply over_about. unfold form_at.
  pose proof (pos_R (over f)).
  replace (h * ((IZR (constant f) + sum_at (terms f) e) / IZR (Zpos (over f))) * IZR (Zpos (over f)))
    with (h * (IZR (constant f) + sum_at (terms f) e)) by (field; lra). lra.
Qed.

Lemma min_about l u v : about l u v -> about (Z.min l 0) (Z.min u 0) (Rmin v 0).
Proof.
  pose proof h_pos. unfold about. intros [Hl Hu]. unfold Rmin.
  destruct (Rle_dec v 0) as [Hv|Hv]; split.
  - pose proof (min_l l 0). lra.
  - destruct (Z.min_spec u 0) as [[_ ->]|[_ ->]]; [lra|]. assert (h * v <= h * 0) by (apply Rmult_le_compat_l; lra). lra.
  - pose proof (min_r l 0). lra.
  - assert (0 <= h * v) by (apply Rmult_le_pos; lra).
    destruct (Z.min_spec u 0) as [[_ ->]|[_ ->]]; lra.
Qed.

Lemma max_about l u v : about l u v -> about (Z.max l 0) (Z.max u 0) (Rmax v 0).
Proof.
  pose proof h_pos. unfold about. intros [Hl Hu]. unfold Rmax.
  destruct (Rle_dec v 0) as [Hv|Hv]; split.
  - assert (h * v <= h * 0) by (apply Rmult_le_compat_l; lra).
    destruct (Z.max_spec l 0) as [[_ ->]|[_ ->]]; lra.
  - pose proof (max_r u 0). lra.
  - assert (0 <= h * v) by (apply Rmult_le_pos; lra).
    destruct (Z.max_spec l 0) as [[_ ->]|[_ ->]]; lra.
  - pose proof (max_l u 0). lra.
Qed.

Lemma kink_about_ok b a l u z : about l u z ->
  about (fst (kink_about b a l u)) (snd (kink_about b a l u)) (kink (Q2R b) (Q2R a) z).
Proof.
  intros H. unfold kink_about; cbn [fst snd].
  pose proof (times_q_ok b _ _ _ (min_about _ _ _ H)) as [H1 H2].
  pose proof (times_q_ok a _ _ _ (max_about _ _ _ H)) as [H3 H4].
  assert (E : kink (Q2R b) (Q2R a) z = Q2R b * Rmin z 0 + Q2R a * Rmax z 0).
  { unfold kink, Rmin, Rmax. destruct (Rle_dec 0 z), (Rle_dec z 0); try lra.
    replace z with 0 by lra. lra. }
  rewrite E. unfold about. rewrite !plus_IZR. lra.
Qed.

Lemma evaluate_ok : forall us k x cells cells', ordered k us = true ->
  Forall (fun b => (input b < k)%Z) cells -> Forall (cell_ok x) cells ->
  evaluate k us cells = Some cells' -> Forall (cell_ok (run k us x)) cells'.
Proof.
  induction us as [|u us IH]; intros k x cells cells' Ho Hk Hc E; cbn [evaluate run ordered] in *.
  - injection E as <-. exact Hc.
  - destruct (form_about cells (argument u)) as [[l h']|] eqn:E1; [|discriminate].
    apply andb_true_iff in Ho. destruct Ho as [_ Ho]. apply (form_about_ok x _ _ _ _ Hc) in E1.
    refine (IH _ _ _ _ Ho _ _ E).
    + constructor; cbn [input]; [lia|]. eapply Forall_impl; [|exact Hk]. intros b Hb. cbv beta in *. lia.
    + constructor.
      * unfold cell_ok; cbn [input side_low side_high]. unfold set. rewrite Z.eqb_refl. now apply kink_about_ok.
      * rewrite Forall_forall in *. intros b Hb. specialize (Hk b Hb). specialize (Hc b Hb). unfold cell_ok, set in *.
        destruct (Z.eqb_spec (input b) k); [lia|exact Hc].
Qed.

(** ** The stated input *)

Fixpoint point_in (k n : Z) (box : list (Q * Q)) (p : list Q) (done : list side) : option (list side) :=
  match box, p with
  | [], [] => Some done
  | (low, high) :: box', v :: p' =>
      if ((k <? n)%Z && Qle_bool low v && Qle_bool v high)%bool
      then point_in (Z.succ k) n box' p'
             (Side k (over_low (fine_up (Qnum v)) (Qden v)) (over_high (fine_up (Qnum v)) (Qden v)) :: done)
      else None
  | _, _ => None
  end.

Lemma point_in_ok n x : forall box k p done cells, at_point k p x ->
  Forall (cell_ok x) done -> Forall (fun b => (input b < n)%Z) done ->
  point_in k n box p done = Some cells ->
  in_box k box x /\ Forall (cell_ok x) cells /\ Forall (fun b => (input b < n)%Z) cells.
Proof.
  induction box as [|[low high] box IH]; intros k [|v p] done cells Hp Hd Hn E; cbn [point_in] in E; try discriminate.
  - injection E as <-. cbn [in_box]. auto.
  - destruct ((k <? n)%Z && Qle_bool low v && Qle_bool v high) eqn:Ec; [|discriminate].
    rewrite !andb_true_iff in Ec. destruct Ec as [[Hk Hl] Hh]. apply Z.ltb_lt in Hk.
    apply Qle_bool_iff, Qle_Rle in Hl, Hh. cbn [at_point] in Hp. destruct Hp as [Hv Hp].
    cbn [in_box]. rewrite Hv.
    enough (H : in_box (Z.succ k) box x /\ Forall (cell_ok x) cells /\ Forall (fun b => (input b < n)%Z) cells)
      by (destruct H as (H1 & H2 & H3); auto).
    refine (IH _ _ _ _ Hp _ _ E); constructor; auto.
    unfold cell_ok; cbn [input side_low side_high]. rewrite Hv. apply over_about.
    rewrite Rmult_assoc, Q2R_times, fine_up_ok. lra.
Qed.

Definition attains (n : network) (box : list (Q * Q)) (c : claim) : bool :=
  match attained c with
  | None => true
  | Some p =>
      match point_in 0 (inputs n) box (at_inputs p) [] with
      | Some cells =>
          match evaluate (inputs n) (units n) cells with
          | Some cells =>
              forallb (fun o =>
                match form_about cells (form_of (outputs n) o) with
                | Some (_, u) => (u * Zpos (Qden (value p)) <=? fine_up (Qnum (value p)))%Z
                | None => false
                end) (any c)
          | None => false
          end
      | None => false
      end
  end.

Lemma attains_ok n box c : ordered (inputs n) (units n) = true -> attains n box c = true -> is_attained n box c.
Proof.
  intros Ho E. pose proof h_pos. unfold attains, is_attained in *. destruct (attained c) as [p|]; [|exact I].
  intros x Hp. destruct (point_in 0 (inputs n) box (at_inputs p) []) as [cells|] eqn:E1; [|discriminate].
  destruct (point_in_ok _ _ _ _ _ _ _ Hp ltac:(constructor) ltac:(constructor) E1) as (H1 & H2 & H3).
  split; [exact H1|]. destruct (evaluate (inputs n) (units n) cells) as [cells'|] eqn:E2; [|discriminate].
  pose proof (evaluate_ok _ _ _ _ _ Ho H3 H2 E2) as H4.
  intros o Hin. rewrite forallb_forall in E. specialize (E o Hin).
  destruct (form_about cells' (form_of (outputs n) o)) as [[l u]|] eqn:E3; [|discriminate].
  apply (form_about_ok _ _ _ _ _ H4) in E3. destruct E3 as [_ E3].
  rewrite (form_of_ok n x) in E3 by reflexivity.
  apply Z.leb_le, IZR_le in E. rewrite mult_IZR, fine_up_ok in E.
  pose proof (pos_R (Qden (value p))). pose proof (Q2R_times (value p)) as Hq.
  apply Rmult_le_reg_l with h; [lra|]. apply Rmult_le_reg_r with (IZR (Zpos (Qden (value p)))); [lra|].
  rewrite (Rmult_assoc h (Q2R _)), Hq.
  assert (h * objective_at n o x * IZR (Zpos (Qden (value p))) <= IZR u * IZR (Zpos (Qden (value p))))
    by (apply Rmult_le_compat_r; lra). lra.
Qed.
