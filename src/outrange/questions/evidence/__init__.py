"""Evidence for answers: rigorous outputs at points, and the model's own outputs there."""
