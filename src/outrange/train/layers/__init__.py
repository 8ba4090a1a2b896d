"""Keras layers and losses for separate activations per channel, missing connections, wired models,
and groups of classes.
"""
