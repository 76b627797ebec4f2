#!/usr/bin/env python3
"""Writes src/synapse/printable.rs: where Python's str.isprintable() changes, for the Unicode data of this Python.

Run with Python 3.11 (Unicode 14), the version the subnets' validators and miners run:
    python3.11 scripts/printable.py > src/synapse/printable.rs
"""

import unicodedata

edges, state = [], False
for point in range(0x110000):
    printable = chr(point).isprintable()
    if printable != state:
        edges.append(point)
        state = printable

print("//! Where printability changes, as Python sees it; written by `scripts/printable.py`, do not edit.")
print()
print(f"/// The Unicode version of the table: {unicodedata.unidata_version}, that of Python 3.11.")
print(f'pub const UNICODE_VERSION: &str = "{unicodedata.unidata_version}";')
print()
print("/// Code points at which `str.isprintable()` flips; below the first, nothing is printable.")
print("#[rustfmt::skip]")
print(f"pub(super) static EDGES: [u32; {len(edges)}] = [")
line = "   "
for edge in edges:
    item = f" {edge:#x},"
    if len(line) + len(item) > 120:
        print(line)
        line = "   "
    line += item
print(line)
print("];")
