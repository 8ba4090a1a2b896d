"""What a report asks, with which data, and as which code."""
