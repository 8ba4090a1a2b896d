"""The checker's reader of HDF5 returns what h5py wrote."""

import io

import numpy as np
import pytest


pytest.importorskip("h5py")

import h5py
from flint import fmpq

from outrange_check.network import Refused
from outrange_check.readers.keras.hdf5 import Hdf5


def write_file(fill, **options):
    out = io.BytesIO()
    with h5py.File(out, "w", **options) as file:
        fill(file)
    return out.getvalue()


LAYOUTS = {
    "contiguous": ((3, 4), {}),
    "scalar": ((), {}),
    "empty": ((0, 3), {}),
    "larger": ((17, 5, 3), {}),
}


@pytest.mark.parametrize("kind", ["f2", "f4"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_arrays_are_what_was_written(layout, kind):
    shape, options = LAYOUTS[layout]
    array = np.random.default_rng(0).normal(size=shape).astype(kind)
    data = write_file(lambda file: file.create_dataset("a/b/0", data=array, **options))
    values = Hdf5(data).array("a/b/0")
    assert values.shape == shape
    assert values.items == [fmpq(*float(v).as_integer_ratio()) for v in array.ravel()]


@pytest.mark.parametrize("count", [0, 1, 9, 400])
def test_groups_list_their_members(count):
    names = [f"layer_{i}" for i in range(count)]

    def fill(file):
        group = file.create_group("layers")
        group.attrs["name"] = "a name"
        for name in names:
            group.create_group(name).create_dataset("0", data=np.float32([len(name)]))

    archive = Hdf5(write_file(fill))
    assert archive.members("layers") == sorted(names)
    assert archive.members("none/there") == []
    for name in names[::50]:
        assert archive.array(f"layers/{name}/0").items == [len(name)]


REFUSED = {
    "unsupported type": lambda file: file.create_dataset("0", data=np.arange(3)),
    "an unsupported type": lambda file: file.create_dataset("0", data=np.arange(3.0).astype(">f4")),
    "0` contains numbers of": lambda file: file.create_dataset("0", data=np.arange(3.0)),
    "laid out": lambda file: file.create_dataset("0", data=np.float32([1, 2]), chunks=(2,)),
    "is laid out": lambda file: file.create_dataset("0", data=np.float32([1]), compression="gzip"),
    "attributes": lambda file: file.create_dataset("0", data=np.float32([1])).attrs.create(
        "dtype", "bfloat16"),
    "Keras may read": lambda file: file.create_group("_layer_checkpoint_dependencies/dense"),
    "not a real number": lambda file: file.create_dataset("0", data=np.float32([np.nan])),
    "does not contain": lambda file: file.create_group("1"),
    "link": lambda file: file.__setitem__("0", h5py.SoftLink("/1")),
    "damaged": lambda file: file.create_dataset("0", (9,), "f4"),
}  # fmt: skip


@pytest.mark.parametrize("reason", REFUSED)
def test_what_is_not_read_is_refused(reason):
    with pytest.raises(Refused, match=reason):
        Hdf5(write_file(REFUSED[reason])).array("0")


def test_numbers_in_another_file_are_refused(tmp_path):
    (tmp_path / "raw").write_bytes(np.arange(3, dtype="f4").tobytes())
    outside = [(str(tmp_path / "raw"), 0, 12)]
    data = write_file(lambda file: file.create_dataset("0", (3,), "f4", external=outside))
    with pytest.raises(Refused, match="message"):
        Hdf5(data).array("0")


def test_a_group_that_is_described_twice_is_refused():
    data = bytearray(write_file(lambda file: file.create_dataset("a/0", data=np.float32([1]))))
    Hdf5(bytes(data)).array("a/0")
    tree = data[80:88]  # what the first entry repeats of the root group
    assert data[int.from_bytes(tree, "little") :][:4] == b"TREE"
    data[80:88] = (int.from_bytes(tree, "little") + 8).to_bytes(8, "little")
    with pytest.raises(Refused, match="a group in two ways"):
        Hdf5(bytes(data)).array("a/0")


def test_later_versions_are_refused():
    with pytest.raises(Refused, match="version"):
        Hdf5(write_file(lambda file: file.create_group("a"), libver="latest"))
    with pytest.raises(Refused, match="not an HDF5"):
        Hdf5(b"PK")
