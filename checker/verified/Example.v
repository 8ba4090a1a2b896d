(** The certificate of [docs/certificates.md], checked by Coq itself, down to a statement that uses no
    definition of this project: [relu x - x / 2 >= -1/1024] on [-1, 1]. *)

From Coq Require Import ZArith QArith Qreals Reals List Bool Lra.
Require Import Statement Soundness.
Import ListNotations.
Open Scope Z_scope.

Definition example_network : network :=
  Network 1 [Neuron 0 1 (Form 1 0 (Term 0 1 Empty))] [Form 2 0 (Term 1 2 (Term 0 (-1) Empty))].

Definition example_part : part :=
  Part [(-1 # 1, 1 # 1)]
    [Claim [Objective [(0%nat, 1 # 1)] (0 # 1)] (-1 # 1024) false (Some (Point [0 # 1] (0 # 1)))].

Definition tree : list Z :=
  [5; 1; 3; 0; 0; 1; 0; 0; 128; 112; 0; 1; 0; 0; 128; 112].

Definition next (b : list Z) : option (Z * list Z) :=
  match b with [] => None | v :: rest => Some (v, rest) end.

Lemma accepted : check (list Z) next 10 example_network [example_part] tree = true.
Proof. vm_compute. reflexivity. Qed.

Open Scope R_scope.

Theorem example : forall x : R, -1 <= x <= 1 -> Rmax 0 x - x / 2 >= -1 / 1024.
Proof.
  intros x Hx.
  destruct (check_sound _ _ _ _ _ _ accepted example_part (or_introl eq_refl)) as [_ H].
  destruct (H _ (or_introl eq_refl)) as [Hall _].
  destruct (Hall (fun _ => x)) as (o & [<-|[]] & Ho).
  { cbn. unfold Q2R; cbn. split; [lra|exact I]. }
  cbn in Ho. unfold objective_at, output, form_at, kink, Q2R in Ho; cbn in Ho.
  destruct (Rle_dec 0 ((0 + (1 * x + 0)) / 1)) as [Hz|Hz].
  - rewrite Rmax_right by lra. lra.
  - rewrite Rmax_left by lra. lra.
Qed.

Print Assumptions example.
