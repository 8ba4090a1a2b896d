"""Repair of Keras models: changed weights or a guard, so that a property holds with a proof."""
