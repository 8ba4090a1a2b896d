"""How far a given number of training steps can get: a proof before the first of them."""
