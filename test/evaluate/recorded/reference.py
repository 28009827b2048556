"""Records scikit-learn's metrics for classification.test.ts: python reference.py > reference.json (scikit-learn 1.9)."""

import json

import numpy
from scipy.special import log_softmax
from sklearn import metrics

AVERAGES = ["macro", "micro", "weighted", None]
EPSILON = numpy.finfo(numpy.float32).eps


def averages(target, predicted, labels):
    result = {}
    for name, score in [
        ("recall", metrics.recall_score),
        ("precision", metrics.precision_score),
        ("f1", metrics.f1_score),
    ]:
        values = [score(target, predicted, labels=labels, average=a, zero_division=0) for a in AVERAGES]
        values[0] = score(target, predicted, average="macro", zero_division=0)  # over the classes that occur
        result[name] = {"macro": values[0], "micro": values[1], "weighted": values[2], "perClass": list(values[3])}
    return result


def clipped(p):
    return numpy.clip(p.astype(numpy.float64), EPSILON, 1 - EPSILON)


def softmax(x):
    p = numpy.exp(x - x.max(1, keepdims=True))
    return p / p.sum(1, keepdims=True)


def sigmoid(x):
    return 1 / (1 + numpy.exp(-x))


def single(name, scores, target, kind="logits"):
    classes = scores.shape[1]
    labels = list(range(classes))
    predicted = scores.argmax(1)
    log_p = log_softmax(scores, 1) if kind == "logits" else numpy.log(clipped(scores))
    expected = {
        "accuracy": metrics.accuracy_score(target, predicted),
        "loss": float(-log_p[numpy.arange(len(target)), target].mean()),
        "confusion": metrics.confusion_matrix(target, predicted, labels=labels).tolist(),
        **averages(target, predicted, labels),
    }
    if log_p.min() > -30:  # log_loss clips what is smaller
        assert abs(expected["loss"] - metrics.log_loss(target, numpy.exp(log_p), labels=labels)) < 1e-12
    if classes > 5:
        expected["top5"] = metrics.top_k_accuracy_score(target, scores, k=5, labels=labels)
    return case(name, "single-label", kind, classes, scores, target.tolist(), expected)


def multi(name, scores, target, kind="logits", threshold=0.5):
    labels = list(range(scores.shape[1]))
    p = sigmoid(scores) if kind == "logits" else scores
    predicted = (p > threshold).astype(int)
    q = clipped(p) if kind == "probabilities" else p
    expected = {
        "accuracy": metrics.accuracy_score(target, predicted),
        "labelAccuracy": 1 - metrics.hamming_loss(target, predicted),
        "loss": float(-numpy.where(target, numpy.log(q), numpy.log(1 - q)).mean()),
        "confusion": metrics.multilabel_confusion_matrix(target, predicted, labels=labels).tolist(),
        **averages(target, predicted, labels),
    }
    targets = [[int(i) for i in numpy.flatnonzero(row)] for row in target]
    return case(name, "multi-label", kind, scores.shape[1], scores, targets, expected, threshold)


def binary(name, scores, target, kind="logits", threshold=0.5):
    p = sigmoid(scores) if kind == "logits" else scores
    predicted = (p > threshold).astype(int)
    q = clipped(p) if kind == "probabilities" else p
    expected = {
        "accuracy": metrics.accuracy_score(target, predicted),
        "loss": metrics.log_loss(target, q, labels=[0, 1]),
        "confusion": metrics.confusion_matrix(target, predicted, labels=[0, 1]).tolist(),
        **averages(target, predicted, [0, 1]),
    }
    return case(name, "binary", kind, 2, scores, target.tolist(), expected, threshold)


def case(name, task, kind, classes, scores, targets, expected, threshold=0.5):
    return {
        "name": name, "task": task, "outputKind": kind, "threshold": threshold, "classes": classes,
        "scores": scores.ravel().tolist(), "targets": targets, "expected": expected,
    }  # fmt: skip


rng = numpy.random.default_rng(0)


def logits(*shape, step=64):
    """Multiples of 1/step, so that float32 holds them exactly; large steps make few ties."""
    return numpy.round(rng.normal(0, 2, shape) * step) / step


def pick(classes, count):
    return rng.integers(0, classes, count)


probabilities = softmax(logits(30, 4)).astype(numpy.float32)
probabilities[:2] = [[1, 0, 0, 0], [0, 1, 0, 0]]
labels = (rng.random((30, 5)) < 0.4).astype(int)
sparse = labels.copy()
sparse[:, 2] = 0
sparse[:3] = 0
quiet = logits(20, 4)
quiet[:, 1] = -9
quiet[:, 3] = -9
cases = [
    single("three classes", logits(40, 3), pick(3, 40)),
    single("two classes, one output each", logits(25, 2), pick(2, 25)),
    single("more than five classes", logits(60, 8), pick(8, 60)),
    single("many ties", logits(60, 7, step=1), pick(7, 60)),
    single("a class without samples and one never predicted", quiet, pick(3, 20)),
    single("a class neither in the data nor predicted", numpy.hstack([logits(15, 2), numpy.full((15, 1), -9.0)]), pick(2, 15)),
    single("all wrong", numpy.tile([4.0, 0, 0], (5, 1)), numpy.full(5, 2)),
    single("one sample", numpy.array([[0.5, 2.25, -1]]), numpy.array([1])),
    single("large logits", logits(10, 3) * 512, pick(3, 10)),
    single("probabilities with zeros and ones", probabilities, pick(4, 30), "probabilities"),
    multi("five labels", logits(30, 5), labels),
    multi("a label nobody has, and samples without labels", logits(30, 5), sparse),
    multi("nothing predicted", numpy.full((6, 3), -4.0), labels[:6, :3]),
    multi("probabilities and another threshold", sigmoid(logits(30, 5)).astype(numpy.float32), labels, "probabilities", 0.3),
    multi("more labels than bits in a word", logits(12, 70), (rng.random((12, 70)) < 0.1).astype(int)),
    binary("logits", logits(40), pick(2, 40)),
    binary("logits and another threshold", logits(40), pick(2, 40), threshold=0.8),
    binary("probabilities", sigmoid(logits(40)).astype(numpy.float32), pick(2, 40), "probabilities"),
    binary("only negatives", numpy.full(5, -3.0), numpy.zeros(5, int)),
    binary("exactly on the threshold", numpy.array([0.5, 0.5, 0.25, 0.75]), pick(2, 4), "probabilities"),
]  # fmt: skip
print(json.dumps(cases))
