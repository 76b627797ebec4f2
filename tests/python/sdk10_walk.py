"""SDK 10 against a development chain: twenty-five calls of `Subtensor`, each with its result checked.

    sdk10_walk.py URL
"""

import os
import sys

import bittensor as bt
from bittensor_wallet import Keypair, Wallet

URL = sys.argv[1]
HOME = os.environ["HOME"]
EVENTS, SERIES = 155, 8


def make_wallet(name, coldkey, hotkey):
    wallet = Wallet(name=name, hotkey="default", path=os.path.join(HOME, "wallets"))
    wallet.set_coldkey(Keypair.create_from_uri(coldkey), encrypt=False, overwrite=True)
    wallet.set_coldkeypub(Keypair.create_from_uri(coldkey), overwrite=True)
    wallet.set_hotkey(Keypair.create_from_uri(hotkey), encrypt=False, overwrite=True)
    return wallet


chain = bt.Subtensor(network=URL)
alice = make_wallet("alice", "//Alice", "//validator")
bob = make_wallet("bob", "//Bob", "//miner")
A, B = (Keypair.create_from_uri(uri).ss58_address for uri in ("//Alice", "//Bob"))
V, M = alice.hotkey.ss58_address, bob.hotkey.ss58_address
tao, done = bt.Balance.from_tao, []


def check(what, good):
    assert good, what
    done.append(what)
    print(f"ok {len(done)} {what}", flush=True)


def succeeded(answer):
    assert answer.success, f"{answer.message} {answer.error}"
    return True


check("block", chain.block > 0)
check("get_balance", chain.get_balance(B) == tao(1_000_000))
check("get_existential_deposit", chain.get_existential_deposit().rao == 500)
check("all_subnets", {subnet.netuid for subnet in chain.all_subnets()} == {0, SERIES, EVENTS})
check("subnet", chain.subnet(EVENTS).subnet_name == "events")
check("get_subnet_hyperparameters", chain.get_subnet_hyperparameters(EVENTS).tempo == 100)
check("get_subnet_prices", chain.get_subnet_prices()[EVENTS] == bt.Balance.from_tao(1))
check("transfer", succeeded(chain.transfer(alice, B, tao(1))) and chain.get_balance(B) == tao(1_000_001))
check("burned_register", succeeded(chain.burned_register(alice, EVENTS)) and chain.get_uid_for_hotkey_on_subnet(V, EVENTS) == 1)
check("burned_register, sealed", succeeded(chain.burned_register(bob, EVENTS, mev_protection=True)) and chain.get_uid_for_hotkey_on_subnet(M, EVENTS) == 2)
check("root_register", succeeded(chain.root_register(alice)) and chain.is_hotkey_registered_on_subnet(V, 0))
check("add_stake", succeeded(chain.add_stake(alice, EVENTS, V, tao(50))) and chain.get_stake(A, V, EVENTS).tao > 49)
check("add_stake, safe", succeeded(chain.add_stake(alice, EVENTS, V, tao(5), safe_staking=True)))
held = chain.get_stake(A, V, EVENTS)
check("unstake", succeeded(chain.unstake(alice, EVENTS, V, bt.Balance.from_tao(5, EVENTS))) and chain.get_stake(A, V, EVENTS) < held)
check("move_stake", succeeded(chain.move_stake(alice, EVENTS, V, EVENTS, M, bt.Balance.from_tao(3, EVENTS))) and abs(chain.get_stake(A, M, EVENTS).tao - 3) < 0.01)
check("swap_stake", succeeded(chain.swap_stake(alice, V, EVENTS, SERIES, bt.Balance.from_tao(3, EVENTS))) and chain.get_stake(A, V, SERIES).tao > 2.9)
check("transfer_stake", succeeded(chain.transfer_stake(alice, B, V, EVENTS, EVENTS, bt.Balance.from_tao(4, EVENTS))) and abs(chain.get_stake(B, V, EVENTS).tao - 4) < 0.01)
check("get_stake_info_for_coldkey", len(chain.get_stake_info_for_coldkey(A)) == 3)
child = Keypair.create_from_uri("//child").ss58_address
check("set_children", succeeded(chain.set_children(alice, EVENTS, V, [(0.5, child)])) and chain.get_children_pending(V, EVENTS)[0])
check("set_delegate_take", succeeded(chain.set_delegate_take(alice, V, 0.1)) and abs(chain.get_delegate_take(V) - 0.1) < 0.001)
check("set_commitment", succeeded(chain.set_commitment(bob, EVENTS, "hello")) and chain.get_commitment(EVENTS, 2) == "hello")
check("set_auto_stake", succeeded(chain.set_auto_stake(bob, EVENTS, M)) and chain.get_auto_stakes(B))
check("set_root_claim_type", succeeded(chain.set_root_claim_type(alice, "Keep")) and "Keep" in str(chain.get_root_claim_type(A)))
check("serve_axon", succeeded(chain.serve_axon(EVENTS, bt.Axon(wallet=bob, ip="127.0.0.2", port=8091, external_ip="127.0.0.2", external_port=8091))))
check("set_weights", succeeded(chain.set_weights(alice, EVENTS, [1], [1.0])))
check("metagraph", chain.metagraph(EVENTS).n == 3)
check("get_delegates", any(delegate.hotkey_ss58 == V for delegate in chain.get_delegates()))
check("get_ema_tao_inflow", EVENTS in chain.get_all_ema_tao_inflow())
check("unstake_all", succeeded(chain.unstake_all(bob, EVENTS, V)) and chain.get_stake(B, V, EVENTS).rao == 0)
print("ALL GOOD", len(done))
