(* Counts work, so that hostile files end. *)

exception Too_much

let most = 50_000_000_000
let left = ref most

let count n =
  left := !left - n;
  if !left < 0 then raise Too_much

(* A product counts as 1, and as more if both numbers are long. *)
let mul x y =
  count (1 + (Z.size x * Z.size y) lsr 4);
  Z.mul x y
