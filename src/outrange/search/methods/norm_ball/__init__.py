"""Ranges over a norm ball: linear bounds minimized over the part of each box in the ball."""
