#!/usr/bin/env python3
"""Runs the vector tests against a second set of vectors: other keys, seeds, clocks, receivers, sizes, names and order.

    eval "$(scripts/python-peers.sh)"
    scripts/other-vectors.py [--seed N] [--keep FOLDER] [--no-run]

What an installed reference implementation makes is made anew (the wire by SDK 10 and 11 with the generators of
`../shared/peers/vectorgen`, Yuma epochs by `../shared/peers/yuma_reference.py`, key files and signatures by bittensor_wallet 4.1.1,
the simple scoring rules here); the rest is a sub-selection of the present set in another order, under other names.
A test that fails here and passes on `../shared/vectors` knows something of that set that it should read from the files.
"""

import argparse
import datetime
import json
import math
import os
import pathlib
import random
import secrets
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
SHARED = pathlib.Path(os.environ.get("NEURON_SHARED", ROOT.parent / "shared")).resolve()
VECTORS = SHARED / "vectors"
PYTHONS = ["NEURON_PYTHON", "NEURON_PYTHON11", "NEURON_PYTHON_WALLET411"]
TESTS = ["vectors", "yuma", "timelock", "wallet_upgrade"]


def read(path):
    return json.loads((VECTORS / path).read_text(encoding="utf-8"))


def write(out, path, document):
    (out / path).parent.mkdir(parents=True, exist_ok=True)
    (out / path).write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")


def selection(rng, cases):
    """About three quarters of the cases, in another order, under other names."""
    kept = rng.sample(cases, max(1, len(cases) * 3 // 4))
    return [renamed(case, f"other-{i}") for i, case in enumerate(kept)]


def renamed(case, name):
    return {**case, **{field: name for field in ("id", "name") if field in case}}


# ---------------------------------------------------------------------------------------------------------- wire

RUN_GENERATOR = """
import json, runpy, sys
script, keys, arguments = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3:]
sys.path.insert(0, sys.argv[1].rsplit("/", 1)[0])
import gen_common
gen_common.SETS["heldout"].update(keys)
sys.argv = [script, *arguments]
runpy.run_path(script, run_name="__main__")
"""


def generate(python, script, keys, *arguments):
    path = SHARED / "peers" / "vectorgen" / script
    command = [os.environ[python], "-c", RUN_GENERATOR, str(path), json.dumps(keys), "heldout", *map(str, arguments)]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}, stdout=sys.stderr)


def wire(rng, out):
    wire = out / "wire"
    wire.mkdir(parents=True)
    keys = {
        "dendrite_secret": f"//Validator{rng.randrange(10**6)}//v",
        "axon_secret": f"//Miner{rng.randrange(10**6)}",
        "other_secret": f"//Stranger{rng.randrange(10**6)}",
        "external_ip": f"203.0.113.{rng.randrange(1, 255)}",
        "port": rng.randrange(20000, 30000),
        "salt": f"other{rng.randrange(10**6)}",
    }
    for script, name in [
        ("gen_requests.py", "dendrite_requests_sdk10.json"),
        ("gen_axon_responses.py", "axon_responses_sdk10.json"),
        ("gen_dendrite_reactions.py", "dendrite_reactions_sdk10.json"),
        ("gen_tensor.py", ""),
        ("gen_body_hash.py", ""),
    ]:
        generate("NEURON_PYTHON", script, keys, wire / name)
    generate("NEURON_PYTHON11", "gen_btauth.py", keys, wire / "btauth.json")
    for path in sorted(VECTORS.glob("wire/*.json")):
        fresh = (wire / path.name).exists()
        made = json.loads((wire / path.name).read_text()) if fresh else read(f"wire/{path.name}")
        for name, cases in made.items():
            if not isinstance(cases, list) or not all(isinstance(case, dict) for case in cases):
                continue
            cases = cases or read(f"wire/{path.name}")[name]
            if ("axon_responses" in path.name) or name == "verify":
                # These share a memory of nonces: all of them, in their order.
                made[name] = [renamed(case, f"other-{i}") for i, case in enumerate(cases)]
            elif fresh:
                made[name] = rng.sample(cases, len(cases))
            else:
                made[name] = selection(rng, cases)
        write(out, f"wire/{path.name}", made)


# -------------------------------------------------------------------------------------------------------- wallet

MAKE_KEYS = r"""
import json, sys
from bittensor_wallet import Keypair
from bittensor_wallet.keyfile import encrypt_keyfile_data, serialized_keypair_to_keyfile_data
made = []
for password in json.load(sys.stdin):
    phrase = Keypair.generate_mnemonic(12)
    key = Keypair.create_from_mnemonic(phrase)
    plain = bytes(serialized_keypair_to_keyfile_data(key))
    fields, messages = json.loads(plain), [b"", bytes(range(7)), password.encode()]
    made.append({
        "phrase": phrase, "ss58": key.ss58_address, "public_key": fields["publicKey"], "private_key": fields["privateKey"],
        "plain": plain.decode(), "sealed": bytes(encrypt_keyfile_data(plain, password)).hex(), "password": password,
        "signatures": [{"message": "0x" + m.hex(), "signature": "0x" + bytes(key.sign(m)).hex()} for m in messages],
    })
print(json.dumps(made))
"""


def wallet(rng, out):
    folder = out / "wallet"
    shutil.copytree(VECTORS / "wallet", folder)
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    passwords = [f"password {rng.random()}", "другой пароль"]
    asked = subprocess.run([os.environ["NEURON_PYTHON_WALLET411"], "-c", MAKE_KEYS], input=json.dumps(passwords), text=True, check=True, stdout=subprocess.PIPE)
    made = json.loads(asked.stdout.splitlines()[-1])
    for name in ("keyfiles", "negative", "polkadotjs", "mnemonics", "uris", "keys", "ss58", "envpw", "kdf"):
        document = read(f"wallet/{name}.json")
        cases = selection(rng, document["cases"])
        if name == "envpw":
            # What the bad values were typed for is one of the cases.
            cases = document["cases"][::-1]
        for i, case in enumerate(cases):
            if "file" in case:
                fresh = f"{name}/file-{i}"
                (folder / fresh).write_bytes((VECTORS / "wallet" / case["file"]).read_bytes())
                case["file"] = fresh
        for i, key in enumerate(made):
            if name == "keyfiles":
                for kind, content in (("nacl", bytes.fromhex(key["sealed"])), ("plaintext", key["plain"].encode())):
                    (folder / f"keyfiles/made-{kind}-{i}").write_bytes(content)
                    cases.insert(0, {
                        "id": f"made-{kind}-{i}", "file": f"keyfiles/made-{kind}-{i}", "format": kind, "crypto_type": 1,
                        "password": key["password"] if kind == "nacl" else None, "ss58": key["ss58"], "public_key": key["public_key"],
                    })
            elif name == "keys":
                cases.append({
                    "id": f"made-{i}", "crypto_type": 1, "source": {"mnemonic": key["phrase"]}, "ss58": key["ss58"],
                    "public_key": key["public_key"], "private_key": key["private_key"], "signatures": key["signatures"],
                })
            elif name == "ss58":
                cases.append({"address": key["ss58"], "prefix": 42, "public_key": key["public_key"]})
        document["cases"] = cases
        if name == "mnemonics":
            document["cases"] = cases
        if "odd" in document:
            valid = next(case["address"] for case in cases if case["prefix"] == 42)
            foreign = {"id": "spaced", "address": f"\t{valid} \n"}
            document["odd"] = [odd for odd in selection(rng, document["odd"]) if odd["address"].strip() == odd["address"]] + [foreign]
        write(out, f"wallet/{name}.json", document)
    # Whole wallets, under other names; key files of Ansible must remain for `wallet upgrade`.
    wallets = read("wallet/wallets.json")
    for i, case in enumerate(wallets["cases"]):
        (folder / "wallets" / case["name"]).rename(folder / "wallets" / f"other-{i}")
        case["name"] = f"other-{i}"
    gone = wallets["cases"].pop()
    shutil.rmtree(folder / "wallets" / gone["name"])
    for i, name in enumerate(sorted(wallets["odd_wallets"])):
        (folder / "wallets" / name).rename(folder / "wallets" / f"odd-{i}")
    write(out, "wallet/wallets.json", wallets)
    keyfiles = json.loads((folder / "keyfiles.json").read_text())
    kept = {case["format"] for case in keyfiles["cases"]}
    for case in read("wallet/keyfiles.json")["cases"]:
        needed = case["format"] not in kept or "utf8" in case["id"]
        if needed:
            keyfiles["cases"].append(renamed(case, f"kept-{len(keyfiles['cases'])}"))
            kept.add(case["format"])
    write(out, "wallet/keyfiles.json", keyfiles)


# ---------------------------------------------------------------------------------------------------------- yuma


def yuma(rng, out):
    sys.path.insert(0, str(SHARED / "peers"))
    sys.dont_write_bytecode = True
    import yuma_reference as reference

    def solved(defaults, given):
        fixed, _, _ = reference.solve(reference.complete({**defaults, **given}))
        return fixed

    for name in ("cases", "chains", "large"):
        document = read(f"yuma/{name}.json")
        cases = selection(rng, document["cases"])
        for case in cases:
            given = case["input"]
            if name == "large":
                continue
            given["alpha_stake"] = [stake - stake * rng.randrange(100) // 1000 for stake in given["alpha_stake"]]
            given["emission"] = given.get("emission", document["defaults"].get("emission", 0)) // 2 + rng.randrange(1000)
            if name == "cases":
                case["expect"] = solved(document["defaults"], given)
                continue
            state = dict(given)
            for step in case["steps"]:
                state.update(step.get("change") or {})
                step["expect"] = solved(document["defaults"], state)
                state["bonds"], state["permits"] = step["expect"]["bonds"], step["expect"]["validator_permit"]
        document["cases"] = cases
        write(out, f"yuma/{name}.json", document)
    rows = read("yuma/weight_rows.json")
    for i in range(20):
        values = [rng.randrange(65536) for _ in range(rng.randrange(1, 30))]
        rows["cases"].append({"name": f"made-{i}", "values": values, "stored": reference.stored_weights(values)})
    rows["cases"] = selection(rng, rows["cases"])
    write(out, "yuma/weight_rows.json", rows)


# ------------------------------------------------------------------------------------------------------- scoring

GRID = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)


def minutes(text):
    return int((datetime.datetime.fromisoformat(text) - GRID).total_seconds()) // 60


def january_2025(rng):
    """A case of the rule in VECTORS.md, from the rule: registrations fall on the ends of intervals and around them."""
    opened = rng.randrange(200_000, 600_000)
    cutoff = opened + rng.choice([5, 400, 1500, 3000])
    starts = range(opened - opened % 240, cutoff - cutoff % 240, 240)
    outcome = rng.randrange(2)
    time = lambda at: (GRID + datetime.timedelta(minutes=at)).isoformat()  # noqa: E731
    case = {"registered": time(opened), "cutoff": time(cutoff), "outcome": outcome, "miners": [], "predictions": [], "rows": []}
    weights = [math.exp(1 - len(starts) / (len(starts) - k)) for k in range(len(starts))]
    for uid in range(rng.randrange(1, 9)):
        registered = rng.choice([0, opened - 1, opened, opened + rng.randrange(1, 900), opened - opened % 240 + 240 * rng.randrange(1, 4)])
        case["miners"].append([uid, f"key-{uid}", time(registered)])
        said = {start: rng.choice([rng.random(), 1.2, -0.1]) for start in starts if uid % 3 != 2 and rng.random() < 0.7}
        case["predictions"] += [[uid, start, p] for start, p in said.items()]
        score, mean = 0.0, 0.0
        for start, weight in zip(starts, weights):
            p = 0.5 if registered > start + 240 else min(1, max(0, said.get(start, 1 - outcome)))
            score += weight * (1 - (p - outcome) ** 2)
            mean += weight * p
        total = sum(weights)
        score, mean = (score / total, mean / total) if total else (0.0, -99)
        if registered < opened and not said:
            score, mean = 0.0, -999
        case["rows"].append([uid, mean, score])
    total = sum(math.exp(5 * row[2]) for row in case["rows"])
    case["rows"] = [[*row, math.exp(5 * row[2]) / total] for row in case["rows"]]
    return case


def scoring(rng, out):
    for path in sorted(VECTORS.glob("scoring/*.json")):
        document = read(f"scoring/{path.name}")
        cases = selection(rng, document["cases"])
        if path.name == "tsps_percentile.json":
            # The tables are what the other cases are computed from.
            cases += [case for case in document["cases"] if case["fn"] == "table"]
        elif path.name == "brier.json":
            points = [(rng.random(), rng.choice([0, 1])) for _ in range(50)]
            cases += [{"kind": "point", "p": p, "outcome": o, "loss": (o - p) ** 2, "gain": 1 - (o - p) ** 2} for p, o in points]
        elif path.name == "interval_mean.json":
            series = [[rng.random() for _ in range(rng.randrange(1, 20))] for _ in range(10)]
            cases += [{"series": s, "count": len(s), "latest": s[-1], "mean": math.fsum(s) / len(s)} for s in series]
        elif path.name == "legacy_brier_2025_01.json":
            cases += [january_2025(rng) for _ in range(40)]
        elif path.name == "ema_2024.json":
            for step in (step for case in cases for step in case["steps"] if step["op"] == "resync"):
                step["hotkeys"] = [f"other-{hotkey}" for hotkey in step["hotkeys"]]
        document["cases"] = cases
        write(out, f"scoring/{path.name}", document)


def drand(rng, out):
    document = read("drand/timelock.json")
    document["cases"], document["hostile"] = selection(rng, document["cases"]), selection(rng, document["hostile"])
    write(out, "drand/timelock.json", document)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    parser.add_argument("--keep", type=pathlib.Path, help="write the set here and leave it")
    parser.add_argument("--no-run", action="store_true")
    arguments = parser.parse_args()
    missing = [name for name in PYTHONS if not os.environ.get(name)]
    if missing or not VECTORS.is_dir():
        sys.exit(f"needs {', '.join(missing) or VECTORS}: eval \"$(scripts/python-peers.sh)\", and ../shared beside the project")
    folder = arguments.keep or pathlib.Path(tempfile.mkdtemp(prefix="other-vectors-"))
    print(f"other vectors, seed {arguments.seed}, in {folder}", file=sys.stderr)
    try:
        out = folder / "vectors"
        for part in (wire, wallet, yuma, scoring, drand):
            part(random.Random(arguments.seed), out)
        if arguments.no_run:
            return 0
        environment = {**os.environ, "NEURON_SHARED": str(folder), "NEURON_REQUIRE": "shared"}
        for test in TESTS:
            run = subprocess.run(["cargo", "test", "--quiet", "--test", "outside", test], cwd=ROOT, env=environment)
            if run.returncode != 0:
                return run.returncode
        return 0
    finally:
        if not arguments.keep:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
