"""What a report says beside its numbers; of proofs in the sentences of `docs/soundness.md`."""

STATEMENT = (
    "Let f be the network in real arithmetic, its weights the numbers stored in the model (float32 "
    "values are exact in float64), its activations the mathematical functions. Let B be the input "
    "set.",
    "lo  <=  f(x)  <=  hi      for every x in B.",
)

NOT_COVERED = {
    "Your deployed float32 model, unless you ask for it.": "It rounds, and may leave the [lo, hi] "
    "of real arithmetic by its own rounding error. "
    "model_lo, model_hi are what it returned at the extremes.",
    "The correctness of this program, without a certificate.": "The tests check it against an "
    "independent solver, against arithmetic with more digits, and against perturbed copies of its "
    "own facts.",
    "The model file.": "Every load compares the graph with the model at random and extreme points. "
    "That is a test, not a proof.",
    "Inputs outside B.": "Nothing is said of them.",
}

WARRANTS = (
    ("SAMPLED", "finitely many inputs were tried"),
    ("SOLVER_TOLERANCE", "a solver's own tolerances"),
    ("FLOAT64_ROUNDED", "a proof in which every float64 rounding is paid for"),
)

TITLES = {
    "model": ("Model", "The model that everything below is about, told by its hash."),
    "domain": ("Input domain", "Whatever is proved holds for every input of this set."),
    "ranges": ("Output ranges", "The least and the largest value of every output over the domain."),
    "layers": ("Layers", "What the units of every layer can do over the domain."),
    "properties": ("Properties", "Conditions on inputs and outputs: proved, broken by an input "
                   "that is shown, or not decided in the time there was."),
    "robustness": ("Robustness", "Whether small changes of known inputs change the decision."),
    "monotonicity": ("Monotonicity", "In which direction every output moves with every input."),
    "slopes": ("Sensitivity: Lipschitz constants",
               "How fast an output can change at most: for inputs x and z of the "
               "domain, |f(x) - f(z)| is at most the constant times the largest change of an "
               "input."),
    "diagnosis": ("Diagnosis", "Why the model might not learn from its data."),
    "uncovered": ("What is not covered", "What these proofs say nothing of."),
    "reproduce": ("How to reproduce", "The same questions, asked again."),
}  # fmt: skip
"""Section to its heading, and what it is about."""

NOT_ASKED = "not asked"
"""The outcome of a section whose question does not fit the model or the data."""

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
"""Headings of ISO/IEC 24029-2:2023 to the sections below them."""

ISO_ABOUT = {
    "Domain": "The bounded domain over which the network is assessed.",
    "Stability": "Whether the decision, or what is demanded of the output, stays the same over the "
    "domain or around known inputs.",
    "Sensitivity": "By how much the output can change when inputs change.",
    "Relevance": "Which inputs bear on which outputs, and in which direction.",
    "Reachability": "Which outputs, and which values inside, can be reached from the domain.",
    "Real or computer arithmetic": "The arithmetic that the proofs are about.",
    "Beyond the standard": "What the standard does not ask for.",
}

ARITHMETIC = (
    "Real arithmetic",
    "The proofs are about the network in real arithmetic; the float64 rounding of the proof itself "
    "is paid for. Computer arithmetic (float32) is tested at the extremes, not proved.",
)
