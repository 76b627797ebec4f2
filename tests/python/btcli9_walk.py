"""btcli 9 against a development chain: each command typed as a person would, its answer and the chain's state checked.

    btcli9_walk.py URL

`HOME` must be an empty folder. The commands run in this process, through the program's own parser; starting Python forty
times would take longer than all of them together.
"""

import contextlib
import io
import json
import os
import sys
import time

from async_substrate_interface.sync_substrate import SubstrateInterface
from bittensor_cli.cli import CLIManager
from bittensor_wallet import Keypair, Wallet

URL = sys.argv[1]
HOME = os.environ["HOME"]
WALLETS = os.path.join(HOME, "wallets")
EVENTS, SERIES = 155, 8
TAO = 10**9

done = []


def make_wallet(name, uri, hotkeys):
    for hotkey, path in hotkeys.items():
        wallet = Wallet(name=name, hotkey=hotkey, path=WALLETS)
        wallet.set_coldkey(Keypair.create_from_uri(uri), encrypt=False, overwrite=True)
        wallet.set_coldkeypub(Keypair.create_from_uri(uri), overwrite=True)
        wallet.set_hotkey(Keypair.create_from_uri(path), encrypt=False, overwrite=True)
        wallet.set_hotkeypub(Keypair.create_from_uri(path), overwrite=True)


def leave(status):
    """Ends without the interpreter's farewell: there the client waits for ever for a socket whose reader is gone."""
    sys.stdout.flush()
    os._exit(status)


class Step(Exception):
    """A command did not do what it should."""


def run(words, check=None, json_out=True, network=True, wallet="alice", hotkey="default", prompt=True):
    """Runs one command; `check` gets its JSON or its text."""
    arguments = words.split() if isinstance(words, str) else list(words)
    shown = "btcli " + " ".join(arguments)
    if wallet:
        arguments += ["--wallet-path", WALLETS, "--wallet-name", wallet]
        if hotkey:
            arguments += ["--hotkey", hotkey]
    if network:
        arguments += ["--network", URL]
    if prompt:
        arguments += ["--no-prompt"]
    if json_out:
        arguments += ["--json-output"]
    out, err = io.StringIO(), io.StringIO()
    started = time.monotonic()
    code = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            CLIManager().app(arguments, standalone_mode=False)
        except SystemExit as end:
            code = end.code or 0
        except BaseException as error:  # noqa: BLE001
            code = f"{type(error).__name__}: {error}"
    text = out.getvalue()
    try:
        if code:
            raise Step(f"ended with {code}")
        answer = text
        if json_out:
            start = min((i for i in (text.find("{"), text.find("[")) if i >= 0), default=-1)
            if start < 0:
                raise Step("no JSON")
            answer = json.loads(text[start:])
        if check is not None:
            outcome = check(answer)
            if outcome is False:
                raise Step("the check failed")
    except Exception as error:  # noqa: BLE001
        print(f"FAILED {shown}\n  {type(error).__name__}: {error}\nstdout:\n{text[-3000:]}\nstderr:\n{err.getvalue()[-3000:]}", flush=True)
        if not os.environ.get("WALK_ON"):
            leave(1)
        return None
    done.append(shown)
    print(f"ok {len(done)} {shown} ({time.monotonic() - started:.1f} s)", flush=True)
    return answer


make_wallet("alice", "//Alice", {"default": "//validator", "owner": "//Owner//155", "fresh": "//fresh", "second": "//second"})
make_wallet("bob", "//Bob", {"default": "//miner", "other": "//othr"})
ADDRESS = {name: Keypair.create_from_uri(f"//{name}").ss58_address
           for name in ("Alice", "Bob", "Charlie", "validator", "miner", "fresh", "second", "othr", "Owner//155")}

node = SubstrateInterface(URL, ss58_format=42, type_registry={})


def read(item, *keys, pallet="SubtensorModule"):
    answer = node.query(pallet, item, list(keys))
    return getattr(answer, "value", answer)


def early():
    """Waits until the next epoch is some seconds away: it pays emission, and before it an owner may set nothing."""
    while True:
        following = node.runtime_call("SubnetInfoRuntimeApi", "get_next_epoch_start_block", [EVENTS])
        if getattr(following, "value", following) - node.get_block_number(None) > 16:
            return
        node.rpc_request("dev_mine", [1])


def free(name):
    return read("Account", ADDRESS[name], pallet="System")["data"]["free"]


def stake(hotkey, coldkey, netuid):
    answer = node.runtime_call("StakeInfoRuntimeApi", "get_stake_info_for_hotkey_coldkey_netuid",
                               [ADDRESS[hotkey], ADDRESS[coldkey], netuid])
    return getattr(answer, "value", answer)["stake"]


def succeeded(answer):
    return answer.get("success") is True


# Keys and money.
run(f"wallet list --wallet-path {WALLETS}", lambda a: {w["name"] for w in a["wallets"]} == {"alice", "bob"}, network=False, wallet=None, prompt=False)
run("wallet balance", lambda a: a["balances"]["alice"]["coldkey"] == ADDRESS["Alice"] and a["balances"]["alice"]["free"] > 900_000, prompt=False)
before = free("Bob")
run(f"wallet transfer --destination {ADDRESS['Bob']} --amount 5", succeeded, hotkey=None)
assert free("Bob") == before + 5 * TAO
run("wallet associate-hotkey", lambda a: read("Owner", ADDRESS["fresh"]) == ADDRESS["Alice"], hotkey="fresh", json_out=False)
# Subnets, read.
run("subnets list", lambda a: {"8", "155"} <= set(a["subnets"]) and a["subnets"]["155"]["subnet_name"] == "events", wallet=None, prompt=False)
run(f"subnets hyperparameters --netuid {EVENTS}", lambda a: any(h["hyperparameter"] == "tempo" and h["value"] == 100 for h in a), wallet=None, prompt=False)
run(f"subnets price --netuids {EVENTS} --current", lambda a: bool(a), wallet=None, prompt=False)
run("subnets burn-cost", lambda a: a["burn_cost"]["tao"] > 900, wallet=None, prompt=False)
run(f"subnets show --netuid {EVENTS}", lambda a: a["netuid"] == EVENTS and len(a["uids"]) == 1, wallet=None)
run(f"subnets get-identity --netuid {EVENTS}", lambda a: a["subnet_name"] == "events", wallet=None, prompt=False)
run(f"subnets check-start --netuid {EVENTS}", None, wallet=None, prompt=False, json_out=False)
run(f"subnets mechanisms count --netuid {EVENTS}", lambda a: a["count"] == 1, wallet=None, prompt=False)
# Registration.
run(f"subnets register --netuid {EVENTS}", lambda a: succeeded(a) and read("Uids", EVENTS, ADDRESS["validator"]) == 1)
run(f"subnets register --netuid {EVENTS}", lambda a: succeeded(a) and read("Uids", EVENTS, ADDRESS["miner"]) == 2, wallet="bob")
run("subnets register --netuid 0", lambda a: succeeded(a) and read("Uids", 0, ADDRESS["validator"]) == 0)
run(f"axon set --netuid {EVENTS} --ip 127.0.0.2 --port 8091", lambda a: read("Axons", EVENTS, ADDRESS["miner"])["port"] == 8091, wallet="bob", json_out=False)
# Stake.
run(f"stake add --netuid {EVENTS} --amount 50 --unsafe", lambda a: stake("validator", "Alice", EVENTS) > 49 * TAO)
run(f"stake add --netuid {EVENTS} --amount 5 --safe --tolerance 0.05", lambda a: stake("validator", "Alice", EVENTS) > 54 * TAO)
run("stake add --netuid 0 --amount 20 --unsafe", lambda a: stake("validator", "Alice", 0) == 20 * TAO)
run("stake list", lambda a: bool(a["stake_info"]))
early()
held = stake("validator", "Alice", EVENTS)
run(f"stake remove --netuid {EVENTS} --amount 5 --hotkey-ss58-address {ADDRESS['validator']} --unsafe", lambda a: held - stake("validator", "Alice", EVENTS) >= 5 * TAO - 10, hotkey=None)
early()
held = stake("validator", "Alice", EVENTS)
run(f"stake remove --netuid {EVENTS} --amount 5 --hotkey-ss58-address {ADDRESS['validator']} --safe --tolerance 0.05", lambda a: held - stake("validator", "Alice", EVENTS) >= 5 * TAO - 10, hotkey=None)
early()
run(f"stake move --origin-netuid {EVENTS} --dest-netuid {EVENTS} --dest {ADDRESS['miner']} --amount 3 --from {ADDRESS['validator']}", lambda a: succeeded(a) and abs(stake("miner", "Alice", EVENTS) - 3 * TAO) < 10)
run(f"stake swap --origin-netuid {EVENTS} --dest-netuid {SERIES} --amount 3 --unsafe", lambda a: succeeded(a) and stake("validator", "Alice", SERIES) > 2.9 * TAO)
run(f"stake swap --origin-netuid {EVENTS} --dest-netuid {SERIES} --amount 3 --safe --tolerance 0.1", lambda a: succeeded(a) and stake("validator", "Alice", SERIES) > 5.8 * TAO)
early()
run(f"stake transfer --origin-netuid {EVENTS} --dest-netuid {EVENTS} --dest {ADDRESS['Bob']} --amount 4", lambda a: succeeded(a) and abs(stake("validator", "Bob", EVENTS) - 4 * TAO) < 10)
run("stake auto", None, wallet="bob", hotkey=None, prompt=False)
run("stake set-claim keep", lambda a: succeeded(a) and "Keep" in str(read("RootClaimType", ADDRESS["Alice"])))
run(f"stake process-claim --netuids {EVENTS}", None)
run(f"stake child set --netuid {EVENTS} --children {ADDRESS['fresh']} --proportions 0.5", lambda a: bool(read("PendingChildKeys", EVENTS, ADDRESS["validator"])[0]))
run(f"stake child get --netuid {EVENTS}", lambda a: a is not None, prompt=False)
run(f"stake child take --netuid {EVENTS} --take 0.1", lambda a: read("ChildkeyTake", ADDRESS["validator"], EVENTS) == 6553)
# Identities and takes.
run("wallet set-identity --id-name alice --web-url https://example.org --image-url https://example.org/a.png --discord a --description d --additional x --github g", lambda a: succeeded(a) and read("IdentitiesV2", ADDRESS["Alice"]) is not None)
run(f"wallet get-identity --coldkey-ss58 {ADDRESS['Alice']}", lambda a: a["name"] == "alice", wallet=None, prompt=False)
run(f"subnets set-identity --netuid {EVENTS} --subnet-name renamed --github-repo https://github.com/a/b --subnet-contact c@example.org --subnet-url https://u.example --discord d --description d --logo-url https://l.example --additional-info i", lambda a: succeeded(a))
run("sudo set-take --take 0.15", lambda a: read("Delegates", ADDRESS["validator"]) == 9830, prompt=False)
run("sudo get-take", lambda a: abs(a["current_take"] - 0.15) < 0.001, prompt=False)
run(f"sudo get --netuid {EVENTS}", lambda a: any(h["hyperparameter"] == "max_burn" for h in a), wallet=None, prompt=False)
early()
run(f"sudo set --netuid {EVENTS} --param immunity_period --value 321", lambda a: succeeded(a) and read("ImmunityPeriod", EVENTS) == 321)
run(f"subnets set-symbol --netuid {EVENTS} ש", lambda a: succeeded(a))
early()
run(f"sudo trigger-epoch --netuid {EVENTS}", None)
run(f"proxy add --delegate {ADDRESS['Charlie']} --proxy-type Staking --delay 0", lambda a: bool(read("Proxies", ADDRESS["Alice"], pallet="Proxy")[0]), hotkey=None)
run("wallet overview", lambda a: bool(a), prompt=False)
run(f"subnets show --netuid {EVENTS}", lambda a: len(a["uids"]) == 3, wallet=None)
run("wallet swap-hotkey second --all-netuids", lambda a: succeeded(a) and read("Uids", EVENTS, ADDRESS["second"]) == 1)
run("wallet swap-check", None, json_out=False, prompt=False)
run(f"subnets create --subnet-name new --github-repo https://github.com/a/b --subnet-contact c@example.org --subnet-url https://u.example --discord d --description d --logo-url https://l.example --additional-info i", lambda a: succeeded(a) and read("TotalNetworks") == 4, wallet="bob", hotkey="other")
# Who may act for whom.
run(f"proxy remove --delegate {ADDRESS['Charlie']} --proxy-type Staking --delay 0", lambda a: not read("Proxies", ADDRESS["Alice"], pallet="Proxy")[0], hotkey=None)
run("proxy create --proxy-type Staking --delay 0 --index 0", succeeded, hotkey=None)
run(f"proxy add --delegate {ADDRESS['Charlie']} --proxy-type SmallTransfer --delay 5", lambda a: bool(read("Proxies", ADDRESS["Alice"], pallet="Proxy")[0]), hotkey=None)
# Crowdloans: one that succeeds, one that is paid back.
crowd = lambda words, check=succeeded, wallet="alice": run("crowd " + words, check, wallet=wallet, hotkey=None)
loan = lambda number: read("Crowdloans", number, pallet="Crowdloan")
before = free("Charlie")
crowd(f"create --fundraising --deposit 10 --min-contribution 1 --cap 30 --duration 600 --target-address {ADDRESS['Charlie']}")
# Its JSON of this is wrapped at the width of the terminal, in the middle of texts.
run("crowd list", lambda a: ADDRESS["Charlie"][:6] in a or "Active" in a, wallet=None, prompt=False, json_out=False)
crowd("contribute --id 0 --amount 5", wallet="bob")
run("crowd info --id 0", lambda a: a["data"]["crowdloan_id"] == 0, wallet=None, prompt=False)
run("crowd contributors --id 0", lambda a: len(a["data"]["contributors"]) == 2, wallet=None, prompt=False)
crowd("update --id 0 --min-contribution 2", lambda a: loan(0)["min_contribution"] == 2 * TAO)
crowd("withdraw --id 0", lambda a: loan(0)["raised"] == 10 * TAO, wallet="bob")
crowd("contribute --id 0 --amount 20", lambda a: loan(0)["raised"] == 30 * TAO, wallet="bob")
crowd("finalize --id 0", lambda a: loan(0)["finalized"] and free("Charlie") == before + 30 * TAO)
crowd(f"create --fundraising --deposit 10 --min-contribution 1 --cap 30 --duration 60 --target-address {ADDRESS['Charlie']}")
crowd("contribute --id 1 --amount 5", wallet="bob")
crowd("refund --id 1", lambda a: loan(1)["raised"] == 10 * TAO)
crowd("dissolve --id 1", lambda a: loan(1) is None)
# One whose call leases a subnet in the end. Its bytes are no UTF-8: btcli takes what is for a text, and fails to decode the call.
crowd("create --subnet-lease --deposit 10 --min-contribution 1 --cap 2000 --duration 600 --emissions-share 30 --lease-end-block 16777215", lambda a: succeeded(a) and loan(2)["call"] is not None)
run("crowd info --id 2", lambda a: a["data"]["crowdloan_id"] == 2, wallet=None, prompt=False)
crowd("dissolve --id 2", lambda a: loan(2) is None)
# Another coldkey, announced: from here on Bob's is frozen.
run(f"wallet swap-coldkey announce --new-coldkey {ADDRESS['fresh']}", lambda a: read("ColdkeySwapAnnouncements", ADDRESS["Bob"]) is not None, wallet="bob", json_out=False)
run("wallet swap-coldkey check", None, wallet="bob", json_out=False, prompt=False)
print("ALL GOOD", len(done))
leave(0)
