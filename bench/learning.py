"""What PyTorch's sides of comparisons share that learn over epochs: data of a split, schedule, optimizer, accuracy.

Inputs come from the zoo's own evaluate.py; optimizer and schedule are nncompress's.
"""
import math
import sys
from pathlib import Path

import numpy as np


class Split:
    """Inputs and labels of all samples; texts are padded to the longest of a batch."""

    def __init__(self, zoo: Path, name: str, split: str):
        sys.path.insert(0, str(zoo))
        import evaluate

        folder, kind = zoo / "models" / name, evaluate.MODELS[name]
        session = evaluate.onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
        batches, labels = evaluate.INPUTS[kind](folder, session, split)
        self.rows = {key: [row for batch in batches for row in batch[key]] for key in batches[0]}
        self.labels = np.asarray(labels, np.int64)

    def inputs(self, indices, names: list) -> list:
        import torch

        found = []
        for name in names:
            rows = [self.rows[name][i] for i in indices]
            width = max(row.shape[-1] for row in rows)
            if name in ("input_ids", "attention_mask", "token_type_ids"):
                width = max(int(np.flatnonzero(self.rows[names[0]][i]).max()) + 1 for i in indices)
                rows = [np.pad(row[:width], (0, max(0, width - len(row)))) for row in rows]
            found.append(torch.from_numpy(np.stack(rows)))
        return found


def factor(step: int, total: int, warmup: float) -> float:
    """Half a cosine after a linear rise, as nncompress's schedule."""
    rise = round(warmup * total)
    if step < rise:
        return (step + 1) / (rise + 1)
    return (1 + math.cos(math.pi * min(1, (step - rise) / max(1, total - rise)))) / 2


def accuracy(trainee, data: Split, indices) -> float:
    """Of a module with names of inputs (`Trainee` of train/peer.py)."""
    import torch

    trainee.module.eval()
    right = 0
    with torch.no_grad():
        for start in range(0, len(indices), 250):
            rows = indices[start:start + 250]
            scores = trainee.module(*data.inputs(rows, trainee.inputs)).argmax(1).numpy()
            right += int((scores == data.labels[rows]).sum())
    return right / len(indices)


def optimizer_of(module, lr: float, decay: float):
    """Weights decay, biases do not."""
    import torch

    parameters = list(module.parameters())
    groups = [{"params": [p for p in parameters if (p.ndim > 1) == decays], "weight_decay": decay * decays}
              for decays in (True, False)]
    return torch.optim.AdamW(groups, lr=lr)
