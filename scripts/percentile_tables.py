#!/usr/bin/env python3
"""Derives the percentile tables of the time-series subnet from recorded candles.

    scripts/percentile_tables.py candles.csv > config/timeseries-percentiles.toml

The CSV has a header with a column `close`, one 5-minute candle a line, oldest first. Every window of 100 consecutive
closes whose highest is less than 1.05 times its lowest enters with two numbers: highest / lowest, and the population
standard deviation. Entry i of a table (from 0) is the value below which (i+1) per cent of the windows lie.
"""

import csv
import statistics
import sys

WINDOW = 100
WIDEST = 1.05


def windows(closes):
    for start in range(len(closes) - WINDOW + 1):
        window = closes[start : start + WINDOW]
        ratio = max(window) / min(window)
        if ratio < WIDEST:
            yield ratio, statistics.pstdev(window)


def table(values):
    values = sorted(values)
    return [values[min(len(values) - 1, (len(values) * (i + 1)) // 100)] for i in range(100)]


def show(name, values):
    print(f"{name} = [")
    for start in range(0, 100, 10):
        print("    " + ", ".join(f"{v:.8g}" for v in values[start : start + 10]) + ",")
    print("]")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with open(sys.argv[1], newline="") as file:
        closes = [float(row["close"]) for row in csv.DictReader(file)]
    found = list(windows(closes))
    if len(found) < 1000:
        sys.exit(f"{sys.argv[1]}: only {len(found)} usable windows; at least 1000 are needed")
    print("# Percentile tables of the time-series subnet: how volatile is a window of 100 five-minute closes?")
    print(f"# Made by scripts/percentile_tables.py from {len(closes)} candles ({len(found)} windows). Replaceable:")
    print("# entry i is the upper bound of percentile i+1.")
    print()
    print("# The mean close of these candles. With `rescale`, deviations are divided by the mean close of the window to")
    print("# be judged and multiplied by this, so that the table does not age with the price level.")
    print(f"reference_price = {statistics.fmean(closes):.2f}")
    print("rescale = false")
    print()
    print("# Highest close divided by lowest close.")
    show("min_max", table([ratio for ratio, _ in found]))
    print()
    print("# Population standard deviation of the closes, in dollars.")
    show("std_dev", table([deviation for _, deviation in found]))


if __name__ == "__main__":
    main()
