"""Makes audio.json: WAV files as libsndfile writes and reads them, and signal processing by its published definitions,
written out in numpy (torchaudio's resample, Whisper's and Kaldi's log-mel features). Needs numpy and soundfile.

    python audio.py > audio.json
"""
import base64
import io
import json
import math

import numpy as np
import soundfile


def signal(count):
    n = np.arange(count, dtype=np.float64)
    return (0.4 * np.sin(n * n * 0.0005) + 0.2 * np.sin(0.3 * n)).astype(np.float32)


def wav_files():
    samples = np.array([[0.0], [0.5], [-0.25], [0.999], [-1.0]])
    subtypes = ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ALAW", "ULAW"]
    for container in ("WAV", "WAVEX"):
        for subtype in subtypes:
            file = io.BytesIO()
            soundfile.write(file, samples, 8000, format=container, subtype=subtype)
            file.seek(0)
            yield {"name": f"{container} {subtype}", "bytes": base64.b64encode(file.getvalue()).decode(),
                   "samples": [float(x) for x in soundfile.read(file, dtype="float32")[0]]}


def resample(x, old, new, width=6, rolloff=0.99):
    """torchaudio.functional.resample, sinc_interp_hann."""
    divisor = math.gcd(old, new)
    old, new = old // divisor, new // divisor
    base = min(old, new) * rolloff
    reach = math.ceil(width * old / base)
    idx = np.arange(-reach, reach + old)[None] / old
    t = np.clip((np.arange(0, -new, -1)[:, None] / new + idx) * base, -width, width)
    window = np.cos(t * np.pi / width / 2) ** 2
    t = t * np.pi
    kernels = np.where(t == 0, 1.0, np.sin(t) / np.where(t == 0, 1, t)) * window * base / old
    padded = np.pad(x.astype(np.float64), (reach, reach + old))
    rows = [kernels @ padded[i:i + kernels.shape[1]] for i in range(0, len(padded) - kernels.shape[1] + 1, old)]
    return np.concatenate(rows)[:math.ceil(new * len(x) / old)]


def slaney(hz):
    return np.where(hz < 1000, 3 * hz / 200, 15 + np.log(np.maximum(hz, 1) / 1000) * 27 / np.log(6.4))


def slaney_inverse(mel):
    return np.where(mel < 15, 200 * mel / 3, 1000 * np.exp(np.log(6.4) / 27 * (mel - 15)))


def triangles(points, edges):
    """Filters [bins, filters] with straight edges over `points`."""
    up = (points[:, None] - edges[None, :-2]) / (edges[1:-1] - edges[:-2])
    down = (edges[None, 2:] - points[:, None]) / (edges[2:] - edges[1:-1])
    return np.maximum(0, np.minimum(up, down))


def whisper(x, rate=16000, n_fft=400, hop=160, mels=8):
    """WhisperFeatureExtractor: reflected centring, periodic Hann window, slaney filters, log10, range of 8."""
    x = np.pad(x.astype(np.float64), n_fft // 2, mode="reflect")
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)
    frames = np.stack([x[i:i + n_fft] * window for i in range(0, len(x) - n_fft + 1, hop)])
    power = np.abs(np.fft.rfft(frames)) ** 2
    edges = slaney_inverse(np.linspace(slaney(np.array(0.0)), slaney(np.array(8000.0)), mels + 2))
    bank = triangles(np.linspace(0, rate / 2, n_fft // 2 + 1), edges) * (2 / (edges[2:] - edges[:-2]))
    log = np.log10(np.maximum(power @ bank, 1e-10)).T[:, :-1]
    return (np.maximum(log, log.max() - 8) + 4) / 4


def ast(x, rate=16000, mels=10, frames=8, mean=-4.2677393, std=4.5689974):
    """ASTFeatureExtractor: kaldi.fbank(window_type='hanning', use_energy=False, dither=0), cut or padded, normalised."""
    size, hop, n_fft = 400, 160, 512
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / (size - 1))
    rows = []
    for i in range(0, len(x) - size + 1, hop):
        frame = x[i:i + size].astype(np.float64)
        frame = frame - frame.mean()
        frame = frame - 0.97 * np.concatenate([frame[:1], frame[:-1]])
        rows.append(np.abs(np.fft.rfft(frame * window, n_fft)) ** 2)
    mel = lambda hz: 1127 * np.log(1 + hz / 700)  # noqa: E731
    edges = np.linspace(mel(20), mel(rate / 2), mels + 2)
    bank = triangles(mel(np.linspace(0, rate / 2, n_fft // 2 + 1)), edges)
    log = np.log(np.maximum(np.stack(rows) @ bank, 2.0 ** -23))[:frames]
    log = np.pad(log, ((0, max(0, frames - len(log))), (0, 0)))
    return (log - mean) / (std * 2)


def numbers(array):
    return [float(f"{x:.7g}") for x in np.ravel(array)]


print(json.dumps({
    "wav": list(wav_files()),
    "resample": [{"from": old, "to": new, "samples": numbers(resample(signal(60), old, new))}
                 for old, new in ((44100, 16000), (8000, 16000), (16000, 8000), (22050, 8000))],
    "whisper": {"samples": 3200, "values": numbers(whisper(signal(3200)))},
    "ast": {"samples": 1400, "values": numbers(ast(signal(1400)))},
}))
