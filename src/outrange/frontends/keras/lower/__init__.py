"""From a recording of Keras operations to a graph."""
