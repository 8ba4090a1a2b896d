"""Tools for training: layers and losses, dead-start probabilities, advice, comparisons, a monitor.

Layers and losses use only Keras operations, so they are the same on every backend. They are
registered with Keras under the package name `outrange`, so that saved models can be loaded.
"""
