"""The scoring rules in Python, for comparison with `cargo bench --bench scoring`.

Every method computes the same events as the benchmark in Rust: 256 miners, 180 intervals, one report per miner and
interval. It is timed on a few events (the "share" column) and multiplied up to 500; the events are of equal size, so that
the cost of one does not depend on which. With the output of the Rust benchmark in the file named by the first argument,
the last column says how many times faster that was.

`peer_log, tables` takes the way of the reference validator (1.5.5): typed objects to a pandas table, clipping, grouped
means, imputation, a logarithm per row, weights. The other methods need numpy or nothing. What is not installed is left
out, loudly: `eval "$(scripts/python-peers.sh)"` and `$NEURON_PYTHON_DATA` have it all.
"""

import math
import random
import re
import statistics
import sys
import time

MINERS, INTERVALS, EVENTS = 256, 180, 500
CLIP, POWER = 0.01, 2


def market_delta(event):
    scores = []
    for miner in event["reports"]:
        total = 0.0
        for p, r in miner:
            total += (p - r) * (2 * event["outcome"] - p - r)
        scores.append(total / len(miner))
    return scores


def market_delta_split(event):
    scores = [0.0] * MINERS
    for i in range(INTERVALS):
        equals = {}
        for miner in event["reports"]:
            equals[miner[i][0]] = equals.get(miner[i][0], 0) + 1
        for k, miner in enumerate(event["reports"]):
            p, r = miner[i]
            gain = (p - r) * (2 * event["outcome"] - p - r)
            scores[k] += gain / equals[p] if gain > 0 else gain
    return [score / INTERVALS for score in scores]


def brier(event):
    scores = []
    for miner in event["reports"]:
        scores.append(sum(1 - (p - event["outcome"]) ** 2 for p, _ in miner) / len(miner) - 0.75)
    return scores


def sequential(event):
    state, scores = 0.5, []
    for miner in event["reports"]:
        p = miner[-1][0]
        scores.append((p - state) * (2 * event["outcome"] - p - state))
        state = p
    return scores


def interval_weights():
    return [1 - (i / (INTERVALS - 1)) ** POWER for i in range(INTERVALS)]


def peer_log(event):
    weights, scores = interval_weights(), [0.0] * MINERS
    for i, weight in enumerate(weights):
        logs = []
        for miner in event["reports"]:
            p = min(max(miner[i][0], CLIP), 1 - CLIP)
            logs.append(math.log(p if event["outcome"] else 1 - p))
        total = sum(logs)
        for k, log in enumerate(logs):
            scores[k] += weight * (log - (total - log) / (len(logs) - 1))
    return [score / sum(weights) for score in scores]


def numpy_methods(np):
    weights = np.array(interval_weights())

    def delta(event):
        p, r = event["arrays"]
        return ((p - r) * (2 * event["outcome"] - p - r)).mean(axis=1)

    def peer(event):
        p = np.clip(event["arrays"][0], CLIP, 1 - CLIP)
        logs = np.log(p if event["outcome"] else 1 - p)
        others = (logs.sum(axis=0) - logs) / (MINERS - 1)
        return ((logs - others) * weights).sum(axis=1) / weights.sum()

    def quadratic(event):
        return (1 - (event["arrays"][0] - event["outcome"]) ** 2).mean(axis=1) - 0.75

    return delta, quadratic, peer


def table_method(np, pd):
    weights = interval_weights()

    def peer(event):
        table = pd.DataFrame([model.model_dump() for model in event["models"]])
        table["p"] = table["p"].clip(CLIP, 1 - CLIP)
        everybody = pd.MultiIndex.from_product([range(INTERVALS), range(MINERS)], names=["interval", "uid"])
        table = table.set_index(["interval", "uid"]).reindex(everybody).reset_index()
        found = table.groupby("interval")["p"].agg(["mean", "min" if event["outcome"] else "max"])
        found.columns = ["mean", "worst"]
        table = table.join(found, on="interval")
        absent = table["p"].isna()
        table.loc[absent, "p"] = table["mean"] + (table["worst"] - table["mean"]) / 3
        table["log"] = np.log(table["p"] if event["outcome"] else 1 - table["p"])
        sums = table.groupby("interval")["log"].agg(["sum", "count"])
        sums.columns = ["total", "miners"]
        table = table.join(sums, on="interval")

        def one(row):
            return row["log"] - (row["total"] - row["log"]) / (row["miners"] - 1)

        table["peer"] = table.apply(one, axis=1)
        table["weight"] = table["interval"].map(lambda i: weights[i])
        table["weighted"] = table["peer"] * table["weight"]
        grouped = table.groupby("uid")
        return (grouped["weighted"].sum() / grouped["weight"].sum()).to_numpy()

    return peer


def model_class():
    import pydantic

    class Prediction(pydantic.BaseModel):
        event: str
        uid: int
        hotkey: str
        interval: int
        p: float
        count: int

    return Prediction


def make_events(count, np, model):
    made = []
    for e in range(count):
        reports = [[(random.random(), random.random()) for _ in range(INTERVALS)] for _ in range(MINERS)]
        event = {"reports": reports, "outcome": e % 2}
        if np is not None:
            event["arrays"] = (np.array([[x[0] for x in m] for m in reports]), np.array([[x[1] for x in m] for m in reports]))
        if model is not None:
            event["models"] = [
                model(event=f"event-{e}", uid=uid, hotkey=f"hotkey-{uid}", interval=i, p=p, count=1)
                for uid, miner in enumerate(reports)
                for i, (p, _) in enumerate(miner)
            ]
        made.append(event)
    return made


def timed(method, events):
    times = []
    for event in events:
        start = time.perf_counter()
        method(event)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def rust_seconds(path):
    """`{rule: seconds for 500 events}` from the table that the benchmark in Rust prints."""
    found = {}
    with open(path) as lines:
        for line in lines:
            match = re.match(r"(\S.*?) {2,}(\d+\.\d+) +\d+\.\d+ ", line)
            if match:
                found[match[1]] = float(match[2])
    return found


def main():
    random.seed(1)
    try:
        import numpy as np
        import pandas as pd

        model = model_class()
    except ImportError as missing:
        print(f"SKIPPED: {missing}; the tables and arrays of Python are left out")
        np = pd = model = None
    events = make_events(4, np, model)
    methods = [
        ("market_delta", "plain loop", market_delta, events),
        ("market_delta, split", "plain loop", market_delta_split, events),
        ("brier", "plain loop", brier, events),
        ("sequential, arrival", "plain loop", sequential, events),
        ("peer_log", "plain loop", peer_log, events),
    ]
    if np is not None:
        delta, quadratic, peer = numpy_methods(np)
        methods.append(("market_delta", "numpy", delta, events))
        methods.append(("brier", "numpy", quadratic, events))
        methods.append(("peer_log", "numpy", peer, events))
        methods.append(("peer_log", "tables", table_method(np, pd), events[:3]))
        scores = [peer_log(events[0]), peer(events[0]), table_method(np, pd)(events[0])]
        agree = max(abs(a - b) for a, b in zip(scores[0], scores[1])) + max(abs(a - b) for a, b in zip(scores[0], scores[2]))
        print(f"the three ways of peer_log differ by {agree:.1e}")
    rust = rust_seconds(sys.argv[1]) if len(sys.argv) > 1 else {}
    print(f"Python {sys.version.split()[0]}, {EVENTS} events x {MINERS} miners x {INTERVALS} intervals")
    print(f"{'rule':<22}{'method':<12}{'share':>10}{'ms / event':>12}{'s for ' + str(EVENTS):>12}{'this program':>15}")
    for rule, method, job, part in methods:
        seconds = timed(job, part)
        total = seconds * EVENTS
        times = f"{total / rust[rule]:.1f} x" if rust.get(rule) else "-"
        print(f"{rule:<22}{method:<12}{len(part):>4} of {EVENTS}{1000 * seconds:>11.2f}{total:>12.2f}{times:>15}")


main()
