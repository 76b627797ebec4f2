"""What becomes of weights that bittensor 10.5.0 commits on the development chain, hashed and time-locked.

Arguments: the endpoint, the number of the block in which to seal, the round that has to come out, its signature by drand's
quicknet. The chain makes blocks only when told, and has an epoch every ten. Prints ALL GOOD at the end.
"""

import os
import sys
import tempfile

import bittensor as bt
from bittensor_wallet import Keypair, Wallet

NETUID, NOW = 155, {"wait_for_inclusion": False, "wait_for_finalization": False}
url, seal_at, expected_round, signature = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
chain = bt.Subtensor(network=url)
node = chain.substrate
bob, hotkey, miner = (Keypair.create_from_uri(f"//{name}") for name in ("Bob", "Validator", "Miner"))
wallet = Wallet(name="validator", path=tempfile.mkdtemp())
wallet.set_coldkey(bob, encrypt=False, overwrite=True)
wallet.set_coldkeypub(bob, overwrite=True)
wallet.set_hotkey(hotkey, encrypt=False, overwrite=True)


def check(condition, what):
    print("ok" if condition else "FAILED", what, flush=True)
    if not condition:
        sys.exit(1)


def mine(blocks):
    node.rpc_request("dev_mine", [blocks])


def send(module, function, arguments):
    call = node.compose_call(module, function, arguments)
    node.submit_extrinsic(node.create_signed_extrinsic(call=call, keypair=bob))
    mine(1)


def row():
    return dict(dict(chain.weights(netuid=NETUID)).get(own, []))


def to_next_epoch():
    mine(chain.get_next_epoch_start_block(NETUID) - chain.block)


for key in (hotkey, miner):
    send("SubtensorModule", "burned_register", {"netuid": NETUID, "hotkey": key.ss58_address})
stake = {"hotkey": hotkey.ss58_address, "netuid": NETUID, "amount_staked": 100 * 10**9}
send("SubtensorModule", "add_stake", stake)
own = chain.get_uid_for_hotkey_on_subnet(hotkey.ss58_address, NETUID)
uid = chain.get_uid_for_hotkey_on_subnet(miner.ss58_address, NETUID)
to_next_epoch()
check(chain.commit_reveal_enabled(NETUID), "commit-reveal is on")

# The reveal normalises what it is given, the commit does not: these numbers are as normalised.
weights = {"netuid": NETUID, "uids": [0, uid], "weights": [21845, 65535], "salt": [1, 2, 3, 4], "version_key": 7}
answer = chain.commit_weights(wallet=wallet, **weights, **NOW)
check(answer.success, f"commit_weights: {answer.message}")
mine(1)
too_early = chain.reveal_weights(wallet=wallet, **weights, **NOW)
check(not too_early.success, f"too early: {too_early.message}")
to_next_epoch()
answer = chain.reveal_weights(wallet=wallet, **weights, **NOW)
check(answer.success, f"reveal_weights: {answer.message}")
mine(1)
check(row() == {0: 21845, uid: 65535}, f"hashed weights are revealed: {row()}")

mine(seal_at - chain.block)
# The SDK takes the wall clock for the chain's. Here they are the same.
os.environ["FAKE_UNIX_S"] = str(node.query("Timestamp", "Now").value // 1000)
answer = chain.set_weights(wallet=wallet, netuid=NETUID, uids=[0, uid], weights=[0.5, 0.25], block_time=12.0, **NOW)
del os.environ["FAKE_UNIX_S"]
check(answer.success, f"set_weights: {answer.message}")
mine(1)
commits = chain.get_timelocked_weight_commits(netuid=NETUID)
check([(commit[0], commit[3]) for commit in commits] == [(hotkey.ss58_address, expected_round)], f"sealed: {commits}")
check(node.rpc_request("dev_putPulse", [expected_round, signature])["result"] == "quicknet", "the pulse is quicknet's")
to_next_epoch()
check(row() == {0: 21845, uid: 65535}, "its time has not come")
for _ in range(9):
    mine(1)
check(chain.last_drand_round() >= expected_round, "the round is stored")
check(row() == {0: 65535, uid: 32768}, f"time-locked weights are revealed: {row()}")
check(chain.get_timelocked_weight_commits(netuid=NETUID) == [], "nothing waits")
chain.close()
print("ALL GOOD")
