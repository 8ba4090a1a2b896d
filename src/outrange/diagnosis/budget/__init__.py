"""Lower bounds, proved before training, of the loss after a given number of training steps."""
