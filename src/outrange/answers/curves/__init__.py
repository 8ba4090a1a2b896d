"""Answers as functions of a parameter, such as robust accuracy over the radius."""
