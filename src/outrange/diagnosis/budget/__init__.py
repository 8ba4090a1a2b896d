"""Lower bounds, proved before training, on the loss after a given number of training steps."""
