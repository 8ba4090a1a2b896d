"""Building blocks for Keras models, written with `keras.ops` alone: the same on every backend.

Each is registered with Keras under the package `outrange`, so that saved models load again.
"""
