(* Reads a question from standard input and calls the proved checker. Not proved: this file.

   The question consists of integers in base 16, separated by blanks, and of the bytes of the tree, which
   follow the newline after the integers. `outrange_check/verified.py` writes it. *)

module I = Z
open Checker

exception Wrong of string

let most_bytes = 1 lsl 30
let most_digits = 4096 + 1

let text =
  set_binary_mode_in stdin true;
  let buffer = Buffer.create 65536 in
  (try
     while true do
       Buffer.add_channel buffer stdin 65536;
       if Buffer.length buffer > most_bytes then raise (Wrong "the question is too long")
     done
   with End_of_file -> ());
  Buffer.contents buffer

let at = ref 0

let token () =
  let n = String.length text in
  let start = !at in
  while !at < n && text.[!at] <> ' ' && text.[!at] <> '\n' do incr at done;
  let size = !at - start in
  if size = 0 || !at >= n || size > most_digits then raise (Wrong "an integer is missing or too long");
  incr at;
  String.sub text start size

let integer () =
  let word = token () in
  let first = if word.[0] = '-' then 1 else 0 in
  if String.length word = first then raise (Wrong "a sign without digits");
  String.iteri
    (fun i c ->
      match c with '0' .. '9' | 'a' .. 'f' -> () | _ -> if i >= first then raise (Wrong "no integer"))
    word;
  I.of_string_base 16 word

let positive () =
  let n = integer () in
  if I.sign n <= 0 then raise (Wrong "a number that has to be positive is not");
  n

(* A count of things that follow: each takes at least one character. *)
let count () =
  let n = integer () in
  if I.sign n < 0 || I.gt n (I.of_int (String.length text)) then raise (Wrong "a count is too large");
  I.to_int n

let several n read =
  let rec go n items = if n = 0 then List.rev items else go (n - 1) (read () :: items) in
  go n []

let rec natural n = if n = 0 then O else S (natural (n - 1))
let rational () = let qnum = integer () in let qden = positive () in { qnum; qden }

let form () =
  let over = positive () in
  let constant = integer () in
  let pairs = several (count ()) (fun () -> let i = integer () in let c = integer () in (i, c)) in
  { over; constant; terms = List.fold_right (fun (i, c) rest -> Term (i, c, rest)) pairs Empty }

let neuron () =
  let below = rational () in let above = rational () in let argument = form () in
  { below; above; argument }

let objective outputs () =
  let plus = rational () in
  let term () =
    let i = count () in
    if i >= outputs then raise (Wrong "the network has no such output");
    let c = rational () in
    (natural i, c)
  in
  let y = several (count ()) term in
  { y; plus }

let claim inputs outputs () =
  let any = several (count ()) (objective outputs) in
  let least = rational () in
  let strict = I.sign (integer ()) <> 0 in
  let attained =
    if I.sign (integer ()) = 0 then None
    else
      let at_inputs = several inputs rational in
      let value = rational () in
      Some { at_inputs; value }
  in
  { any; least; strict; attained }

let part inputs outputs () =
  let box = several inputs (fun () -> let low = rational () in let high = rational () in (low, high)) in
  let claims = several (count ()) (claim inputs outputs) in
  if claims = [] then raise (Wrong "nothing is claimed");
  { box; claims }

let question () =
  let inputs = count () in
  let units = several (count ()) neuron in
  let outputs = several (count ()) form in
  let parts = several (count ()) (part inputs (List.length outputs)) in
  if parts = [] then raise (Wrong "nothing is claimed");
  ({ inputs = I.of_int inputs; units; outputs }, parts, inputs + List.length units)

(* Largest number of levels of a tree, and of bytes of a number in it. *)
let fuel = natural 900

let () =
  match
    let network, parts, variables = question () in
    (* A byte may make the checker walk along all variables. *)
    let next i =
      Work.count (1 + variables);
      if i >= String.length text then None else Some (I.of_int (Char.code text.[i]), i + 1)
    in
    check next fuel network parts !at
  with
  | true -> print_endline "CERTIFIED"
  | false -> print_endline "REFUSED: the proof does not prove the claims"; exit 1
  | exception Wrong why -> print_endline ("REFUSED: " ^ why); exit 1
  | exception Work.Too_much -> print_endline "REFUSED: the proof takes too much work"; exit 1
  | exception (Stack_overflow | Out_of_memory) -> print_endline "REFUSED: the proof takes too much memory"; exit 1
  | exception _ -> print_endline "REFUSED: the question is not in the expected form"; exit 1
