"""Proofs, before training, of the loss that a number of training steps cannot get below."""
