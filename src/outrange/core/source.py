"""Which model an answer is about, for whoever finds it later."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ModelSource:
    """One model, told by a hash.

    Args:
        name: The model's name, or that of its file.
        sha256: SHA-256 in hexadecimal digits.
        of: What was hashed: `"file"`, its bytes, as `sha256sum` prints it; or `"weights"`, each
            array's type, shape and little-endian bytes, in the model's own order.
    """

    name: str
    sha256: str
    of: str

    def __str__(self) -> str:
        return f"{self.name}: SHA-256 of the {self.of} {self.sha256}"
