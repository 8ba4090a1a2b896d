"""Training for a proof: interval bounds of Keras models, and losses that use them."""
