"""btcli 11 against a development chain: each command typed as a person would, its answer and the chain's state checked.

    btcli11_walk.py URL

`HOME` must be an empty folder. The commands run in this process, through the program's own parser; starting Python forty
times would take longer than all of them together.
"""

import contextlib
import io
import json
import os
import re
import sys
import time

import bittensor
from bittensor.cli.main import app
from bittensor.wallet import Keypair, Wallet

URL = sys.argv[1]
HOME = os.environ["HOME"]
WALLETS = os.path.join(HOME, "wallets")
EVENTS, SERIES = 155, 8
TAO = 10**9

done = []


def make_wallet(name, uri, hotkeys):
    for hotkey, path in hotkeys.items():
        wallet = Wallet(name=name, hotkey=hotkey, path=WALLETS)
        for file, key in ((wallet.coldkey_file, uri), (wallet.coldkeypub_file, uri), (wallet.hotkey_file, path)):
            file.set_keypair(Keypair.create_from_uri(key), encrypt=False, overwrite=True)


class Step(Exception):
    """A command did not do what it should."""


def run(words, check=None, wallet="alice", hotkey="default"):
    """Runs one command; `check` gets its JSON."""
    arguments = words if isinstance(words, list) else words.split()
    shown = "btcli " + " ".join(arguments)
    arguments = [
        "--network", URL, "--fallback-endpoints", "none", "--archive-endpoints", "none", "--json", "--yes",
        "--wallet", wallet, "--wallet-hotkey", hotkey, "--wallet-path", WALLETS, *arguments,
    ]
    out, err = io.StringIO(), io.StringIO()
    started = time.monotonic()
    code = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            app(arguments, standalone_mode=False)
        except SystemExit as end:
            code = end.code or 0
        except BaseException as error:  # noqa: BLE001
            code = f"{type(error).__name__}: {error}"
    text = out.getvalue()
    try:
        if code:
            raise Step(f"ended with {code}")
        answer = json.loads(text)
        if check is not None:
            outcome = check(answer)
            if outcome is False:
                raise Step("the check failed")
    except Exception as error:  # noqa: BLE001
        print(f"FAILED {shown}\n  {type(error).__name__}: {error}\nstdout:\n{text[-3000:]}\nstderr:\n{err.getvalue()[-3000:]}", flush=True)
        if not os.environ.get("WALK_ON"):
            sys.exit(1)
        return None
    done.append(shown)
    print(f"ok {len(done)} {shown} ({time.monotonic() - started:.1f} s)", flush=True)
    return answer


make_wallet("alice", "//Alice", {"default": "//validator", "fresh": "//fresh", "second": "//second"})
make_wallet("bob", "//Bob", {"default": "//miner", "other": "//othr"})
ADDRESS = {name: Keypair.create_from_uri(f"//{name}").ss58_address
           for name in ("Alice", "Bob", "Charlie", "validator", "miner", "fresh", "second", "othr")}
A, B, V, M = ADDRESS["Alice"], ADDRESS["Bob"], ADDRESS["validator"], ADDRESS["miner"]


def tx(words, check=None, **more):
    def good(answer):
        if answer.get("success") is not True:
            raise Step(json.dumps(answer)[:2000])
        return check is None or check(answer)

    return run(words, good, **more)


def query(words):
    return run(words)


# Keys and money.
run("wallet list", lambda a: "alice" in json.dumps(a))
run("wallet balance", lambda a: A in json.dumps(a))
run("wallet overview")
run("wallet inspect")
run(f"query balance --coldkey {B}", lambda a: "1,000,000" in a)
tx(f"tx transfer --dest {B} --amount 5")
run(f"query balance --coldkey {B}", lambda a: "1,000,005" in a)
run(f"query balances --coldkeys {A},{B}")
run("query existential-deposit", lambda a: "500" in json.dumps(a) or "0.0000005" in json.dumps(a))
run("query timestamp")
run("query mev-shield-next-key", lambda a: len(json.dumps(a)) > 2000)
# Subnets, read.
run("subnets list", lambda a: "events" in json.dumps(a))
run("subnets show 155", lambda a: "events" in json.dumps(a))
run("subnets hyperparameters 155", lambda a: "tempo" in json.dumps(a))
run("subnets price --netuid 155")
run("subnets metagraph 155")
run("subnets burn-cost 155")
run("subnets create-cost", lambda a: "1000" in json.dumps(a))
run("query metagraph --netuid 155")
run("query subnets", lambda a: "155" in json.dumps(a))
run("query subnet-tao-flows", lambda a: "155" in json.dumps(a))
run("query epoch-status --netuid 155")
run("query burn --netuid 155")
run("query difficulty --netuid 155", lambda a: "10000000" in json.dumps(a))
# Registration: sealed, through the shield.
tx("subnets register --netuid 155")
run(f"query uid --hotkey {V} --netuid 155", lambda a: "1" in json.dumps(a))
tx("tx burned-register --netuid 155", wallet="bob")
tx("tx root-register")
tx("tx associate-hotkey", hotkey="fresh")
run(f"query hotkey-owner --hotkey {ADDRESS['fresh']}", lambda a: A in json.dumps(a))
tx("tx serve-axon --netuid 155 --ip 127.0.0.2 --port 8091", wallet="bob")
# Stake.
tx("tx add-stake --netuid 155 --amount 50")
tx("stake add --netuid 155 --amount 5")
tx("tx add-stake --netuid 0 --amount 20")
run("stake list", lambda a: "155" in json.dumps(a))
run(f"query stake-for-coldkey --coldkey {A}", lambda a: V in json.dumps(a))
run("query quote-stake --netuid 155 --amount-tao 10")
run("query quote-unstake --netuid 155 --amount-alpha 10")
tx("stake remove --netuid 155 --amount 5")
tx(f"tx move-stake --origin-hotkey {V} --dest-hotkey {M} --origin-netuid 155 --dest-netuid 155 --amount 3")
tx("stake swap --origin-netuid 155 --dest-netuid 8 --amount 3")
tx(f"stake transfer --dest {B} --origin-netuid 155 --dest-netuid 155 --amount 4")
run("stake list", lambda a: "155" in json.dumps(a), wallet="bob")
tx("tx set-auto-stake --netuid 155", wallet="bob")
run(f"query auto-stake --coldkey {B} --netuid 155", lambda a: M in json.dumps(a))
tx(["tx", "set-children", "--netuid", "155", "--children", json.dumps([[0.5, ADDRESS["fresh"]]])])
run(f"query pending-children --hotkey {V} --netuid 155", lambda a: ADDRESS["fresh"] in json.dumps(a))
run(f"query children --hotkey {V} --netuid 155")
tx("tx set-childkey-take --netuid 155 --take 0.1")
# Identities, takes, owners.
tx("tx set-identity --name alice --url https://a.example --github-repo g --image i --discord d --description d --additional x")
run(f"query identity --coldkey {A}", lambda a: "alice" in json.dumps(a))
tx("tx set-take --take 0.15")
run(f"query delegate-take --hotkey {V}", lambda a: "0.1" in json.dumps(a) or "9830" in json.dumps(a))
run("query delegates", lambda a: V in json.dumps(a))
# Before an epoch an owner may set nothing.
while int(re.search(r"\d+", json.dumps(query("query blocks-until-next-epoch --netuid 155"))).group()) < 16:
    time.sleep(0.5)
tx("sudo set --netuid 155 --name immunity_period --value 321")
run("query immunity-period --netuid 155", lambda a: "321" in json.dumps(a))
tx(f"proxy add --delegate {ADDRESS['Charlie']} --proxy-type Staking")
run(f"query proxies --coldkey {A}", lambda a: ADDRESS["Charlie"] in json.dumps(a))
tx("tx set-weights --netuid 155 --uids 1 --weights 1.0")
run("query weights --netuid 155")
tx("tx unstake-all --no-claim", wallet="bob")
tx("subnets create", wallet="bob", hotkey="other")
print("ALL GOOD", len(done))
