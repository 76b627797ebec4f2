"""SDK 11 against a development chain: reads and intents of `Client`, each with its result checked.

    sdk11_walk.py URL
"""

import asyncio
import sys
from types import SimpleNamespace

import bittensor as bt
from bittensor.keyfiles import Keypair

URL = sys.argv[1]
EVENTS, SERIES = 155, 8
KEY = {name: Keypair.create_from_uri(f"//{name}") for name in ("Alice", "Bob", "validator", "miner", "child")}
A, B, V, M, CHILD = (KEY[name].ss58_address for name in ("Alice", "Bob", "validator", "miner", "child"))
alice = SimpleNamespace(coldkey=KEY["Alice"], coldkeypub=KEY["Alice"], hotkey=KEY["validator"])
bob = SimpleNamespace(coldkey=KEY["Bob"], coldkeypub=KEY["Bob"], hotkey=KEY["miner"])
done = []


def check(what, good):
    assert good, what
    done.append(what)
    print(f"ok {len(done)} {what}", flush=True)


async def walk(client):
    async def stake(coldkey, hotkey, netuid):
        return (await client.read("stake", coldkey_ss58=coldkey, hotkey_ss58=hotkey, netuid=netuid)).rao / 1e9

    async def do(op, wallet=alice, **args):
        # A client of its own for each: the SDK counts nonces itself, and what it seals has two of them.
        async with bt.Client(URL) as sender:
            result = await sender.execute_tool(op, args, wallet)
        assert result.success, f"{op}: {result.message}"
        return True

    check("balance", (await client.read("balance", coldkey_ss58=B)).tao == 1_000_000)
    check("subnets", {EVENTS, SERIES} <= {subnet["netuid"] if isinstance(subnet, dict) else subnet.netuid for subnet in await client.read("subnets")})
    check("subnet_hyperparameters", (await client.read("subnet_hyperparameters", netuid=EVENTS))["tempo"] == 100)
    check("alpha_price", "1" in str(await client.read("alpha_price", netuid=EVENTS)))
    check("burn", (await client.read("burn", netuid=EVENTS)).tao <= 1)
    check("mev_shield_next_key", len(await client.read("mev_shield_next_key")) == 2 + 2 * 1184)
    check("transfer", await do("transfer", dest_ss58=B, amount_tao=1) and (await client.read("balance", coldkey_ss58=B)).tao == 1_000_001)
    check("burned_register, sealed", await do("burned_register", netuid=EVENTS) and await client.read("uid", hotkey_ss58=V, netuid=EVENTS) == 1)
    check("burned_register of a miner", await do("burned_register", bob, netuid=EVENTS) and await client.read("uid", hotkey_ss58=M, netuid=EVENTS) == 2)
    check("root_register", await do("root_register") and await client.read("uid", hotkey_ss58=V, netuid=0) == 0)
    check("serve_axon", await do("serve_axon", bob, netuid=EVENTS, ip="127.0.0.2", port=8091))
    check("add_stake", await do("add_stake", hotkey_ss58=V, netuid=EVENTS, amount_tao=50) and await stake(A, V, EVENTS) > 49)
    check("quote_unstake", "τ" in str(await client.read("quote_unstake", netuid=EVENTS, amount_alpha=10)))
    held = await stake(A, V, EVENTS)
    check("remove_stake", await do("remove_stake", hotkey_ss58=V, netuid=EVENTS, amount_alpha=5) and await stake(A, V, EVENTS) < held)
    check("move_stake", await do("move_stake", origin_hotkey_ss58=V, dest_hotkey_ss58=M, origin_netuid=EVENTS, dest_netuid=EVENTS, amount_alpha=3) and await stake(A, M, EVENTS) > 2.9)
    check("swap_stake", await do("swap_stake", hotkey_ss58=V, origin_netuid=EVENTS, dest_netuid=SERIES, amount_alpha=3) and await stake(A, V, SERIES) > 2.8)
    check("transfer_stake", await do("transfer_stake", dest_coldkey_ss58=B, hotkey_ss58=V, origin_netuid=EVENTS, dest_netuid=EVENTS, amount_alpha=4) and await stake(B, V, EVENTS) > 3.9)
    check("stake_for_coldkey", len(await client.read("stake_for_coldkey", coldkey_ss58=A)) == 3)
    check("stake_value_for_coldkey", await client.read("stake_value_for_coldkey", coldkey_ss58=A) is not None)
    check("set_children", await do("set_children", netuid=EVENTS, children=[[0.5, CHILD]]))
    check("pending_children", CHILD in str(await client.read("pending_children", hotkey_ss58=V, netuid=EVENTS)))
    check("set_take", await do("set_take", take=0.1))
    check("delegate_take", abs((await client.read("delegate_take", hotkey_ss58=V))["take"] - 0.1) < 0.001)
    check("set_identity", await do("set_identity", name="alice"))
    check("identity", "alice" in str(await client.read("identity", coldkey_ss58=A)))
    check("set_auto_stake", await do("set_auto_stake", bob, netuid=EVENTS))
    check("auto_stake", await client.read("auto_stake", coldkey_ss58=B, netuid=EVENTS) == M)
    # Before an epoch an owner may set nothing.
    while await client.read("blocks_until_next_epoch", netuid=EVENTS) < 16:
        await asyncio.sleep(0.5)
    check("set_hyperparameter", await do("set_hyperparameter", netuid=EVENTS, name="immunity_period", value=321) and await client.read("immunity_period", netuid=EVENTS) == 321)
    check("set_weights", await do("set_weights", netuid=EVENTS, uids=[1], weights=[1.0]))
    check("subnet_tao_flows", EVENTS in await client.read("subnet_tao_flows") or str(EVENTS) in await client.read("subnet_tao_flows"))
    check("metagraph", "validator" in str(await client.read("metagraph", netuid=EVENTS)) or V in str(await client.read("metagraph", netuid=EVENTS)))
    check("delegates", V in str(await client.read("delegates")))
    check("leases", await client.read("leases") == [])
    check("unstake_all", await do("unstake_all", bob, hotkey_ss58=V) and await stake(B, V, EVENTS) == 0)


async def main():
    async with bt.Client(URL) as client:
        await walk(client)


asyncio.run(main())
print("ALL GOOD", len(done))
