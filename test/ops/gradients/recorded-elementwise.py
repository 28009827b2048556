"""Records gradients of PyTorch 2.13 in recorded-elementwise.json: python3 recorded-elementwise.py"""
import json
import pathlib

import torch
from torch.nn import functional as F

POINTS = [-4.2, -2.6, -1.3, -0.6, -0.2, 0.0, 0.15, 0.55, 1.2, 2.7, 4.1]
PAIRS = [[1.0, 2.0, -1.0, 0.5], [1.0, 1.0, 3.0, 0.5]]
MATRIX = [[0.5, -1.2, 0.8], [2.0, 2.0, -0.4]]

# Operator in ONNX text, the same in PyTorch, its inputs.
CASES = [
    ("Relu(x)", F.relu, [POINTS]),
    ("LeakyRelu(x)", F.leaky_relu, [POINTS]),
    ("Elu(x)", F.elu, [POINTS]),
    ("Celu<alpha=0.5>(x)", lambda x: F.celu(x, 0.5), [POINTS]),
    ("Selu(x)", F.selu, [POINTS]),
    ("Gelu(x)", F.gelu, [POINTS]),
    ('Gelu<approximate="tanh">(x)', lambda x: F.gelu(x, approximate="tanh"), [POINTS]),
    ("HardSigmoid<alpha=0.16666667>(x)", F.hardsigmoid, [POINTS]),
    ("HardSwish(x)", F.hardswish, [POINTS]),
    ("Mish(x)", F.mish, [POINTS]),
    ("Softplus(x)", F.softplus, [POINTS]),
    ("Softsign(x)", F.softsign, [POINTS]),
    ("Sigmoid(x)", torch.sigmoid, [POINTS]),
    ("Tanh(x)", torch.tanh, [POINTS]),
    ("Softmax(x)", lambda x: F.softmax(x, -1), [POINTS]),
    ("LogSoftmax(x)", lambda x: F.log_softmax(x, -1), [POINTS]),
    ("Abs(x)", torch.abs, [POINTS]),
    ("Erf(x)", torch.erf, [POINTS]),
    ("PRelu(x, a)", F.prelu, [POINTS, [0.3]]),
    ("Clip(x, low, high)", lambda x: torch.clamp(x, -1.3, 1.2), [POINTS]),
    ("Max(x, a)", torch.maximum, PAIRS),
    ("Min(x, a)", torch.minimum, PAIRS),
    ("Pow(x, a)", torch.pow, [[0.0, 2.0, 1.5, 0.5], [2.0, 0.0, -1.0, 3.0]]),
    ("Mod<fmod=1>(x, a)", torch.fmod, [[5.3, -5.3, 5.3, 0.2], [2.0, 2.0, -2.0, 2.0]]),
    ("ReduceMax<keepdims=0>(x)", torch.amax, [MATRIX]),
    ("ReduceMin<keepdims=0>(x)", torch.amin, [MATRIX]),
    ("ReduceProd<keepdims=0>(x)", torch.prod, [[2.0, 0.0, 3.0, 0.5]]),
    ("ReduceL1<keepdims=0>(x)", lambda x: torch.linalg.vector_norm(x, 1), [[0.0, -2.0, 3.0]]),
    ("ReduceL2<keepdims=0>(x)", torch.linalg.vector_norm, [[0.0, 0.0, 0.0]]),
    ("ReduceLogSumExp<keepdims=0>(x)", lambda x: torch.logsumexp(x, (0, 1)), [MATRIX]),
]


def gradients(function, inputs):
    """Of the sum of the outputs weighted 1/4, 2/4, 3/4, ..."""
    tensors = [torch.tensor(values, requires_grad=True) for values in inputs]
    y = function(*tensors)
    weights = torch.arange(1.0, y.numel() + 1).reshape(y.shape) / 4
    (y * weights).sum().backward()
    return [[round(float(value), 6) for value in tensor.grad.flatten()] for tensor in tensors]


def record(call, function, inputs):
    dims = [list(torch.tensor(values).shape) for values in inputs]
    flat = [torch.tensor(values).flatten().tolist() for values in inputs]
    flat = [[round(value, 6) for value in values] for values in flat]
    return {"call": call, "dims": dims, "inputs": flat, "gradients": gradients(function, inputs)}


rows = [json.dumps(record(*case)) for case in CASES]
path = pathlib.Path(__file__).with_suffix(".json")
path.write_text("[\n  " + ",\n  ".join(rows) + "\n]\n")
