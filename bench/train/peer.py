"""PyTorch's side of the comparison: trains a model of the zoo from the weights in its ONNX file.

    python peer.py check     ZOO MODEL                        how far the module's output is from onnxruntime's
    python peer.py prepare   ZOO MODEL --rows ROWS.json OUT   the batches as .npz: STEP.INPUT and STEP.labels
    python peer.py train     ZOO MODEL --rows ROWS.json       losses, milliseconds per step, peak memory
    python peer.py gradients ZOO MODEL --rows ROWS.json OUT   gradients of the first batch as .npz, named and laid out
                                                              as the initializers of the file

ROWS.json lists the batches, each a list of rows of the training split in the order of the zoo's readers: images of the
IDX file, rows of the CSV file, WAV files sorted by path. Inputs are prepared by the zoo's own evaluate.py, in a process
of its own; modules come from the zoo's make/. The module computes what the file computes: without dropout, and without
batch norms where the exporter folded them. Results are printed as one line of JSON.
"""
import argparse
import fnmatch
import importlib
import json
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable
from unittest import mock

import numpy as np

READERS = {"fashion": "fashion_mnist", "digits": "spoken_digits", "banking": "banking77"}
TOLERANCE = 1e-4


# ---------------------------------------------------------------- batches

def prepare(zoo: Path, name: str, rows: list, out: Path, tokens: int = 0) -> None:
    """Writes the batches; texts are padded to the longest of the batch, and to `tokens` where that is more."""
    sys.path.insert(0, str(zoo))
    import evaluate

    kind, folder = evaluate.MODELS[name], zoo / "models" / name
    columns = getattr(evaluate, READERS[kind])("train")
    session = evaluate.onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
    arrays = {}
    for step, batch in enumerate(rows):
        setattr(evaluate, READERS[kind], lambda split: tuple(choose(column, batch) for column in columns))
        feeds, labels = evaluate.INPUTS[kind](folder, session, "train")
        for key in feeds[0]:
            arrays[f"{step}.{key}"] = joined([feed[key] for feed in feeds], tokens if kind == "banking" else 0)
        arrays[f"{step}.labels"] = labels
    with open(out, "wb") as file:
        np.savez(file, **arrays)


def choose(column, rows: list):
    return column[rows] if isinstance(column, np.ndarray) else [column[i] for i in rows]


def joined(parts: list, width: int) -> np.ndarray:
    """Parts of a batch one below the other, those of texts padded to one length of at least `width`."""
    if width or len({part.shape[1:] for part in parts}) > 1:
        width = max(width, *(part.shape[1] for part in parts), 0)
        parts = [np.pad(part, ((0, 0), (0, width - part.shape[1]))) for part in parts]
    return np.concatenate(parts)


def in_own_process(function: Callable, *arguments) -> None:
    """What preparing costs in memory is not counted as training's."""
    process = multiprocessing.get_context("spawn").Process(target=function, args=arguments)
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(process.exitcode)


def read_batches(path: Path, names: list):
    """Inputs in the order of `names` and labels, a batch at a time."""
    import torch

    with np.load(path) as file:
        for step in range(sum(key.endswith(".labels") for key in file)):
            yield [torch.from_numpy(file[f"{step}.{name}"]) for name in names], torch.from_numpy(file[f"{step}.labels"])


# ---------------------------------------------------------------- modules with the weights of a file

@dataclass
class Link:
    """An initializer and the parameters that hold its values. Both ways are permutations: gradients take them too."""

    initializer: str
    parameters: list
    to_file: Callable = lambda tensors: tensors[0]
    from_file: Callable = lambda tensor: [tensor]


class Trainee:
    """The module that computes what an ONNX file computes, and how their weights correspond."""

    def __init__(self, zoo: Path, name: str, file: str):
        import onnx

        self.path = zoo / "models" / name / file
        graph = onnx.load(str(self.path)).graph
        self.constants = {t.name: onnx.numpy_helper.to_array(t) for t in graph.initializer}
        self.inputs = [i.name for i in graph.input if i.name not in self.constants]
        self.module = build(zoo, name)
        self.keeps_batch_norm = any(node.op_type == "BatchNormalization" for node in graph.node)
        remove_dropout(self.module)
        if not self.keeps_batch_norm:
            remove_batch_norms(self.module)
        self.links = link(graph, self.module, self.constants)
        self.load()

    def load(self) -> None:
        import torch

        targets = self.module.state_dict(keep_vars=True)
        for entry in self.links:
            values = entry.from_file(torch.from_numpy(self.constants[entry.initializer].copy()))
            for parameter, value in zip(entry.parameters, values, strict=True):
                targets[parameter].data.copy_(value.view_as(targets[parameter]))
        missing = set(dict(self.module.named_parameters())) - {p for entry in self.links for p in entry.parameters}
        if missing:
            raise AssertionError(f"{self.path}: no initializer found for {', '.join(sorted(missing))}")

    def freeze(self, patterns: list) -> None:
        """Leaves the initializers that a pattern names as they are."""
        parameters = dict(self.module.named_parameters())
        for entry in self.links:
            if any(fnmatch.fnmatchcase(entry.initializer, pattern) for pattern in patterns):
                for parameter in entry.parameters:
                    parameters[parameter].requires_grad_(False)

    def set_mode(self, batch_norm: str) -> None:
        """Training mode; batch norms take the statistics of the batch (train) or the running ones (frozen)."""
        from torch.nn.modules.batchnorm import _BatchNorm

        self.module.train()
        for layer in self.module.modules():
            if isinstance(layer, _BatchNorm) and batch_norm == "frozen":
                layer.eval()

    def gradients(self) -> dict:
        """Of every trained initializer, as the file lays it out."""
        parameters = dict(self.module.named_parameters())
        trained = [e for e in self.links if all(p in parameters and parameters[p].requires_grad for p in e.parameters)]
        return {e.initializer: self.packed(e, [parameters[p].grad for p in e.parameters]) for e in trained}

    def packed(self, entry: Link, tensors: list) -> np.ndarray:
        return entry.to_file(tensors).reshape(self.constants[entry.initializer].shape).numpy()


def build(zoo: Path, name: str):
    """The module as make/ defines it, with whatever weights it starts with."""
    sys.path.insert(0, str(zoo / "make"))
    kind, short = name.split("-", 1)
    create = importlib.import_module(kind).RECIPES[short]["model"]
    if short != "minilm":
        return create()
    from transformers import BertConfig, BertModel

    config = BertConfig.from_json_file(zoo / "models" / name / "config.json")
    config._attn_implementation = "eager"
    with mock.patch.object(BertModel, "from_pretrained", lambda *_, **__: BertModel(config, add_pooling_layer=False)):
        module = create(None)
    return module.requires_grad_(True)


def remove_dropout(module) -> None:
    from torch import nn

    for layer in module.modules():
        if isinstance(layer, nn.Dropout):
            layer.p = 0.0
        if isinstance(layer, nn.RNNBase):
            layer.dropout = 0.0


def remove_batch_norms(module) -> None:
    """Leaves the biases that exporters fold them into."""
    import torch
    from torch import nn
    from torch.nn.modules.batchnorm import _BatchNorm
    from torch.nn.modules.conv import _ConvNd

    for layer in list(module.modules()):
        for name, child in layer.named_children():
            if isinstance(child, _BatchNorm):
                setattr(layer, name, nn.Identity())
        if isinstance(layer, _ConvNd) and layer.bias is None:
            layer.bias = nn.Parameter(torch.zeros(layer.out_channels))


# ---------------------------------------------------------------- which initializer is which parameter

# Blocks of PyTorch's gates (LSTM: i f g o, GRU: r z n) in the order of ONNX (i o f c, z r h).
GATES = {"LSTM": [0, 3, 1, 2], "GRU": [1, 0, 2]}


def link(graph, module, constants: dict) -> list:
    """By name where the exporter kept it, else by the node that uses the initializer."""
    from torch.nn.modules.conv import _ConvNd

    known = module.state_dict()
    links = {}
    for name in constants:
        kept = name.removesuffix("weight_bias") + "bias" if name.endswith(".weight_bias") else name
        if kept in known:
            links[name] = Link(name, [kept])
    convolutions = iter([name for name, layer in module.named_modules() if isinstance(layer, _ConvNd)])
    recurrent_layers = iter(range(len(known)))
    for node in graph.node:
        if node.op_type == "Conv":
            layer = next(convolutions)
            pairs = zip(node.input[1:], ("weight", "bias"))
            found = [Link(name, [f"{layer}.{kind}"]) for name, kind in pairs if name in constants]
        elif node.op_type == "MatMul":
            found = [linear_link(graph, node)] if node.input[1] in constants else []
        elif node.op_type in GATES:
            found = recurrent_links(node, module, next(recurrent_layers))
        else:
            continue
        for entry in found:
            links.setdefault(entry.initializer, entry)
    return list(links.values())


def linear_link(graph, node) -> Link:
    """A transposed weight, named by the bias that is added to the product."""
    add = next(n for n in graph.node if n.op_type == "Add" and node.output[0] in n.input)
    bias = next(name for name in add.input if name.endswith(".bias"))
    return Link(node.input[1], [bias.removesuffix("bias") + "weight"], lambda ts: ts[0].T, lambda t: [t.T])


def recurrent_links(node, module, layer: int) -> list:
    """W, R and B of an LSTM or GRU node: one array for all directions, B for both biases."""
    import torch
    from torch import nn

    prefix, rnn = next((name, m) for name, m in module.named_modules() if isinstance(m, nn.RNNBase))
    suffixes = [f"l{layer}", f"l{layer}_reverse"][:2 if rnn.bidirectional else 1]
    gates = GATES[node.op_type]
    back = [gates.index(k) for k in range(len(gates))]

    def ordered(tensor, order):
        return tensor.unflatten(0, (len(order), -1))[order].flatten(0, 1)

    def entry(name: str, kinds: list) -> Link:
        parameters = [f"{prefix}.{kind}_{suffix}" for suffix in suffixes for kind in kinds]
        return Link(name, parameters,
                    lambda tensors: torch.cat([ordered(t, gates) for t in tensors]),
                    lambda tensor: [ordered(t, back) for t in tensor.flatten(0, 1).chunk(len(parameters))])

    kinds = (["weight_ih"], ["weight_hh"], ["bias_ih", "bias_hh"])
    return [entry(name, kind) for name, kind in zip(node.input[1:4], kinds)]


# ---------------------------------------------------------------- tasks

def check(trainee: Trainee, batches: Path) -> dict:
    """The module, with running statistics, against onnxruntime."""
    import onnxruntime
    import torch

    session = onnxruntime.InferenceSession(str(trainee.path), providers=["CPUExecutionProvider"])
    trainee.module.eval()
    difference = 0.0
    for inputs, _ in read_batches(batches, trainee.inputs):
        want = session.run(None, {name: x.numpy() for name, x in zip(trainee.inputs, inputs)})[0]
        with torch.no_grad():
            difference = max(difference, float(np.abs(trainee.module(*inputs).numpy() - want).max()))
    if difference > TOLERANCE:
        raise AssertionError(f"{trainee.path}: PyTorch's output is {difference:.1e} from onnxruntime's")
    linked = {entry.initializer for entry in trainee.links}
    others = [name for name, values in trainee.constants.items() if values.dtype.kind == "f" and name not in linked]
    return {"maxDifference": difference, "notParameters": others}


def train(trainee: Trainee, batches: Path, optimizer, warmup: int) -> dict:
    """Steps as a training loop in PyTorch takes them; reading a batch is not timed."""
    from torch.nn.functional import cross_entropy

    losses, milliseconds, rows = [], [], []
    for inputs, labels in read_batches(batches, trainee.inputs):
        start = time.perf_counter()
        optimizer.zero_grad()
        loss = cross_entropy(trainee.module(*inputs), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if not np.isfinite(losses[-1]):
            raise SystemExit(f"the loss of step {len(losses)} is {losses[-1]}")
        milliseconds.append((time.perf_counter() - start) * 1000)
        rows.append(len(labels))
    timed = slice(min(warmup, len(rows) - 1), None)
    return {"losses": losses, "stepMs": milliseconds,
            "samplesPerSecond": 1000 * sum(rows[timed]) / sum(milliseconds[timed]), "peakMemoryBytes": peak_memory()}


def gradients(trainee: Trainee, batches: Path, out: Path) -> dict:
    from torch.nn.functional import cross_entropy

    inputs, labels = next(read_batches(batches, trainee.inputs))
    loss = cross_entropy(trainee.module(*inputs), labels)
    loss.backward()
    with open(out, "wb") as file:
        np.savez(file, **trainee.gradients())
    return {"loss": loss.item()}


def peak_memory() -> int:
    """Most resident bytes of this process; Linux counts ru_maxrss from the process that started it."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def optimizer_of(trainee: Trainee, kind: str, lr: float):
    import torch

    trained = [p for p in trainee.module.parameters() if p.requires_grad]
    return {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[kind](trained, lr=lr)


def run(args, rows: list, batches: Path) -> dict:
    import torch

    in_own_process(prepare, args.zoo, args.model, rows, batches, args.tokens)
    torch.set_num_threads(args.threads)
    trainee = Trainee(args.zoo, args.model, args.file)
    if args.task == "check":
        return check(trainee, batches)
    trainee.freeze(args.freeze)
    trainee.set_mode(args.batch_norm)
    if args.task == "gradients":
        return gradients(trainee, batches, args.out)
    return train(trainee, batches, optimizer_of(trainee, args.optimizer, args.lr), args.warmup)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=["check", "prepare", "train", "gradients"])
    parser.add_argument("zoo", type=Path)
    parser.add_argument("model")
    parser.add_argument("out", type=Path, nargs="?")
    parser.add_argument("--rows", type=Path, help="JSON list of batches, each a list of rows")
    parser.add_argument("--file", default="model.onnx", help="another ONNX file of the model's folder")
    parser.add_argument("--optimizer", choices=["sgd", "adam"], default="adam")
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tokens", type=int, default=0, help="pad texts to at least so many")
    parser.add_argument("--batch-norm", choices=["frozen", "train"], default="frozen", help="where the file keeps them")
    parser.add_argument("--freeze", action="append", default=[], metavar="PATTERN", help="initializers left as they are")
    parser.add_argument("--warmup", type=int, default=5, help="first steps that samplesPerSecond leaves out")
    args = parser.parse_args()
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    rows = json.loads(args.rows.read_text()) if args.rows else [list(range(16))]
    if args.task == "prepare":
        prepare(args.zoo, args.model, rows, args.out, args.tokens)
        return
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(run(args, rows, Path(folder) / "batches.npz")))


if __name__ == "__main__":
    main()
