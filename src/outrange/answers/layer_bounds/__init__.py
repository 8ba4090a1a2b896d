"""The answer of `outrange.layer_bounds`, and its transfer to models of other packages.

Those packages are never imported: the user's objects have all attributes that are needed.
"""

from .layer_bounds import LayerBounds as LayerBounds
from .unit_bounds import UnitBounds as UnitBounds
