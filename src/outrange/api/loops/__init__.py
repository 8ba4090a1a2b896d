"""Public functions that verify closed loops of controllers and plants."""
