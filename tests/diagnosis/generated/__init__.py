"""Random programs: healthy bases, and mutations of them that the literature knows as faults.

A seed draws a base with its sizes, data, activations and optimizer; mutations rewrite it. What a
mutant does is not presumed: it is trained beside its base, from ten starts, and hurts or does not.
Seeds below 1,000 are for work on the rules; scores are taken on others.
"""
