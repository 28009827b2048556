"""Times ONNX models in turns, in one process and on one thread.

    python latency.py --batches 1,32 --seconds 5 ORIGINAL.onnx OTHER.onnx …

Prints, as one line of JSON, the milliseconds of each run by batch size and model. Every round runs each model once, in
another order each time.
"""
import argparse
import json
import time

import numpy as np
import onnxruntime

# What open axes other than the first are taken for.
OPEN = 32
WARMUP = 3
LEAST_ROUNDS = 20


def session_of(path: str):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def inputs_of(session, batch: int) -> dict:
    random = np.random.default_rng(0)
    shapes = {entry.name: [batch, *(size if isinstance(size, int) else OPEN for size in entry.shape[1:])]
              for entry in session.get_inputs()}
    return {name: random.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}


def measure(sessions: list, batch: int, seconds: float) -> list:
    inputs = [inputs_of(session, batch) for session in sessions]
    times = [[] for _ in sessions]
    begin, rounds = time.perf_counter(), -WARMUP
    while rounds < LEAST_ROUNDS or time.perf_counter() - begin < seconds:
        for turn in range(len(sessions)):
            k = (turn + rounds) % len(sessions)
            start = time.perf_counter()
            sessions[k].run(None, inputs[k])
            if rounds >= 0:
                times[k].append((time.perf_counter() - start) * 1000)
        rounds += 1
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--batches", default="1,32")
    parser.add_argument("--seconds", type=float, default=5, help="for each batch size")
    args = parser.parse_args()
    sessions = [session_of(path) for path in args.models]
    print(json.dumps({batch: measure(sessions, int(batch), args.seconds) for batch in args.batches.split(",")}))


if __name__ == "__main__":
    main()
