"""Thirty programs from public posts, drawn without a run of `diagnose`, for a blind test.

`codes` and `level` record that test (JAX): 21 causes are named at PROVED or MEASURED, and 3 more at
SUSPECTED. On two corrected twins there is a MEASURED finding; both say something true of the twin.
"""

from diagnosis.posts import (
    label_programs as labels,
    layer_programs as hidden,
    scale_programs as scales,
)
from diagnosis.posts.post import Post


SCALES = (
    Post(
        "http://stackoverflow.com.mevn.net/questions/52800582/"
        "why-do-i-fail-to-predict-y-x4-with-keras-y-x3-works",
        "A network does not fit x to the fourth power: inputs up to 100 saturate the sigmoids, "
        "and outputs up to 1e8 are far from those of the initial weights.",
        lambda: scales.fourth_power(scaled=False),
        lambda: scales.fourth_power(scaled=True),
        ("OR015",),
        "SUSPECTED",
    ),
    Post(
        "https://stats.stackexchange.com/questions/367057/"
        "bad-performance-with-relu-activation-function-on-mnist-data-set",
        "Layers of relu reach 20% on images of clothes: the pixels are between 0 and 255, and are "
        "not divided by 255.",
        lambda: scales.garments(normalized=False),
        lambda: scales.garments(normalized=True),
        ("OR014",),
        "MEASURED",
        options={"epochs": 20},
    ),
    Post(
        "https://stats.stackexchange.com/questions/284189/simple-linear-regression-in-keras",
        "The loss of a linear regression with one input is NaN: the data are not standardized, so "
        "the default rate of SGD diverges.",
        lambda: scales.advertising(scaled=False),
        lambda: scales.advertising(scaled=True),
        ("OR014",),
        "MEASURED",
        options={"batch_size": 1, "epochs": 30},
    ),
    Post(
        "https://wiki.hoelee.com/content/stats.stackexchange.com_en_all_2022-05/questions/418955/"
        "why-is-deep-neural-net-with-linear-activation-diverges",
        "Two linear layers diverge on a standardized input: the target is not scaled.",
        lambda: scales.linear_pair(scaled=False),
        lambda: scales.linear_pair(scaled=True),
        ("OR015",),
        "SUSPECTED",
        options={"epochs": 300},
    ),
    Post(
        "https://codewithsundeep.com/discussion/solution/50787555",
        "A network does not learn to double an integer: the first step from unscaled inputs "
        "overshoots, and the relu of the output then stays at zero.",
        lambda: scales.doubled(scaled=False),
        lambda: scales.doubled(scaled=True),
        ("OR015",),
        "MEASURED",
        options={"batch_size": 100, "epochs": 20, "validation_split": 0.2},
    ),
    Post(
        "https://github.com/keras-team/keras/issues/510",
        "The loss of a small classifier is NaN unless gradients are clipped: each feature should "
        "have mean 0 and variance 1.",
        lambda: scales.measurements(standardized=False),
        lambda: scales.measurements(standardized=True),
        ("OR014",),
        "MEASURED",
    ),
    Post(
        "https://github.com/keras-team/keras/issues/2134",
        "The loss of an LSTM is NaN: a constant column was divided by its standard deviation of "
        "zero; a small addend avoids that.",
        lambda: scales.constant_sensor(0.0),
        lambda: scales.constant_sensor(1e-6),
        ("OR016",),
        "PROVED",
    ),
    Post(
        "https://github.com/keras-team/keras/issues/255",
        "The weights of a CNN do not change: integer pixels divided by 255 are all zero.",
        lambda: scales.screenshots(integers=True),
        lambda: scales.screenshots(integers=False),
        ("OR036",),
        "PROVED",
    ),
    Post(
        "https://stats.stackexchange.com/questions/363352/"
        "my-neural-network-cant-even-learn-euclidean-distance",
        "Three relu units do not learn the modulus of a complex number: one or more of them die, "
        "or two of them merge.",
        lambda: scales.modulus(3),
        lambda: scales.modulus(24),
        (),
    ),
    Post(
        "https://stats.stackexchange.com/questions/379884/why-cant-a-single-relu-learn-a-relu",
        "A single relu does not learn a relu from a negative weight: the gradient vanishes as the "
        "weight approaches zero.",
        lambda: scales.single_relu(-10.0),
        lambda: scales.single_relu(10.0),
        (),
        options={"epochs": 20},
    ),
    Post(
        "https://medium.com/analytics-vidhya/is-relu-dead-27943b50102",
        "The loss of a layer of relu stays constant: inputs between -1 and 0 leave its units dead; "
        "selu learns.",
        lambda: scales.negative_inputs("relu"),
        lambda: scales.negative_inputs("selu"),
        ("OR003",),
        "PROVED",
    ),
    Post(
        "https://ramilus.com/post/99",
        "The gradient of four layers explodes: the weights start between 0 and 1, and the inputs "
        "are not scaled.",
        lambda: scales.wine(prepared=False),
        lambda: scales.wine(prepared=True),
        ("OR012",),
        "MEASURED",
    ),
    Post(
        "https://codewithsundeep.com/discussion/solution/58887284",
        "A sigmoid does not learn a curve whose values are all negative: its outputs are between "
        "0 and 1.",
        lambda: scales.mirrored_sigmoid(negative=True),
        lambda: scales.mirrored_sigmoid(negative=False),
        ("OR001",),
        "PROVED",
    ),
)

LABELS = (
    Post(
        "https://github.com/tplusone/hanser_ml_zeitreihen/issues/3",
        "Predictions are NaN: the classes of a sparse cross-entropy run from -6 to 6, and should "
        "start at 0.",
        lambda: labels.grades(-6),
        lambda: labels.grades(0),
        ("OR010",),
        "PROVED",
    ),
    Post(
        "http://pullrequest.ru/13662601/kolichestvo-vyhodov-plotnom-sloe-softmax",
        "A classifier of texts fails with five units: a tokenizer numbered its five labels from 1.",
        lambda: labels.newspaper(1),
        lambda: labels.newspaper(0),
        ("OR010",),
        "PROVED",
    ),
    Post(
        "https://github.com/keras-team/keras/issues/1261",
        "An LSTM always returns 1 for six classes: its last layer has one unit with a softmax.",
        lambda: labels.six_topics(1),
        lambda: labels.six_topics(6),
        ("OR002",),
        "PROVED",
    ),
    Post(
        "https://newbedev.com/cnn-with-keras-accuracy-not-improving",
        "The accuracy of a CNN does not improve: three classes need a softmax of three units, not "
        "a sigmoid of one with a binary cross-entropy.",
        lambda: labels.photographs(1),
        lambda: labels.photographs(3),
        ("OR010",),
        "PROVED",
    ),
    Post(
        "https://stackoverflow.com/questions/44164749/how-does-keras-handle-multilabel-classification",
        "Rows have multiple labels: a softmax lowers all labels but one, so the last layer needs "
        "sigmoids and a binary cross-entropy.",
        lambda: labels.tags("softmax", "categorical_crossentropy"),
        lambda: labels.tags("sigmoid", "binary_crossentropy"),
        ("OR010",),
        "SUSPECTED",
    ),
    Post(
        "https://stats.stackexchange.com/questions/565956/"
        "confused-with-binary-cross-entropy-vs-categorical-cross-entropy",
        "The accuracy is 26% with one sigmoid: the categorical cross-entropy of a single unit "
        "ignores the rows of class 0.",
        lambda: labels.encoded_features("categorical_crossentropy"),
        lambda: labels.encoded_features("binary_crossentropy"),
        ("OR006",),
        "PROVED",
    ),
    Post(
        "https://github.com/martinwicke/tf-dev-summit-tensorboard-tutorial/issues/3",
        "The accuracy on digits stays at 65%: the layer of the logits has a relu.",
        lambda: labels.digits("relu"),
        lambda: labels.digits(None),
        ("OR007",),
        "PROVED",
    ),
    Post(
        "https://markaicode.com/custom-gradients-non-differentiable-losses",
        "A custom loss compares labels with predictions above 0.5: the threshold has no gradient.",
        lambda: labels.thresholded(labels.hard_loss),
        lambda: labels.thresholded("mse"),
        ("OR005",),
        "PROVED",
    ),
    Post(
        "https://github.com/mkocabas/focal-loss-keras/issues/17",
        "A focal loss becomes NaN: its logarithms need a small addend.",
        lambda: labels.focal(0.0),
        lambda: labels.focal(1e-7),
        ("OR016",),
        "PROVED",
    ),
    Post(
        "https://github.com/sounakdey/SigNet/issues/1",
        "The loss of a siamese network becomes NaN: the square root in its distance has no finite "
        "slope at zero.",
        lambda: labels.signatures(0.0, similar=0),
        lambda: labels.signatures(1e-7, similar=0),
        ("OR016",),
        "PROVED",
    ),
    Post(
        "https://github.com/sounakdey/SigNet/issues/2",
        "The accuracy of a siamese network falls: the contrastive loss takes the label 1 for "
        "similar pairs, and the data use 0.",
        lambda: labels.signatures(1e-7, similar=1),
        lambda: labels.signatures(1e-7, similar=0),
        (),
    ),
)

HIDDEN = (
    Post(
        "https://w3toppers.com/"
        "resnet-100-accuracy-during-training-but-33-prediction-accuracy-with-the-same-data/",
        "The training accuracy is 100%, and that of predictions on the same data is 33%: after 5 "
        "updates the moving averages of batch normalization are still close to their start.",
        lambda: hidden.few_images(0.99),
        lambda: hidden.few_images(0.5),
        (),
        options={"epochs": 5},
    ),
    Post(
        "https://stats.stackexchange.com/questions/320672/"
        "clarification-on-simple-perceptron-neural-network",
        "Two relu units do not learn XOR, and more of them do: that weights exist does not mean "
        "that training reaches them.",
        lambda: hidden.relu_xor(2),
        lambda: hidden.relu_xor(8),
        (),
        options={"batch_size": 4, "epochs": 100},
    ),
    Post(
        "https://github.com/keras-team/keras/issues/1295",
        "Two sigmoids do not learn XOR in 500 epochs: the default SGD is too slow; a rate of 0.1 "
        "with momentum learns.",
        lambda: hidden.sigmoid_xor(fast=False),
        lambda: hidden.sigmoid_xor(fast=True),
        ("OR017",),
        "MEASURED",
        options={"batch_size": 4, "epochs": 500},
    ),
    Post(
        "https://github.com/AlexanderVNikitin/tsgm/issues/59",
        "The loss of an LSTM explodes: its activation is a relu, which does not saturate.",
        lambda: hidden.long_series("relu"),
        lambda: hidden.long_series("tanh"),
        ("OR012",),
        "MEASURED",
    ),
    Post(
        "https://github.com/keras-team/keras/issues/5107",
        "A layer rounds the values inside a network: no gradient passes the rounding.",
        lambda: hidden.codes(rounded=True),
        lambda: hidden.codes(rounded=False),
        ("OR005",),
        "PROVED",
    ),
    Post(
        "https://github.com/keras-team/keras/issues/20627",
        "A classifier of series stays at 50%: the pooling averages all steps of a single channel "
        "to one value.",
        lambda: hidden.engine_noise("channels_last"),
        lambda: hidden.engine_noise("channels_first"),
        (),
    ),
)

DRAWN = (*SCALES, *LABELS, *HIDDEN)
