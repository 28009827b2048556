"""Checks a file whose cost depends on the input with onnx and onnxruntime, and times it at each of its exits.

usage: check-exits.py ORIGINAL ADAPTIVE; prints one JSON line.
"""
import json
import sys
import time

import numpy as np
import onnx
import onnxruntime

ROWS, LENGTH = 8, 14


def session(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def inputs(model, rows):
    """Noise for floats, ids for tokens, ones for masks; open axes behind the first are as long as a short text."""
    random = np.random.default_rng(0)
    values = {}
    for info in model.get_inputs():
        shape = [d if isinstance(d, int) else rows if axis == 0 else LENGTH for axis, d in enumerate(info.shape)]
        if "float" in info.type:
            values[info.name] = random.normal(size=shape).astype(np.float32)
        elif "mask" in info.name:
            values[info.name] = np.ones(shape, np.int64)
        else:
            values[info.name] = random.integers(0, 2 if "type" in info.name else 1000, size=shape)
    return values


def milliseconds(runs, rounds):
    """The tenth percentile of each, measured in turns: what else runs on the machine only adds to times."""
    times = [[] for _ in runs]
    for _ in range(rounds):
        for own, run in zip(times, runs):
            start = time.perf_counter()
            run()
            own.append(1e3 * (time.perf_counter() - start))
    return [float(np.percentile(own, 10)) for own in times]


def main(original_path, adaptive_path):
    onnx.checker.check_model(onnx.load(adaptive_path), full_check=True)
    original, adaptive = session(original_path), session(adaptive_path)
    (threshold,) = adaptive.get_overridable_initializers()
    exits = threshold.shape[0]

    def leaving(level):
        """Thresholds at which every sample leaves at an exit."""
        return {threshold.name: np.array([0] * level + [1] * (exits - level), np.float32)}

    values = inputs(original, ROWS)
    whole = original.run(None, values)[0]
    last = adaptive.run(None, {**values, **leaving(exits)})[0]
    for level in range(exits + 1):
        assert (adaptive.run(None, {**values, **leaving(level)})[1] == level).all(), f"not all leave at exit {level}"
    worst = 0.0
    for level in (0.02, 0.1, 0.3, 0.6, 0.9):
        mixed = {threshold.name: np.full(exits, level, np.float32)}
        scores, taken = adaptive.run(None, {**values, **mixed})
        for row in range(ROWS):
            single = {name: value[row : row + 1] for name, value in values.items()}
            own, exit_taken = adaptive.run(None, {**single, **mixed})
            assert exit_taken[0] == taken[row], "a sample leaves elsewhere in a batch"
            worst = max(worst, float(np.abs(own[0] - scores[row]).max()))
    latency = {}
    for rows, rounds in ((1, 300), (32, 30)):
        given = inputs(original, rows)
        runs = [lambda: original.run(None, given)]
        runs += [lambda fed={**given, **leaving(level)}: adaptive.run(None, fed) for level in range(exits + 1)]
        whole_ms, *each = milliseconds(runs, rounds)
        latency[str(rows)] = [ms / whole_ms for ms in each]
    difference = float(np.abs(last - whole).max())
    print(json.dumps({"lastFromOriginal": difference, "rowsFromBatch": worst, "latency": latency}))


main(*sys.argv[1:])
