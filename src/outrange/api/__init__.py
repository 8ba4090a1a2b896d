"""What joins front-ends to questions: the public functions about properties."""
