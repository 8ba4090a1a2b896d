"""Evidence for answers: bounds on the outputs at points, and the model's own outputs there."""
