"""The answer of `outrange.layer_bounds`, and its transfer to optimization models of other packages.

Those packages are never imported: the code only uses attributes of the user's objects.
"""

from .layer_bounds import LayerBounds as LayerBounds
from .unit_bounds import UnitBounds as UnitBounds
