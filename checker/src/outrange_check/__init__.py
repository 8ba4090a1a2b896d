"""A checker for certificates of outrange that uses exact arithmetic."""
