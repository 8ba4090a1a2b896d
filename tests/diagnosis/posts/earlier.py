"""Ten programs from public posts, chosen after the first rules were written."""

from diagnosis.posts import programs
from diagnosis.posts.post import Post


EARLIER = (
    Post(
        "https://stats.stackexchange.com/questions/441750",
        "An autoencoder of uniform noise never reaches zero loss: the binary cross-entropy of "
        "values between 0 and 1 has a positive minimum.",
        lambda: programs.noise_autoencoder("binary_crossentropy"),
        lambda: programs.noise_autoencoder("mse"),
        ("OR022",),
        "NOTE",
    ),
    Post(
        "https://stackoverflow.com/questions/52441877",
        "An autoencoder ends with a softmax, whose outputs add up to 1; pixels need a sigmoid.",
        lambda: programs.pixel_autoencoder("softmax"),
        lambda: programs.pixel_autoencoder("sigmoid"),
        ("OR001",),
    ),
    Post(
        "https://rocuku.github.io/keras-validation-split-shuffle",
        "The validation rows are all of one class: `validation_split` takes the last rows before "
        "it shuffles.",
        lambda: programs.two_classes(in_order=True),
        lambda: programs.two_classes(in_order=False),
        ("OR028",),
        "PROVED",
        options={"validation_split": 0.1},
    ),
    Post(
        "https://ai.stackexchange.com/questions/16557",
        "Four wide layers of sigmoids do not learn a real number from binary vectors: their slopes "
        "multiply to at most 1/256.",
        lambda: programs.bits("sigmoid"),
        lambda: programs.bits("relu"),
        ("OR012",),
    ),
    Post(
        "https://github.com/keras-team/keras/issues/2975",
        "A classifier always predicts the same class: its only output unit has a softmax.",
        lambda: programs.one_unit("softmax"),
        lambda: programs.one_unit("sigmoid"),
        ("OR002",),
        "PROVED",
    ),
    Post(
        "https://chenzhang.org/notes/developer/loss-and-accuracy-get-stuck-in-keras/",
        "The loss stays the same in all epochs: the rate of 1e-5 is too small, 0.1 learns.",
        lambda: programs.descent(1e-5),
        lambda: programs.descent(0.1),
        ("OR017",),
        "MEASURED",
    ),
    Post(
        "https://machinelearningmastery.com/how-to-improve-neural-network-stability-and-modeling-"
        "performance-with-data-scaling/",
        "The loss of a regression with targets in the hundreds becomes NaN; scaled targets learn.",
        lambda: programs.large_targets(scaled=False),
        lambda: programs.large_targets(scaled=True),
        ("OR015", "OR016", "OR017"),
        "MEASURED",
    ),
    Post(
        "https://www.aiproblog.com/index.php/2019/01/10/"
        "how-to-fix-vanishing-gradients-using-the-rectified-linear-activation-function/",
        "Five narrow layers of tanh do not separate two circles; relu with he_uniform does.",
        lambda: programs.circles("tanh", "random_uniform"),
        lambda: programs.circles("relu", "he_uniform"),
        ("OR012", "OR032", "OR023"),
        "MEASURED",
    ),
    Post(
        "https://stackoom.com/en/question/4HpqD",
        'The accuracy is that of chance with `kernel_regularizer="l2"` on a layer of 36 sigmoids.',
        lambda: programs.penalized("l2"),
        lambda: programs.penalized(None),
        ("OR026",),
    ),
    Post(
        "https://stats.stackexchange.com/questions/433365",
        "XOR stays at a loss of 0.5: the first layer has no activation, and the last one is a relu "
        "of a single unit, which can die.",
        lambda: programs.xor(None, "relu", "mse"),
        lambda: programs.xor("relu", "sigmoid", "binary_crossentropy"),
        ("OR003", "OR009", "OR034"),
        "SUSPECTED",
    ),
)
