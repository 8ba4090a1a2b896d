"""Steps of training as each backend takes them."""
