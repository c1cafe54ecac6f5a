"""Reads the checkpoint of a PyTorch model without PyTorch: the format of versions before 1.6, which has five pickles and then the
numbers of every storage. Only the types of tensors are unpickled, so that a checkpoint cannot run code."""

import collections
import io
import pickle

import numpy

MAGIC = 0x1950A86A20F9469CFC6C
STORAGES = {"FloatStorage": "<f4", "LongStorage": "<i8"}


class Storage(dict):
    """Numbers that are read after the pickles: kind and length first, `numbers` later."""


def tensor(storage, offset, size, stride, *_):
    """Stands for a tensor until its storage is read."""
    return storage, offset, size, stride


class Unpickler(pickle.Unpickler):
    def __init__(self, file):
        super().__init__(file)
        self.storages = {}

    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return tensor
        if module == "torch" and name in STORAGES:
            return STORAGES[name]
        raise pickle.UnpicklingError(f"a checkpoint has no {module}.{name}")

    def persistent_load(self, identifier):
        _, kind, key, _, length, _ = identifier
        return self.storages.setdefault(key, Storage(kind=kind, length=length))


def read(data):
    """The arrays of a checkpoint by name."""
    file = io.BytesIO(data)
    if pickle.load(file) != MAGIC:
        raise ValueError("not a checkpoint of PyTorch before 1.6")
    for _ in ["version", "system"]:
        pickle.load(file)
    unpickler = Unpickler(file)
    entries = unpickler.load()
    for key in pickle.load(file):
        storage = unpickler.storages[key]
        length = int.from_bytes(file.read(8), "little")
        if length != storage["length"]:
            raise ValueError(f"storage {key} has {length} numbers instead of {storage['length']}")
        kind = numpy.dtype(storage["kind"])
        storage["numbers"] = numpy.frombuffer(file.read(length * kind.itemsize), kind)
    return {name: array(*entry) for name, entry in entries.items()}


def array(storage, offset, size, stride):
    numbers = storage["numbers"]
    strides = [step * numbers.itemsize for step in stride]
    return numpy.lib.stride_tricks.as_strided(numbers[offset:], size, strides).copy()
