"""Prints the intervals and p-values of paired.test.ts, found numerically from their definitions (scipy 1.17)."""

from math import log

from scipy.optimize import brentq, minimize_scalar
from scipy.stats import binomtest, norm


def score(drop, lost, gained, samples):
    """(observed − expected) / standard deviation at the likeliest probabilities with this drop."""

    def negative_likelihood(p_gained):
        cells = [(lost, p_gained + drop), (gained, p_gained), (samples - lost - gained, 1 - 2 * p_gained - drop)]
        return -sum(count * log(max(p, 1e-300)) for count, p in cells if count)

    bounds = (max(0, -drop), (1 - drop) / 2)
    p_gained = minimize_scalar(negative_likelihood, bounds=bounds, method="bounded", options={"xatol": 1e-13}).x
    return (lost - gained - samples * drop) / (samples * (2 * p_gained + drop - drop * drop)) ** 0.5


z = norm.ppf(0.975)
for lost, gained, samples in [(0, 1, 44), (12, 1, 50), (14, 21, 10000), (90, 30, 3000)]:
    drop = (lost - gained) / samples
    low = brentq(lambda d: score(d, lost, gained, samples) - z, -0.9, drop)
    high = brentq(lambda d: score(d, lost, gained, samples) + z, drop, 0.9)
    print(f"lost {lost}, gained {gained} of {samples}: {low:.6f} … {high:.6f}")
for gained, lost in [(1, 12), (21, 14), (300, 380)]:
    print(f"gained {gained}, lost {lost}: p = {binomtest(gained, gained + lost).pvalue}")
