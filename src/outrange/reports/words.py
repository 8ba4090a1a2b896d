"""Fixed wording of a report; the passages about proofs repeat `docs/soundness.md`."""

STATEMENT = (
    "Let f be the network in real arithmetic. Its weights are the numbers stored in the model "
    "(float32 values are exact in float64), and its activations are the mathematical functions. "
    "Let B be the input set.",
    "lo  <=  f(x)  <=  hi      for every x in B.",
)

NOT_COVERED = {
    "The float32 rounding of your model.": (
        "In real arithmetic (the default), the outputs of the model itself may lie outside "
        "[lo, hi], by up to their rounding error."
    ),
    "Bugs in outrange, without a certificate.": (
        "The tests compare the results of outrange with those of an independent solver and of "
        "arithmetic with more digits."
    ),
    "The reader of models.": (
        "When outrange loads a model, it compares its computation graph with the model at random "
        "and extreme points. This comparison is a test, not a proof."
    ),
    "Inputs outside B.": "The proofs do not cover them.",
}

WARRANTS = (
    ("SAMPLED", "finitely many inputs were tried"),
    ("SOLVER_TOLERANCE", "a solver's own tolerances"),
    ("FLOAT64_ROUNDED", "a proof that accounts for the rounding of every float64 operation"),
)

PLAIN_LIMITS = (
    ("Other inputs.", "The page covers no inputs outside the input set."),
    ("Whether the model is right.", "The page states which values the model can output, not "
     "whether these values are correct."),
    ("Rounding of the running model.", "The proofs are about exact arithmetic. The running model "
     "rounds, so its numbers may differ from these in their last digits."),
    ("A bug in the program.", "The proofs can be written to files and checked by a second "
     "program, which was not done for this page."),
)  # fmt: skip
"""The limits of the proofs, for a reader who does not use Python."""

TITLES = {
    "ranges": ("Output ranges", "The smallest and the largest value of every output."),
    "properties": ("Requirements", "Each requirement on the model is proved, not met at the input "
                   "shown, or not decided within the available time."),
    "robustness": ("Robustness", "Whether small changes of known inputs change the decision."),
    "monotonicity": ("Monotonicity", "The direction in which each output moves with each input."),
    "domain": ("Input set", "The inputs that this page covers. Every proof holds for all of "
               "them."),
    "slopes": ("Sensitivity", "The most by which an output changes per unit of one input."),
    "layers": ("Layers", "For a specialist: the ranges of the units of every layer over the "
               "input set, and the units that are dead, always on, saturated or constant."),
    "diagnosis": ("Diagnosis", "For the developers: why the model might not learn from its data."),
    "uncovered": ("What is not covered", "The limits of these proofs."),
    "model": ("Model", "The model that this page is about, identified by its hash."),
    "reproduce": ("How to reproduce", "For a reader with Python: code that repeats every question "
                  "of this page."),
}  # fmt: skip
"""Heading and subject of the sections, by key, in their usual order on the page."""

FOLDED = ("layers", "diagnosis", "model", "reproduce")
"""Keys of the sections that the page shows collapsed."""

NOT_ASKED = "not applicable"
"""Outcome of a section whose question does not apply to the model or the data."""

ISO = "iso-24029"

ISO_GROUPS = {
    "Domain": ("model", "domain"),
    "Stability": ("robustness", "properties"),
    "Sensitivity": ("slopes",),
    "Relevance": ("monotonicity",),
    "Reachability": ("ranges", "layers"),
    "Real or computer arithmetic": ("arithmetic", "uncovered"),
    "Beyond the standard": ("diagnosis", "reproduce"),
}
"""Keys of the sections below each heading of a report arranged by ISO/IEC 24029-2:2023."""

ISO_ABOUT = {
    "Domain": "The input set over which the network is assessed.",
    "Stability": "Whether the decision, or a required property of the output, stays the same over "
    "the input set or around known inputs.",
    "Sensitivity": "By how much the output can change when inputs change.",
    "Relevance": "Which inputs affect which outputs, and in which direction.",
    "Reachability": "Which outputs and hidden values can be reached from the input set.",
    "Real or computer arithmetic": "The arithmetic that the proofs are about.",
    "Beyond the standard": "Sections that the standard does not require.",
}

ARITHMETIC = (
    "Real arithmetic",
    "The proofs are about the network in real arithmetic. They account for the float64 "
    "rounding errors of the proof itself. The model's float32 outputs are tested at the "
    "extremes, not proved.",
)
