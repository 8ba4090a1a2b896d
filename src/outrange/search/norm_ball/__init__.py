"""Ranges over a norm ball: linear bounds minimised over the part of each box in the ball."""
