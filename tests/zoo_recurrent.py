"""Recurrent models, entered in the zoo."""

import keras
from keras import Input, Model, Sequential, layers as L, ops

from zoo import entry


def _sequence(*layers, steps=4, features=3):
    return Sequential([Input((steps, features)), *layers])


@entry
def simple_rnn():
    return _sequence(L.SimpleRNN(4, return_sequences=True), L.SimpleRNN(2, "relu"), L.Dense(2))


@entry
def lstm_both_ways():
    both = L.Bidirectional(L.LSTM(3, return_sequences=True), merge_mode="ave")
    return _sequence(both, L.LSTM(2, go_backwards=True, recurrent_activation="hard_sigmoid"))


@entry
def gru_before_and_after():
    return _sequence(
        L.GRU(3, return_sequences=True, go_backwards=True, reset_after=False), L.GRU(3, unroll=True)
    )


@entry
def dropout_of_inputs_and_states():
    return _sequence(
        L.GRU(2, dropout=0.3, recurrent_dropout=0.2, return_sequences=True),
        L.Bidirectional(L.LSTM(2, dropout=0.3, recurrent_dropout=0.2)),
        L.Reshape((2, 2)), L.SimpleRNN(2, dropout=0.3, recurrent_dropout=0.2),
    )  # fmt: skip


@entry
def states_in_and_out():
    x, h = Input((4, 2), name="x"), Input((3,), name="h")
    y, last, carry = L.LSTM(3, return_state=True)(x, initial_state=[h, L.Dense(3)(h)])
    return Model([x, h], [y, L.Add()([last, carry])])


@keras.saving.register_keras_serializable("zoo_recurrent")
class Leaky(keras.Layer):
    """A user's cell: a leaky integrator whose leak is learned from the input."""

    state_size = 3

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], 3), name="kernel")
        self.leak = self.add_weight(shape=(shape[-1], 1), name="leak")
        super().build(shape)

    def call(self, x, states):
        share = ops.sigmoid(ops.matmul(x, self.leak))
        new = (1.0 - share) * states[0] + share * ops.tanh(ops.matmul(x, self.kernel))
        return ops.square(new), [new]

    def get_initial_state(self, batch_size=None):
        return [0.3 * ops.ones((batch_size, 3))]


@entry
def stacked_cells():
    return _sequence(L.RNN([L.GRUCell(3), L.LSTMCell(2), L.SimpleRNNCell(2)]))


@entry
def a_cell_of_ones_own():
    return _sequence(L.RNN(Leaky(), return_sequences=True), L.TimeDistributed(L.Dense(2, "tanh")))


@entry
def gates():
    x = Input((4,))
    gate, value = L.Dense(3, "sigmoid")(x), L.Dense(3)(x)
    return Model(x, L.Dense(2)(L.Multiply()([gate, value])))
