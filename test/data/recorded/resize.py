"""Records PIL's results for resize.test.ts: python resize.py > resize.json (Pillow 13.0)."""

import json

import numpy
from PIL import Image

FILTERS = ["nearest", "lanczos", "bilinear", "bicubic", "box", "hamming"]


def picture(width, height, channels, seed):
    """The linear congruential picture that the test makes as well."""
    state, values = seed, []
    for _ in range(width * height * channels):
        state = (state * 1664525 + 1013904223) % 2**32
        values.append(state >> 24)
    pixels = numpy.array(values, numpy.uint8).reshape(height, width, channels)
    return pixels[:, :, 0] if channels == 1 else pixels


cases = []
for seed, (source, target, channels) in enumerate(
    [
        ((5, 7), (8, 9), 1),
        ((16, 12), (5, 5), 3),
        ((31, 17), (7, 17), 1),
        ((9, 23), (9, 6), 3),
        ((40, 3), (3, 11), 1),
        ((1, 1), (3, 2), 3),
        ((64, 48), (3, 2), 1),
    ]
):
    image = Image.fromarray(picture(*source, channels, seed + 1))
    for code, name in enumerate(FILTERS):
        resized = numpy.asarray(image.resize(target, resample=code))
        case = {"source": source, "target": target, "channels": channels, "seed": seed + 1, "filter": name}
        cases.append({**case, "pixels": resized.ravel().tolist()})
print("[" + ",\n".join(json.dumps(case) for case in cases) + "]")
