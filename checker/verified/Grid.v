(** Numbers of the checker: integers that represent multiples of 2^-80, the grid.

    The integer [m] stands for [m / g], where [g] is 2^80. Products of two numbers are multiples of
    2^-160; [down] brings them back to the grid and rounds down. Every rounding is bounded here. *)

From Coq Require Import ZArith QArith Qreals Reals List Bool Lra Lia Psatz.
Require Import Statement.
Open Scope R_scope.

Definition grid_bits : Z := 80.
Definition g : R := IZR (2 ^ grid_bits).
Definition down (z : Z) : Z := Z.shiftr z grid_bits.
Definition up (z : Z) : Z := Z.shiftl z grid_bits.

Lemma g_pos : 1 <= g.
Proof. unfold g, grid_bits. apply IZR_le. vm_compute. discriminate. Qed.

Lemma up_ok z : IZR (up z) = IZR z * g.
Proof. unfold up, g. rewrite Z.shiftl_mul_pow2 by (unfold grid_bits; lia). apply mult_IZR. Qed.

Lemma down_ok z : IZR (down z) * g <= IZR z <= IZR (down z) * g + g.
Proof.
  unfold down, g. rewrite Z.shiftr_div_pow2 by (unfold grid_bits; lia).
  set (G := (2 ^ grid_bits)%Z). assert (HG : (0 < G)%Z) by (unfold G, grid_bits; lia).
  pose proof (Z.div_mod z G ltac:(lia)). pose proof (Z.mod_pos_bound z G HG).
  rewrite <- mult_IZR, <- plus_IZR. split; apply IZR_le; nia.
Qed.

Lemma down_strict z : z <> (up (down z) + up 1)%Z.
Proof.
  unfold up, down. rewrite !Z.shiftl_mul_pow2, Z.shiftr_div_pow2 by (unfold grid_bits; lia).
  set (G := (2 ^ grid_bits)%Z). assert (HG : (0 < G)%Z) by (unfold G, grid_bits; lia).
  pose proof (Z.div_mod z G ltac:(lia)). pose proof (Z.mod_pos_bound z G HG). lia.
Qed.
Global Opaque g up down.

Lemma g_cancel x y : g * x <= g * y -> x <= y.
Proof. pose proof g_pos. intros. apply Rmult_le_reg_l with g; lra. Qed.

Lemma g_times x y : x <= y -> g * x <= g * y.
Proof. pose proof g_pos. intros. apply Rmult_le_compat_l; lra. Qed.

(** [down] of both sides of a product. *)
Lemma down_le z x : IZR z <= x * g -> IZR (down z) <= x.
Proof. intros. pose proof (down_ok z). apply g_cancel. lra. Qed.

(** The remainder of a rounding, times a variable: at least its lower limit, if that is negative. *)
Lemma rest_ok r v m : 0 <= r <= g -> IZR m <= g * v -> IZR (Z.min 0 m) <= r * v.
Proof.
  intros Hr Hm. pose proof g_pos.
  destruct (Z.min_spec 0 m) as [[H1 ->]|[H1 ->]].
  - apply IZR_lt in H1. assert (0 <= v) by (apply g_cancel; lra). nra.
  - apply IZR_le in H1. apply g_cancel. replace (g * (r * v)) with (r * (g * v)) by ring.
    assert (r * IZR m <= r * (g * v)) by (apply Rmult_le_compat_l; lra). nra.
Qed.

Lemma min_l a b : IZR (Z.min a b) <= IZR a.
Proof. apply IZR_le. lia. Qed.
Lemma min_r a b : IZR (Z.min a b) <= IZR b.
Proof. apply IZR_le. lia. Qed.
Lemma max_l a b : IZR a <= IZR (Z.max a b).
Proof. apply IZR_le. lia. Qed.
Lemma max_r a b : IZR b <= IZR (Z.max a b).
Proof. apply IZR_le. lia. Qed.

(** The largest absolute value of an interval. *)
Definition size (low high : Z) : Z := Z.max (Z.abs low) (Z.abs high).

Lemma size_ok low high v : IZR low <= g * v <= IZR high -> g * Rabs v <= IZR (size low high).
Proof.
  intros H. unfold size. pose proof g_pos.
  assert (Hv : g * Rabs v = Rabs (g * v)) by (rewrite Rabs_mult, (Rabs_right g); lra). rewrite Hv.
  pose proof (max_l (Z.abs low) (Z.abs high)). pose proof (max_r (Z.abs low) (Z.abs high)).
  rewrite !abs_IZR in *. apply Rabs_le.
  pose proof (Rle_abs (IZR high)). pose proof (Rle_abs (- IZR low)). rewrite Rabs_Ropp in *. lra.
Qed.

(** Rationals, rounded to the grid. *)

Definition floor_q (q : Q) : Z := (up (Qnum q) / Zpos (Qden q))%Z.
Definition ceil_q (q : Q) : Z := (- (up (- Qnum q) / Zpos (Qden q)))%Z.

Lemma div_le (a : Z) (p : positive) : IZR (a / Zpos p) * IZR (Zpos p) <= IZR a.
Proof. rewrite <- mult_IZR. apply IZR_le. pose proof (Z.mul_div_le a (Zpos p) ltac:(lia)). lia. Qed.

Lemma pos_R p : 0 < IZR (Zpos p).
Proof. apply IZR_lt. lia. Qed.

Lemma Q2R_times q : Q2R q * IZR (Zpos (Qden q)) = IZR (Qnum q).
Proof. unfold Q2R. pose proof (pos_R (Qden q)). field. lra. Qed.

Lemma floor_ok q : IZR (floor_q q) <= g * Q2R q.
Proof.
  pose proof (pos_R (Qden q)). apply Rmult_le_reg_r with (IZR (Zpos (Qden q))); [lra|].
  rewrite Rmult_assoc, Q2R_times. unfold floor_q. pose proof (div_le (up (Qnum q)) (Qden q)).
  rewrite up_ok in *. lra.
Qed.

Lemma ceil_ok q : g * Q2R q <= IZR (ceil_q q).
Proof.
  pose proof (pos_R (Qden q)). apply Rmult_le_reg_r with (IZR (Zpos (Qden q))); [lra|].
  rewrite Rmult_assoc, Q2R_times. unfold ceil_q. pose proof (div_le (up (- Qnum q)) (Qden q)).
  rewrite ?up_ok, ?opp_IZR in *. lra.
Qed.

(** A rational that lies on the grid, such as a slope. *)
Definition exact_q (q : Q) : option Z := if (floor_q q =? ceil_q q)%Z then Some (floor_q q) else None.

Lemma exact_ok q z : exact_q q = Some z -> IZR z = g * Q2R q.
Proof.
  unfold exact_q. destruct (Z.eqb_spec (floor_q q) (ceil_q q)) as [H|]; [|discriminate].
  intros [= <-]. pose proof (floor_ok q). pose proof (ceil_ok q). rewrite <- H in *. lra.
Qed.

(** ** Sums *)

Definition scaled (a : Z) : sum -> sum :=
  fix go (s : sum) := match s with Empty => Empty | Term i c rest => Term i (c * a) (go rest) end.

(** [ys + a * xs]. Terms are sorted, the last variable first; the proof does not need this. *)
Fixpoint add (a : Z) (xs : sum) : sum -> sum :=
  match xs with
  | Empty => fun ys => ys
  | Term i x xs' =>
      fix inner (ys : sum) : sum :=
        match ys with
        | Empty => Term i (x * a) (scaled a xs')
        | Term j y ys' =>
            match Z.compare i j with
            | Gt => Term i (x * a) (add a xs' ys)
            | Lt => Term j y (inner ys')
            | Eq => Term i (y + x * a) (add a xs' ys')
            end
        end
  end.

Lemma scaled_ok a xs e : sum_at (scaled a xs) e = IZR a * sum_at xs e.
Proof. induction xs as [|i x xs IH]; simpl; [lra|]. rewrite IH, mult_IZR. lra. Qed.

Lemma add_ok a xs : forall ys e, sum_at (add a xs ys) e = sum_at ys e + IZR a * sum_at xs e.
Proof.
  induction xs as [|i x xs IHx]; intros ys e; [simpl; lra|].
  induction ys as [|j y ys IHy].
  - cbn [add sum_at]. rewrite scaled_ok, mult_IZR. lra.
  - cbn [add]. destruct (Z.compare_spec i j) as [H|H|H].
    + subst j. cbn [sum_at]. rewrite IHx, plus_IZR, mult_IZR. lra.
    + cbn [sum_at]. cbn [add sum_at] in IHy. rewrite IHy. lra.
    + cbn [sum_at]. rewrite IHx, mult_IZR. cbn [sum_at]. lra.
Qed.

(** Multiples of 2^-80 as multiples of 2^-160, or their opposites. *)
Fixpoint lift (s : sum) : sum :=
  match s with Empty => Empty | Term i c rest => Term i (up c) (lift rest) end.
Fixpoint lift_opp (s : sum) : sum :=
  match s with Empty => Empty | Term i c rest => Term i (- up c) (lift_opp rest) end.

Lemma lift_ok s e : sum_at (lift s) e = g * sum_at s e.
Proof. induction s as [|i c s IH]; simpl; [lra|]. rewrite IH, up_ok. lra. Qed.

Lemma lift_opp_ok s e : sum_at (lift_opp s) e = - (g * sum_at s e).
Proof. induction s as [|i c s IH]; simpl; [lra|]. rewrite IH, opp_IZR, up_ok. lra. Qed.
