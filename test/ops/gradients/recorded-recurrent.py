"""Records recurrent layers and their gradients as PyTorch 2.13 computes them, weights in ONNX's order of gates.

python recorded-recurrent.py > recorded-recurrent.json
"""

import json

import torch

torch.manual_seed(0)
TIME, BATCH, INPUT, HIDDEN = 4, 3, 3, 2
LENGTHS = [4, 2, 1]
ORDER = {"LSTM": [0, 3, 1, 2], "GRU": [1, 0, 2], "RNN": [0]}  # PyTorch: i f g o and r z n; ONNX: i o f c and z r h


def onnx_order(kind, value):
    blocks = value.detach().reshape(len(ORDER[kind]), HIDDEN, -1)
    return blocks[ORDER[kind]].reshape(value.shape)


def record(kind):
    layer = getattr(torch.nn, kind)(INPUT, HIDDEN, bidirectional=True)
    x = torch.randn(TIME, BATCH, INPUT, requires_grad=True)
    states = [torch.randn(2, BATCH, HIDDEN, requires_grad=True) for _ in range(2 if kind == "LSTM" else 1)]
    packed = torch.nn.utils.rnn.pack_padded_sequence(x, LENGTHS)
    y, last = layer(packed, tuple(states) if kind == "LSTM" else states[0])
    y = torch.nn.utils.rnn.pad_packed_sequence(y, total_length=TIME)[0]
    y = y.reshape(TIME, BATCH, 2, HIDDEN).transpose(1, 2)
    outputs = dict(zip(["y", "yh", "yc"], [y, *(last if kind == "LSTM" else [last])]))
    upstream = {"d" + name: torch.randn(output.shape) for name, output in outputs.items()}
    sum((outputs[name] * upstream["d" + name]).sum() for name in outputs).backward()

    def stacked(names, pick):
        ends = ("", "_reverse")
        both = [torch.cat([onnx_order(kind, pick(getattr(layer, name + end))) for name in names]) for end in ends]
        return torch.stack(both)

    def weights(pick):
        names = {"w": ["weight_ih_l0"], "r": ["weight_hh_l0"], "b": ["bias_ih_l0", "bias_hh_l0"]}
        return {key: stacked(value, pick) for key, value in names.items()}

    named = {"x": x, **dict(zip("hc", states))}
    return {
        "feeds": {**named, **weights(lambda p: p), **upstream},
        "outputs": outputs,
        "gradients": {**{name: value.grad for name, value in named.items()}, **weights(lambda p: p.grad)},
    }


def plain(value):
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    return {"dims": list(value.shape), "data": [round(v, 5) for v in value.detach().flatten().tolist()]}


print(json.dumps({kind: plain(record(kind)) for kind in ORDER}))
