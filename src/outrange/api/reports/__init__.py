"""The questions that a report asks, their data, and the code that repeats them."""
