"""Whether a fault that is proved does harm: copies with it and without it, at rows held out."""
