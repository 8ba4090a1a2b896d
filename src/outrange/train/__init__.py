"""What belongs to training: building blocks, chances, advice, comparisons, and a monitor.

Layers and losses are written with `keras.ops` alone, the same on every backend, and registered with
Keras under the package `outrange`, so that saved models load again.
"""
