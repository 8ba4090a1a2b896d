"""Linear regions of a network in a box, enumerated in rational arithmetic."""
