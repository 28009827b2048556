"""Python's side of the comparison: quantization, evaluation and latency with Python's onnxruntime.

    python peer.py prepare  ZOO MODEL OUT            prints the variant of quant_pre_process that works, and writes its result
    python peer.py static   ZOO MODEL OUT --samples INDICES.json --prepare full|optimize|none
    python peer.py dynamic  ZOO MODEL OUT
    python peer.py evaluate ZOO MODEL                prints accuracy and samples
    python peer.py latency  ZOO MODEL FILE …         prints milliseconds by batch size, file and round

Results are printed as one line of JSON. Inputs are prepared by the zoo's own evaluate.py from the files beside each model.
"""
import argparse
import json
import logging
import math
import sys
import time
from pathlib import Path

import numpy as np
import onnxruntime as ort

CALIBRATION_BATCH = 1  # as in the tool's own examples; larger batches of texts would calibrate on padding
LATENCY_BATCHES = (1, 32)
LATENCY_SECONDS = 3.0
LATENCY_ROUNDS = (15, 400)
READERS = {"fashion": "fashion_mnist", "digits": "spoken_digits", "banking": "banking77"}


class Zoo:
    """A model of the zoo and its data."""

    def __init__(self, zoo: Path, name: str):
        sys.path.insert(0, str(zoo))
        import evaluate

        self.recipes = evaluate
        self.kind = evaluate.MODELS[name]
        self.folder = zoo / "models" / name
        self.path = self.folder / "model.onnx"

    def batches(self, split: str, pick=None):
        """Feeds and labels of a split; with `pick`, of those samples alone, chosen before anything is prepared."""
        reader = READERS[self.kind]
        read = getattr(self.recipes, reader)
        if pick is not None:
            setattr(self.recipes, reader, lambda split: tuple(choose(column, pick) for column in read(split)))
        try:
            return self.recipes.INPUTS[self.kind](self.folder, session(self.path), split)
        finally:
            setattr(self.recipes, reader, read)


def choose(column, pick):
    return column[pick] if isinstance(column, np.ndarray) else [column[i] for i in pick]


def session(path, options=None) -> ort.InferenceSession:
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def parts(feed: dict, size: int):
    """A batch in parts of at most `size` rows; texts without the padding that a part does not need."""
    for i in range(0, len(next(iter(feed.values()))), size):
        part = {name: values[i:i + size] for name, values in feed.items()}
        if "attention_mask" in part:
            longest = int(part["attention_mask"].sum(axis=1).max())
            part = {name: values[:, :longest] for name, values in part.items()}
        yield part


# ---------------------------------------------------------------- quantization

def prepare(path: Path, out: Path) -> dict:
    """The documented step before quantization: symbolic shapes, optimization, shapes. The first variant that works."""
    failure = None
    for variant in ("full", "optimize"):
        try:
            pre_process(path, out, variant)
            return {"prepare": variant, "failure": failure}
        except Exception as error:  # noqa: BLE001 - whatever goes wrong in there is the finding
            failure = f"{type(error).__name__}: {error}".split("\n")[0]
    return {"prepare": "none", "failure": failure}


def pre_process(path: Path, out: Path, variant: str) -> None:
    from onnxruntime.quantization.shape_inference import quant_pre_process

    quant_pre_process(str(path), str(out), skip_symbolic_shape=variant == "optimize")


def quantize_static(zoo: Zoo, out: Path, samples: Path, variant: str) -> None:
    """QDQ, uint8 activations, int8 weights per channel, min-max."""
    from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType
    from onnxruntime.quantization import quantize_static as quantize

    class Reader(CalibrationDataReader):
        def __init__(self, feeds):
            self.parts = (part for feed in feeds for part in parts(feed, CALIBRATION_BATCH))

        def get_next(self):
            return next(self.parts, None)

    source = zoo.path
    if variant != "none":
        source = out.with_suffix(".prepared.onnx")
        pre_process(zoo.path, source, variant)
    feeds, _ = zoo.batches("train", json.loads(samples.read_text()))
    quantize(str(source), str(out), Reader(feeds), quant_format=QuantFormat.QDQ, per_channel=True,
             activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8, calibrate_method=CalibrationMethod.MinMax)


def quantize_dynamic(zoo: Zoo, out: Path) -> None:
    from onnxruntime.quantization import QuantType
    from onnxruntime.quantization import quantize_dynamic as quantize

    quantize(str(zoo.path), str(out), per_channel=True, weight_type=QuantType.QInt8)


# ---------------------------------------------------------------- measurement

def evaluate(zoo: Zoo) -> dict:
    """A plain loop over the batches of the zoo's evaluate.py."""
    model = session(zoo.path)
    feeds, labels = zoo.batches("test")
    predictions = np.concatenate([model.run(None, feed)[0].argmax(1) for feed in feeds])
    return {"accuracy": float((predictions == labels).mean()), "samples": len(labels)}


def latency(zoo: Zoo, files: list) -> dict:
    """Milliseconds per run on one thread: the files take turns, in turned order every other round."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    models = [session(file, options) for file in files]
    return {str(size): alternate(models, zoo.batches("test", range(size))[0][0]) for size in LATENCY_BATCHES}


def alternate(models: list, feed: dict) -> list:
    warm = [timed_round(models, feed, k) for k in range(3)]
    least, most = LATENCY_ROUNDS
    rounds = math.ceil(LATENCY_SECONDS * 1000 / min(sum(row) for row in warm))
    rows = [timed_round(models, feed, k) for k in range(max(least, min(most, rounds)))]
    return [list(column) for column in zip(*rows)]


def timed_round(models: list, feed: dict, round_number: int) -> list:
    row = [0.0] * len(models)
    turns = range(len(models)) if round_number % 2 == 0 else reversed(range(len(models)))
    for k in turns:
        start = time.perf_counter()
        models[k].run(None, feed)
        row[k] = (time.perf_counter() - start) * 1000
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=["prepare", "static", "dynamic", "evaluate", "latency"])
    parser.add_argument("zoo", type=Path)
    parser.add_argument("model")
    parser.add_argument("files", type=Path, nargs="*")
    parser.add_argument("--samples", type=Path, help="JSON list of the training samples to calibrate on")
    parser.add_argument("--prepare", choices=["full", "optimize", "none"], default="none")
    args = parser.parse_args()
    logging.disable(logging.WARNING)
    zoo = Zoo(args.zoo, args.model)
    result = {
        "prepare": lambda: prepare(zoo.path, args.files[0]),
        "static": lambda: quantize_static(zoo, args.files[0], args.samples, args.prepare),
        "dynamic": lambda: quantize_dynamic(zoo, args.files[0]),
        "evaluate": lambda: evaluate(zoo),
        "latency": lambda: latency(zoo, args.files),
    }[args.task]()
    print(json.dumps(result))


if __name__ == "__main__":
    main()
