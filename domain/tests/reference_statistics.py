"""What scipy, statsmodels, scikit-learn and numpy say of the samples in a JSON file, as JSON.

Where no library has the figure (PSI, DeLong, rank-biased overlap) it is computed here straight from its definition.
"""

import json
import sys
import warnings

import numpy as np
from scipy import stats
from sklearn.metrics import roc_auc_score
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint, proportions_ztest

warnings.filterwarnings("ignore")


def pair(case):
    x, y = np.array(case["x"]), np.array(case["y"])
    spearman = stats.spearmanr(x, y)
    kendall = stats.kendalltau(x, y, method="asymptotic")
    test = stats.ttest_rel(x, y)
    interval = test.confidence_interval(0.95)
    return {
        "ranks": stats.rankdata(x).tolist(),
        "spearman": [spearman.statistic, spearman.pvalue],
        "kendall": [kendall.statistic, kendall.pvalue],
        "paired": [float(np.mean(x - y)), interval.low, interval.high],
    }


def two_samples(case):
    x, y = np.array(case["x"]), np.array(case["y"])
    u = stats.mannwhitneyu(x, y, method="asymptotic")
    ks = stats.ks_2samp(x, y, method="asymp")
    root = np.sqrt(len(x) * len(y) / (len(x) + len(y)))
    mean = stats.t.interval(0.95, len(x) - 1, loc=np.mean(x), scale=stats.sem(x)) if len(x) > 1 else [0, 0]
    return {
        "mann_whitney": [u.statistic, u.pvalue],
        "ks": [ks.statistic, stats.kstwobign.sf(root * ks.statistic), ks.statistic_location],
        "psi": psi(x, y, case["bins"], case["floor"]),
        "quantiles": np.quantile(x, [0.0, 0.01, 0.5, 0.9, 0.99, 1.0]).tolist(),
        "mean": [float(np.mean(x)), *map(float, mean)],
    }


def psi(reference, actual, bins, floor):
    edges = np.unique(np.quantile(reference, np.arange(1, bins) / bins))
    if reference.min() == reference.max():
        edges = np.array([np.nextafter(reference[0], -np.inf), reference[0]])

    def shares(values):
        counts = np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1)
        return np.maximum(counts / len(values), floor)

    expected, found = shares(reference), shares(actual)
    return float(np.sum((found - expected) * np.log(found / expected)))


def proportions(case):
    (a, n), (b, m) = case["first"], case["second"]
    z, p = proportions_ztest([a, b], [n, m])
    low, high = confint_proportions_2indep(a, n, b, m, method="newcomb", compare="diff")
    wilson = proportion_confint(a, n, method="wilson")
    return {"z": [z, p], "newcombe": [low, high], "wilson": list(map(float, wilson))}


def split(case):
    counts, weights = np.array(case["counts"]), np.array(case["weights"])
    test = stats.chisquare(counts, counts.sum() * weights / weights.sum())
    return {"chi_square": [test.statistic, test.pvalue]}


def areas(case):
    labels = np.array(case["labels"])
    scores = [np.array(case["x"]), np.array(case["y"])]
    aucs = [roc_auc_score(labels, score) for score in scores]
    above, below = [], []
    for score in scores:
        wins = np.sign(score[labels][:, None] - score[~labels][None, :]) / 2 + 0.5
        above.append(wins.mean(axis=1))
        below.append(wins.mean(axis=0))
    covariance = np.cov(above) / labels.sum() + np.cov(below) / (~labels).sum()
    deviation = np.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    p = 2 * stats.norm.sf(abs(aucs[0] - aucs[1]) / deviation)
    return {"aucs": aucs, "delong": [deviation, p]}


def overlap(case):
    """Equation 32 of Webber, Moffat and Zobel, by sets."""
    p = case["p"]
    short, long = sorted([case["x"], case["y"]], key=len)
    s, l = len(short), len(long)

    def shared(depth):
        return len(set(short[:depth]) & set(long[:depth]))

    total = sum(shared(d) / d * p**d for d in range(1, l + 1))
    total += sum(shared(s) * (d - s) / (s * d) * p**d for d in range(s + 1, l + 1))
    value = (1 - p) / p * total + ((shared(l) - shared(s)) / l + shared(s) / s) * p**l
    return {"rbo": value}


KINDS = {
    "pair": pair,
    "two_samples": two_samples,
    "proportions": proportions,
    "split": split,
    "areas": areas,
    "overlap": overlap,
}

with open(sys.argv[1], encoding="utf-8") as file:
    cases = json.load(file)
answers = [KINDS[case["kind"]](case) for case in cases]
# NaN is no JSON; none stands for "undefined".
print(json.dumps(json.loads(json.dumps(answers), parse_constant=lambda _: None), allow_nan=False))
