"""The models of the zoo with images, signals and volumes in them."""

import keras
from keras import Input, Model, Sequential, layers as L, ops

from zoo import entry


def join_parts(x, parts) -> keras.Model:
    """Return a model that flattens all parts into one small output."""
    return Model(x, L.Dense(2)(L.Concatenate()([L.Flatten()(p) for p in parts])))


@entry
def conv_1d():
    x = Input((9, 2))
    return join_parts(x, [
        L.Conv1D(3, 3, activation="relu")(x), L.Conv1D(2, 2, strides=2, padding="same")(x),
        L.Conv1D(2, 3, dilation_rate=2, padding="causal", use_bias=False)(x),
        L.Conv1D(4, 3, groups=2, padding="same")(x), L.DepthwiseConv1D(3, depth_multiplier=2)(x),
        L.DepthwiseConv1D(2, strides=3, padding="same")(x), L.SeparableConv1D(3, 3)(x),
        L.SeparableConv1D(3, 2, padding="same", depth_multiplier=2)(x),
    ])  # fmt: skip


@entry
def conv_2d():
    x = Input((6, 7, 2))
    return join_parts(x, [
        L.Conv2D(2, (3, 2))(x), L.Conv2D(3, 3, strides=2, padding="same", activation="relu")(x),
        L.Conv2D(2, (2, 3), dilation_rate=(2, 1), padding="same")(x),
        L.Conv2D(4, 2, groups=2, strides=(1, 2))(x), L.Conv2D(2, 1, use_bias=False)(x),
        L.DepthwiseConv2D(3, depth_multiplier=2, padding="same")(x),
        L.DepthwiseConv2D(2, strides=2)(x), L.DepthwiseConv2D(2, dilation_rate=2)(x),
        L.SeparableConv2D(3, 3, strides=2, padding="same", activation="relu")(x),
        L.SeparableConv2D(2, (2, 3), depth_multiplier=2, use_bias=False)(x),
    ])  # fmt: skip


@entry
def conv_3d():
    x = Input((4, 5, 4, 2))
    return join_parts(x, [
        L.Conv3D(2, 2, activation="relu")(x), L.Conv3D(2, (1, 3, 2), strides=2, padding="same")(x),
        L.Conv3D(2, 2, groups=2, use_bias=False)(x), L.Conv3D(1, 2, dilation_rate=(1, 2, 1))(x),
        L.MaxPooling3D(2)(x), L.AveragePooling3D((2, 1, 2), strides=1, padding="same")(x),
        L.GlobalMaxPooling3D()(x), L.GlobalAveragePooling3D()(x),
    ])  # fmt: skip


@entry
def conv_transposed():
    x, t, v = Input((3, 4, 2)), Input((5, 2)), Input((2, 2, 2, 1))
    images = [
        L.Conv2DTranspose(2, 3, strides=2, padding="same")(x),
        L.Conv2DTranspose(3, (2, 3), strides=(3, 1), use_bias=False)(x),
        L.Conv2DTranspose(2, 3, dilation_rate=2, padding="same", activation="relu")(x),
        L.Conv2DTranspose(2, 3, strides=2, padding="same", output_padding=1)(x),
        L.Conv2DTranspose(2, (2, 3), strides=2, output_padding=(1, 0))(x),
        L.Conv1DTranspose(2, 4, strides=2, padding="same")(t),
        L.Conv1DTranspose(2, 2, strides=3)(t),
        L.Conv3DTranspose(2, 2, strides=(1, 2, 2), padding="same")(v),
    ]
    return join_parts([x, t, v], images)


@entry
def channels_first():
    x = Input((2, 6, 5))
    first = {"data_format": "channels_first"}
    return join_parts(x, [
        L.MaxPooling2D(2, **first)(x), L.AveragePooling2D(2, padding="same", **first)(x),
        L.GlobalMaxPooling2D(**first)(x), L.GlobalAveragePooling2D(**first)(x),
        L.UpSampling2D(2, **first)(x), L.ZeroPadding2D((1, 2), **first)(x),
        L.Cropping2D(((1, 0), (2, 1)), **first)(x), L.AdaptiveAveragePooling2D(2, **first)(x),
        L.BatchNormalization(axis=1)(x),
    ])  # fmt: skip


@entry
def pooling_more():
    x, t = Input((7, 6, 2)), Input((9, 2))
    return join_parts([x, t], [
        L.AdaptiveAveragePooling2D((3, 4))(x), L.AdaptiveMaxPooling2D((2, 4))(x),
        L.AdaptiveAveragePooling1D(4)(t), L.AdaptiveMaxPooling1D(2)(t),
        L.AveragePooling2D((3, 2), strides=(1, 2))(x), L.MaxPooling2D(3, 2, padding="same")(x),
        L.GlobalAveragePooling1D()(t), L.MaxPooling1D(3, 2)(t),
    ])  # fmt: skip


@entry
def resized():
    x, t = Input((4, 5, 2)), Input((4, 2))
    return join_parts([x, t], [
        L.UpSampling2D((2, 3))(x), L.UpSampling2D(2, interpolation="bilinear")(x),
        L.UpSampling1D(2)(t), L.ZeroPadding2D(((1, 0), (2, 1)))(x), L.Cropping2D(1)(x),
        L.ZeroPadding1D(2)(t), L.Cropping1D((1, 1))(t), L.Resizing(3, 7)(x),
        L.Resizing(6, 3, interpolation="nearest")(x),
        ops.image.resize(x, (7, 3), interpolation="bilinear"),
    ])  # fmt: skip


@entry
def residual_image():
    x = Input((8, 8, 2))
    y = L.Conv2D(4, 3, padding="same", use_bias=False)(x)
    y = L.ReLU(6.0)(L.BatchNormalization()(y))
    z = L.SeparableConv2D(4, 3, padding="same", use_bias=False)(y)
    z = L.BatchNormalization()(z)
    y = L.MaxPooling2D(2)(L.Add()([y, z]))
    y = L.ZeroPadding2D(((0, 1), (0, 1)))(y)
    y = L.Activation("hard_swish")(L.DepthwiseConv2D(3, 2)(y))
    return Model(x, L.Dense(3, "softmax")(L.GlobalAveragePooling2D()(y)))


@entry
def signal():
    return Sequential([
        Input((24, 2)), L.Conv1D(4, 5, strides=2, activation="relu"), L.MaxPooling1D(2),
        L.Conv1D(4, 3, padding="causal", dilation_rate=2, activation="tanh"),
        L.GlobalAveragePooling1D(), L.Dense(2),
    ])  # fmt: skip
