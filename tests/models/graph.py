"""Builder of ONNX graphs, used by the scripts in this directory. Networks are in `pictures.py` and `transformer.py`."""

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

# Versions that ONNX Runtime 1.18 and later read.
OPSET = 17
IR_VERSION = 9


class Graph:
    """A graph under construction. A value is the name of the input, weight or node that produces it. `seed` determines the random
    weights, `kind` is the element type of weights and, by default, of inputs and outputs."""

    def __init__(self, seed: int = 0, kind: type = numpy.float32):
        self.random = numpy.random.default_rng(seed)
        self.kind = numpy.dtype(kind)
        self.nodes, self.weights, self.inputs, self.outputs = [], {}, [], []

    def input(self, name, shape, kind=None):
        """Declares an input and returns its value. A string in `shape` is a dimension of any size."""
        self.inputs.append(helper.make_tensor_value_info(name, self._type(kind), shape))
        return name

    def output(self, value, name, shape, kind=None):
        """Declares `value` as the output `name`."""
        self.nodes.append(helper.make_node("Identity", [value], [name]))
        self.outputs.append(helper.make_tensor_value_info(name, self._type(kind), shape))

    def op(self, operator, *operands, **attributes):
        """Adds a node of the ONNX operator with one output, and returns that value."""
        name = f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(operands), [name], name=name, **attributes))
        return name

    def constant(self, array, kind=None):
        """Adds a constant and returns its value; its element type is `kind`, or that of the graph."""
        array = numpy.asarray(array, dtype=kind or self.kind, order="C")
        name = f"weight_{len(self.weights)}"
        self.weights[name] = numpy_helper.from_array(array, name)
        return name

    def integers(self, *numbers):
        """Adds a constant list of 64-bit integers, such as a shape or axes."""
        return self.constant(numbers, numpy.int64)

    def normal(self, *shape, scale):
        """Adds a constant of normally distributed random numbers with the standard deviation `scale`."""
        return self.constant(self.random.standard_normal(shape) * scale)

    def model(self, name):
        """Returns the model, after ONNX's checker has accepted it."""
        graph = helper.make_graph(self.nodes, name, self.inputs, self.outputs, list(self.weights.values()))
        imports = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=imports, ir_version=IR_VERSION, producer_name="flowrun")
        onnx.checker.check_model(model, full_check=True)
        return model

    def _type(self, kind):
        return helper.np_dtype_to_tensor_dtype(numpy.dtype(kind) if kind else self.kind)


def save(model, path):
    """Writes a model to a file, and prints its size."""
    onnx.save(model, str(path))
    print(f"{path.name}: {path.stat().st_size:,} bytes")
