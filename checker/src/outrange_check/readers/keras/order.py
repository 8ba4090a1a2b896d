"""The order in which Keras numbers the layers of a graph, by which it finds their weights.

Keras ignores the order of the description. It walks from the outputs to the inputs, and sorts the
layers by their distance from the outputs, then by when the walk reaches them (`map_graph`, Keras
3). For a file that lists its layers in another order, Keras would assign other weights than a
reader that follows the list.
"""

Node = tuple[str, int]
"""One call of a layer: the layer's name, and the index of the call."""


def order(reads: dict[Node, list[Node]], outputs: list[Node]) -> list[str]:
    """Return the names of the layers in Keras's order.

    Args:
        reads: The calls that each call reads, in order; without cycles.
        outputs: The calls that return the outputs.
    """
    met: dict[str, int] = {}
    walked: list[Node] = []
    seen: set[Node] = set()
    for end in outputs:
        stack = [(end, False)]
        while stack:
            node, done = stack.pop()
            if done:
                walked.append(node)
            elif node not in seen:
                seen.add(node)
                met.setdefault(node[0], len(met))
                stack.append((node, True))
                stack += [(parent, False) for parent in reversed(reads[node])]
    depths: dict[Node, int] = {}
    layers: dict[str, int] = {}
    for node in reversed(walked):
        depth = max(depths.get(node, 0), layers.get(node[0], 0))
        depths[node] = layers[node[0]] = depth
        for parent in reads[node]:
            depths[parent] = max(depth + 1, depths.get(parent, 0))
    return sorted(layers, key=lambda name: (-layers[name], met[name]))
