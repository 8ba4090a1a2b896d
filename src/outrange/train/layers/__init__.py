"""Keras layers and losses for channels, groups of classes, missing connections and wired models."""
