import sys, time, numpy as np, traceback, keras
import zoo
from outrange.frontends.keras import load_keras
ok=0
for name in (sys.argv[1:] or zoo.MODELS):
    t=time.time()
    try:
        m=zoo.build(name); n=load_keras(m); ok+=1
        print(f"{name:28s} ok nodes={len(n.graph.nodes)} {time.time()-t:.2f}s")
        if sys.argv[1:]: print(n.graph.inputs, n.graph.outputs, *n.layers, n.graph.layers, sep="\n")
    except Exception as e:
        print(f"{name:28s} FAIL {type(e).__name__}: {str(e)[:600]}")
        if sys.argv[1:]: traceback.print_exc()
print(keras.backend.backend(), ok, len(zoo.MODELS))
