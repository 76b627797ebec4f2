"""What becomes of weights that bittensor 11.3.0 commits on the development chain, hashed and time-locked.

Arguments: the endpoint, the number of the block in which to seal, the round that has to come out, its signature by drand's
quicknet. The chain makes blocks only when told, and has an epoch every ten. Prints ALL GOOD at the end.
"""

import hashlib
import json
import os
import sys
import urllib.request
from types import SimpleNamespace

import bittensor as bt
from bittensor import calls
from bittensor.keyfiles import Keypair

NETUID, NOW = 155, {"wait_for_inclusion": False, "wait_for_finalization": False}
url, seal_at, expected_round, signature = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
chain = bt.Subtensor(url)
bob, hotkey, miner = (Keypair.create_from_uri(f"//{name}") for name in ("Bob", "Validator", "Miner"))
wallet = SimpleNamespace(coldkey=bob, coldkeypub=bob, hotkey=hotkey)


def check(condition, what):
    print("ok" if condition else "FAILED", what, flush=True)
    if not condition:
        sys.exit(1)


def rpc(method, *arguments):
    asked = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": arguments}).encode()
    request = urllib.request.Request(url.replace("ws", "http", 1), asked, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["result"]


def block():
    return int(rpc("chain_getHeader")["number"], 16)


def mine(blocks):
    rpc("dev_mine", blocks)


def to_next_epoch():
    mine(10 - block() % 10)


def send(call, signer="coldkey"):
    result = chain.submit_call(call, wallet, signer=signer, **NOW)
    check(result.success, f"{call[1] if isinstance(call, tuple) else call}: {result.message}"[:100])
    mine(1)


def row():
    return chain.read("weights", netuid=NETUID).get(own, {})


def like(row, *parts):
    shares = [part / sum(parts) for part in parts]
    return set(row) == {0, uid} and all(abs(row[who] - share) < 1e-4 for who, share in zip((0, uid), shares))


def u16s(numbers):
    return bytes([len(numbers) << 2]) + b"".join(number.to_bytes(2, "little") for number in numbers)


for key in (hotkey, miner):
    send(calls.SubtensorModule.burned_register(netuid=NETUID, hotkey=key.ss58_address))
send(calls.SubtensorModule.add_stake(hotkey=hotkey.ss58_address, netuid=NETUID, amount_staked=100 * 10**9))
own, uid = 1, 2
to_next_epoch()

# SDK 11 reveals what was hashed, and has no words to hash it: this is what its users do.
uids, values, salt = [0, uid], [21845, 65535], [1, 2, 3, 4]
committed = bytes(hotkey.public_key) + NETUID.to_bytes(2, "little") + u16s(uids) + u16s(values) + u16s(salt) + bytes(8)
digest = "0x" + hashlib.blake2b(committed, digest_size=32).hexdigest()
send(calls.SubtensorModule.commit_weights(netuid=NETUID, commit_hash=digest), signer="hotkey")
to_next_epoch()
reveal = bt.RevealWeights(netuid=NETUID, uids=uids, weights=values, salt=salt)
check(chain.execute(reveal, wallet, **NOW).success, "reveal_weights")
mine(1)
check(like(row(), 1, 3), f"hashed weights are revealed: {row()}")

mine(seal_at - block())
# The SDK takes the wall clock for the chain's. Here they are the same.
os.environ["FAKE_UNIX_S"] = str(int(chain.timestamp().timestamp()))
answer = chain.execute(bt.SetWeights(netuid=NETUID, weights={0: 0.5, uid: 0.25}), wallet, **NOW)
del os.environ["FAKE_UNIX_S"]
check(answer.success and answer.data["reveal_round"] == expected_round, f"set_weights: {answer.message} {answer.data}")
mine(1)
waiting = [commit for queue in chain.read("timelocked_weight_commits", netuid=NETUID).values() for commit in queue]
check([(commit["hotkey"], commit["reveal_round"]) for commit in waiting] == [(hotkey.ss58_address, expected_round)],
      "sealed")
check(rpc("dev_putPulse", expected_round, signature) == "quicknet", "the pulse is quicknet's")
to_next_epoch()
check(like(row(), 1, 3), "its time has not come")
mine(9)
check(like(row(), 2, 1), f"time-locked weights are revealed: {row()}")
check(not chain.read("timelocked_weight_commits", netuid=NETUID), "nothing waits")
print("ALL GOOD")
