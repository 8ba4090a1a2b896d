"""Pre-images: boxes of inputs on which a property holds or fails (SIVIA), cut into polytopes."""
