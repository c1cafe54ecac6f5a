"""ONNX graphs, written node by node: what the scripts beside this one are made with. Nothing here knows a network."""

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

# Read by every ONNX Runtime since 1.18.
OPSET = 17
IR_VERSION = 9


class Graph:
    """A graph under construction. Values are called by the name of what made them; weights come from one seed."""

    def __init__(self, seed: int = 0, kind: type = numpy.float32):
        self.random = numpy.random.default_rng(seed)
        self.kind = numpy.dtype(kind)
        self.nodes, self.weights, self.inputs, self.outputs = [], {}, [], []

    def input(self, name, shape, kind=None):
        """Declares an input; a word in the shape is a dimension that may be anything."""
        self.inputs.append(helper.make_tensor_value_info(name, self._type(kind), shape))
        return name

    def output(self, value, name, shape, kind=None):
        """Declares a value as an output of that name."""
        self.nodes.append(helper.make_node("Identity", [value], [name]))
        self.outputs.append(helper.make_tensor_value_info(name, self._type(kind), shape))

    def op(self, operator, *operands, **attributes):
        """Adds a node with one output, and gives that."""
        name = f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(operands), [name], name=name, **attributes))
        return name

    def constant(self, array, kind=None):
        """Adds numbers; of the graph's own kind unless told otherwise."""
        array = numpy.asarray(array, dtype=kind or self.kind, order="C")
        name = f"weight_{len(self.weights)}"
        self.weights[name] = numpy_helper.from_array(array, name)
        return name

    def integers(self, *numbers):
        """Adds a list of integers, as shapes and axes are given."""
        return self.constant(numbers, numpy.int64)

    def normal(self, *shape, scale):
        """Adds random numbers of that standard deviation."""
        return self.constant(self.random.standard_normal(shape) * scale)

    def model(self, name):
        """The finished model, checked."""
        graph = helper.make_graph(self.nodes, name, self.inputs, self.outputs, list(self.weights.values()))
        imports = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=imports, ir_version=IR_VERSION, producer_name="flowrun")
        onnx.checker.check_model(model, full_check=True)
        return model

    def _type(self, kind):
        return helper.np_dtype_to_tensor_dtype(numpy.dtype(kind) if kind else self.kind)


def save(model, path):
    """Writes a model and says so."""
    onnx.save(model, str(path))
    print(f"{path.name}: {path.stat().st_size:,} bytes")
