"""The main rule and the peer rule in Python, for comparison with `cargo bench --bench scoring`.

One event of 256 miners and 180 intervals, as the reference validator scores it: after all reports of the event are in
memory. Prints milliseconds per event. numpy is used when it is installed.
"""

import math
import random
import statistics
import time

MINERS, INTERVALS, REPEAT = 256, 180, 3


def median(job):
    times = []
    for _ in range(REPEAT):
        start = time.perf_counter()
        job()
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


def market_delta(reports, outcome):
    scores = []
    for miner in reports:
        total = 0.0
        for p, r in miner:
            total += (p - r) * (2 * outcome - p - r)
        scores.append(total / len(miner))
    return scores


def peer_log(reports, outcome):
    n = len(reports[0])
    weights = [1 - (i / (n - 1)) ** 2 for i in range(n)]
    scores = [0.0] * len(reports)
    for i, weight in enumerate(weights):
        logs = []
        for miner in reports:
            p = min(max(miner[i][0], 0.01), 0.99)
            logs.append(math.log(p if outcome else 1 - p))
        total = sum(logs)
        for k, log in enumerate(logs):
            scores[k] += weight * (log - (total - log) / (len(logs) - 1))
    return [score / sum(weights) for score in scores]


def with_numpy(np):
    p, r = np.random.rand(MINERS, INTERVALS), np.random.rand(MINERS, INTERVALS)
    weights = 1 - (np.arange(INTERVALS) / (INTERVALS - 1)) ** 2

    def delta():
        return ((p - r) * (2 - p - r)).mean(axis=1)

    def peer():
        logs = np.log(np.clip(p, 0.01, 0.99))
        others = (logs.sum(axis=0) - logs) / (MINERS - 1)
        return ((logs - others) * weights).sum(axis=1) / weights.sum()

    return delta, peer


def main():
    random.seed(1)
    reports = [[(random.random(), random.random()) for _ in range(INTERVALS)] for _ in range(MINERS)]
    print(f"Python, one event of {MINERS} miners x {INTERVALS} intervals, ms:")
    print(f"  plain loop   market_delta {median(lambda: market_delta(reports, 1)):9.3f}")
    print(f"  plain loop   peer_log     {median(lambda: peer_log(reports, 1)):9.3f}")
    try:
        import numpy as np
    except ImportError:
        print("  numpy is not installed: left out")
        return
    delta, peer = with_numpy(np)
    print(f"  numpy arrays market_delta {median(delta):9.3f}")
    print(f"  numpy arrays peer_log     {median(peer):9.3f}")


main()
