"""Boxes of few inputs that many objectives share."""
