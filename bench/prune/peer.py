"""Torch-Pruning's side of the comparison: prunes a model of the zoo, fine-tunes it, and exports it.

    python peer.py ZOO MODEL --macs 0.49 --held HELD.json --epochs 2 --batch 64 --lr 0.001 --out PRUNED.onnx …

The module comes from the zoo's make/, its weights from the ONNX file, inputs from the zoo's own evaluate.py. Channels go
by the L2 norm of the weights of their group, over all layers at once, a few at a time until a share of the
multiply-accumulates is left. HELD.json lists the rows of the training split that are not learnt from. Accuracies on the
test split and seconds are printed as one line of JSON.
"""
import argparse
import json
import math
import sys
import time
from pathlib import Path

import numpy as np

BENCH = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(BENCH), str(BENCH / "train")]
from learning import Split, accuracy, factor, optimizer_of  # noqa: E402
from peer import Trainee  # noqa: E402

# Steps to a model without channels, of which as many are taken as the target needs.
STEPS = 200


def prune(trainee: Trainee, example: tuple, args) -> None:
    """Removes channels until a share of the multiply-accumulates is left."""
    import torch_pruning as tp
    from torch import nn

    module = trainee.module.eval()
    classifier = [layer for layer in module.modules() if isinstance(layer, nn.Linear)][-1]
    pruner = tp.pruner.BasePruner(
        module, example, importance=tp.importance.GroupMagnitudeImportance(p=2), global_pruning=True,
        pruning_ratio=1.0, iterative_steps=STEPS, ignored_layers=[classifier],
        round_to=args.round_to if args.round_to > 1 else None)
    whole = tp.utils.count_ops_and_params(module, example)[0]
    for _ in range(STEPS):
        if tp.utils.count_ops_and_params(module, example)[0] <= args.macs * whole:
            return
        pruner.step()
    raise SystemExit(f"{args.macs} of the multiply-accumulates cannot be reached")


def train(trainee: Trainee, data: Split, rows: np.ndarray, args) -> None:
    """Learns from the labels, with nncompress's optimizer and schedule."""
    import torch
    from torch.nn.functional import cross_entropy

    optimizer = optimizer_of(trainee.module, args.lr, args.decay)
    random = np.random.default_rng(args.seed)
    total, step = args.epochs * math.ceil(len(rows) / args.batch), 0
    for _ in range(args.epochs):
        order = random.permutation(rows)
        trainee.set_mode("train")
        for start in range(0, len(order), args.batch):
            chosen = order[start:start + args.batch]
            for group in optimizer.param_groups:
                group["lr"] = args.lr * factor(step, total, args.warmup)
            optimizer.zero_grad()
            scores = trainee.module(*data.inputs(chosen, trainee.inputs))
            cross_entropy(scores, torch.from_numpy(data.labels[chosen])).backward()
            optimizer.step()
            step += 1


def export(trainee: Trainee, example: tuple, out: Path) -> None:
    import torch

    names = [*trainee.inputs, "logits"]
    torch.onnx.export(trainee.module.eval(), example, str(out), dynamo=False, opset_version=18,
                      input_names=trainee.inputs, output_names=["logits"],
                      dynamic_axes={name: {0: "batch"} for name in names})


def compare(args) -> dict:
    import torch

    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    train_data, test = (Split(args.zoo, args.model, split) for split in ("train", "test"))
    held = json.loads(args.held.read_text())
    rows = np.setdiff1d(np.arange(args.samples or len(train_data.labels)), held)
    trainee = Trainee(args.zoo, args.model, "model.onnx")
    example = tuple(train_data.inputs(rows[:1], trainee.inputs))
    everything = np.arange(len(test.labels))
    result = {"original": accuracy(trainee, test, everything)}
    start = time.perf_counter()
    prune(trainee, example, args)
    result["pruneSeconds"] = time.perf_counter() - start
    result["pruned"] = accuracy(trainee, test, everything)
    start = time.perf_counter()
    train(trainee, train_data, rows, args)
    result["trainSeconds"] = time.perf_counter() - start
    result["trained"] = accuracy(trainee, test, everything)
    export(trainee, example, args.out)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("zoo", type=Path)
    parser.add_argument("model")
    parser.add_argument("--macs", type=float, required=True)
    parser.add_argument("--round-to", type=int, default=1, help="channels that are left are multiples of this")
    parser.add_argument("--held", type=Path, required=True)
    parser.add_argument("--samples", type=int, help="learn from the first rows alone, those held out left aside")
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--lr", type=float, required=True)
    parser.add_argument("--warmup", type=float, default=0.05)
    parser.add_argument("--decay", type=float, default=0.01)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, required=True)
    print(json.dumps(compare(parser.parse_args())))


if __name__ == "__main__":
    main()
