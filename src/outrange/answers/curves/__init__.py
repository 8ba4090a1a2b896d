"""Answers along a parameter, such as robust accuracy over the radius."""
