"""Evidence for answers: exact evaluation of points, and the model's own values there."""
