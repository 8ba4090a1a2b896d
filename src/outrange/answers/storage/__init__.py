"""Files of answers: JSON that preserves every bit and contains no code."""
