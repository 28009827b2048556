"""Checks a file whose cost depends on the input with onnx and onnxruntime, and times it on samples.

usage: check-exits.py ORIGINAL ADAPTIVE FOLDER; FOLDER holds samples as feeds.mjs writes them. Prints one JSON line.
"""
import json
import sys
import time
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

ROUNDS, SECONDS = 9, 90


def session(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def samples(folder):
    """Feeds by the rows that they have."""
    found = {}
    for run in json.loads((folder / "index.json").read_text()):
        feeds = {name: np.load(folder / file) for name, file in run["files"].items()}
        found.setdefault(run["rows"], []).append(feeds)
    return found


def seconds(runs, feeds):
    """CPU time of each over all samples, each sample at its best of some rounds; a round goes through all samples in a row."""
    best = [np.full(len(feeds), np.inf) for _ in runs]
    end = time.monotonic() + SECONDS
    for _ in range(ROUNDS):
        for own, run in zip(best, runs):
            run(feeds[0])
            for place, some in enumerate(feeds):
                start = time.thread_time()
                run(some)
                own[place] = min(own[place], time.thread_time() - start)
        if time.monotonic() > end:
            break
    return [float(own.sum()) for own in best]


def main(original_path, adaptive_path, folder):
    proto = onnx.load(adaptive_path)
    onnx.checker.check_model(proto, full_check=True)
    card = json.loads(next(entry.value for entry in proto.metadata_props if entry.key == "nncompress.exits"))
    costs = np.array([exit["cost"] for exit in card["exits"]])
    original, adaptive = session(original_path), session(adaptive_path)
    (threshold,) = adaptive.get_overridable_initializers()
    exits = threshold.shape[0]
    given = samples(Path(folder))

    def leaving(level):
        """Thresholds at which every sample leaves at an exit."""
        return {threshold.name: np.array([0] * level + [1] * (exits - level), np.float32)}

    batch = given[max(given)][0]
    whole = original.run(None, batch)[0]
    last = adaptive.run(None, {**batch, **leaving(exits)})[0]
    for level in range(exits + 1):
        assert (adaptive.run(None, {**batch, **leaving(level)})[1] == level).all(), f"not all leave at exit {level}"
    worst = 0.0
    for level in (0.02, 0.1, 0.3, 0.6, 0.9):
        mixed = {threshold.name: np.full(exits, level, np.float32)}
        scores, taken = adaptive.run(None, {**batch, **mixed})
        for row in range(len(taken)):
            single = {name: value[row : row + 1] for name, value in batch.items()}
            own, exit_taken = adaptive.run(None, {**single, **mixed})
            assert exit_taken[0] == taken[row], "a sample leaves elsewhere in a batch"
            worst = max(worst, float(np.abs(own[0] - scores[row]).max()))
    latency = {}
    for rows, feeds in given.items():
        runs = [lambda some: original.run(None, some), lambda some: adaptive.run(None, some)]
        runs += [lambda some, taken=leaving(level): adaptive.run(None, {**some, **taken}) for level in range(exits + 1)]
        whole_s, mixed_s, *each = seconds(runs, feeds)
        taken = np.concatenate([adaptive.run(None, some)[1] for some in feeds])
        latency[str(rows)] = {
            "macs": float(costs[taken].mean()),
            "time": mixed_s / whole_s,
            # What all exits add to the time of a sample that leaves at none of them.
            "own": each[-1] / whole_s - 1,
            "exits": [s / whole_s for s in each],
        }
    difference = float(np.abs(last - whole).max())
    print(json.dumps({"lastFromOriginal": difference, "rowsFromBatch": worst, "latency": latency}))


main(*sys.argv[1:])
