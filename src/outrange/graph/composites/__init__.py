"""Operations written as small graphs of other operations: softmax, attention, normalization, ..."""
