"""PyTorch's side of the comparison: distills a student of the zoo from the weights in its ONNX file.

    python peer.py ZOO STUDENT --outputs CACHE.npy --held HELD.json --loss kd|dkd --epochs 3 --batch 64 --lr 0.002 …

CACHE.npy holds the teacher's logits of the training split, as nncompress keeps them; HELD.json the rows that are held out
to choose the best epoch. The module comes from the zoo's make/, its weights from the file, inputs from the zoo's own
evaluate.py. The accuracy of the best epoch on the test split is printed as one line of JSON.
"""
import argparse
import json
import math
import os
import sys
from pathlib import Path

import numpy as np

BENCH = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(BENCH), str(BENCH / "train")]
from learning import Split, accuracy, factor, optimizer_of  # noqa: E402
from peer import Trainee  # noqa: E402


def kd(own, taught, labels, args):
    """Hinton, Vinyals and Dean 2015: one number per row."""
    import torch.nn.functional as F

    t = args.temperature
    pairs = F.kl_div(F.log_softmax(own / t, 1), F.log_softmax(taught / t, 1), reduction="none", log_target=True)
    return pairs.sum(1) * t**2


def dkd(own, taught, labels, args):
    """Zhao et al. 2022, as in their code with alpha = 1: one number per row."""
    import torch
    import torch.nn.functional as F

    t = args.temperature
    mask = F.one_hot(labels, own.shape[1]).bool()

    def parts(logits):
        p = F.softmax(logits / t, 1)
        target = (p * mask).sum(1, keepdim=True)
        return torch.cat([target, (p * ~mask).sum(1, keepdim=True)], 1), F.log_softmax(logits / t - 1000.0 * mask, 1)

    (own_two, own_others), (taught_two, taught_others) = parts(own), parts(taught)
    of_target = F.kl_div(own_two.log(), taught_two, reduction="none").sum(1)
    of_others = F.kl_div(own_others, taught_others.exp(), reduction="none").sum(1)
    return (of_target + args.beta * of_others) * t**2


LOSSES = {"kd": kd, "dkd": dkd}


def distill(args) -> dict:
    import torch
    import torch.nn.functional as F

    torch.set_num_threads(args.threads)
    train, test = (Split(args.zoo, args.student, split) for split in ("train", "test"))
    taught = torch.from_numpy(np.load(args.outputs))
    held = np.array(json.loads(args.held.read_text()))
    kept = np.setdiff1d(np.arange(len(train.labels)), held)
    trainee = Trainee(args.zoo, args.student, args.file)
    optimizer = optimizer_of(trainee.module, args.lr, args.decay)
    random = np.random.default_rng(args.seed)
    total = args.epochs * math.ceil(len(kept) / args.batch)
    best, step = (0.0, 0.0), 0
    for _ in range(args.epochs):
        order = random.permutation(kept)
        trainee.set_mode("train")
        for start in range(0, len(order), args.batch):
            rows = order[start:start + args.batch]
            for group in optimizer.param_groups:
                group["lr"] = args.lr * factor(step, total, args.warmup)
            optimizer.zero_grad()
            own, labels = trainee.module(*train.inputs(rows, trainee.inputs)), torch.from_numpy(train.labels[rows])
            soft = LOSSES[args.loss](own, taught[rows], labels, args)
            loss = (1 - args.alpha) * F.cross_entropy(own, labels, reduction="none") + args.alpha * soft
            loss.mean().backward()
            optimizer.step()
            step += 1
        on_held = accuracy(trainee, train, held)
        if on_held > best[0]:
            best = (on_held, accuracy(trainee, test, np.arange(len(test.labels))))
    return {"held": best[0], "accuracy": best[1]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("zoo", type=Path)
    parser.add_argument("student")
    parser.add_argument("--file", default="model-untrained.onnx", help="ONNX file with the weights to begin with")
    parser.add_argument("--outputs", type=Path, required=True)
    parser.add_argument("--held", type=Path, required=True)
    parser.add_argument("--loss", choices=list(LOSSES), required=True)
    parser.add_argument("--temperature", type=float, default=4.0)
    parser.add_argument("--alpha", type=float, default=0.5)
    parser.add_argument("--beta", type=float, default=8.0)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--lr", type=float, required=True)
    parser.add_argument("--warmup", type=float, default=0.05)
    parser.add_argument("--decay", type=float, default=0.01)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    print(json.dumps(distill(parser.parse_args())))


if __name__ == "__main__":
    main()
