"""What bittensor 10.5.0 does with the development chain. Argument: the endpoint. Prints ALL GOOD at the end."""

import sys
import tempfile

import bittensor as bt
from bittensor_wallet import Keypair, Wallet

NETUID = 155
chain = bt.Subtensor(network=sys.argv[1])
node = chain.substrate
alice, bob, charlie, dave = (Keypair.create_from_uri(f"//{name}") for name in ("Alice", "Bob", "Charlie", "Dave"))
fresh = Keypair.create_from_mnemonic(Keypair.generate_mnemonic())
poor = Keypair.create_from_mnemonic(Keypair.generate_mnemonic())


def wallet(name, coldkey, hotkey):
    made = Wallet(name=name, path=tempfile.mkdtemp())
    made.set_coldkey(coldkey, encrypt=False, overwrite=True)
    made.set_coldkeypub(coldkey, overwrite=True)
    made.set_hotkey(hotkey, encrypt=False, overwrite=True)
    return made


def check(condition, what):
    print("ok" if condition else "FAILED", what, flush=True)
    if not condition:
        sys.exit(1)


def send(call, key):
    extrinsic = node.create_signed_extrinsic(call=call, keypair=key, era={"period": 128})
    return node.submit_extrinsic(extrinsic, wait_for_inclusion=True, wait_for_finalization=True)


def refusal(call, key):
    try:
        receipt = send(call, key)
    except Exception as error:  # the SDK raises what the pool answers
        return str(error)
    return f"none: success {receipt.is_success}, {receipt.error_message}"


def transfer(key, rao):
    return node.compose_call("Balances", "transfer_keep_alive", {"dest": key.ss58_address, "value": rao})


check(chain.block >= 1, "connected")
check(chain.get_balance(alice.ss58_address).rao > 0, "balance")
check(node.get_payment_info(transfer(fresh, 10**9), alice)["partial_fee"] > 0, "fee query")

receipt = send(transfer(fresh, 10**9), alice)
check(receipt.is_success and receipt.total_fee_amount > 0, "transfer, with its fee")
check(chain.get_balance(fresh.ss58_address).rao == 10**9, "balance of the new account")
foreign = node.compose_call("Proxy", "proxy", {"real": bob.ss58_address, "force_proxy_type": None, "call": transfer(fresh, 1)})
failed = send(foreign, alice)
check(not failed.is_success and failed.error_message["name"] == "NotProxy", f"an error by name: {failed.error_message}")
check("Inability to pay some fees" in refusal(transfer(bob, 1), poor), "refusal for lack of balance")
answer = chain.transfer(wallet=wallet("charlie", charlie, bob), destination_ss58=fresh.ss58_address,
                        amount=bt.Balance.from_tao(2))
check(answer.success, f"transfer by the SDK: {answer.message}")
old = chain.get_block_hash(1)
check(old and node.get_block(block_hash=old)["header"]["number"] == 1, "an old block")
check(len(list(node.query_map("System", "Account"))) >= 7, "a map")
check(node.get_constant("Aura", "SlotDuration").value == 12000, "a constant")

miner = wallet("dave", dave, Keypair.create_from_uri("//Miner"))
validator = wallet("bob", bob, Keypair.create_from_uri("//Validator"))
for who in (miner, validator):
    answer = chain.burned_register(wallet=who, netuid=NETUID)
    check(answer.success, f"burned_register: {answer.message}")
uid = chain.get_uid_for_hotkey_on_subnet(miner.hotkey.ss58_address, NETUID)
own = chain.get_uid_for_hotkey_on_subnet(validator.hotkey.ss58_address, NETUID)
check(uid is not None and own is not None and uid != own, "uids of the hotkeys")

stake = {"hotkey": validator.hotkey.ss58_address, "netuid": NETUID, "amount_staked": 100 * 10**9}
check(send(node.compose_call("SubtensorModule", "add_stake", stake), bob).is_success, "add_stake")
unserved = node.compose_call("SubtensorModule", "set_weights",
                             {"netuid": NETUID, "dests": [0], "weights": [1], "version_key": 0})
refused = refusal(unserved, poor)
check("Custom error" in refused or "HotKeyAccountNotExists" in refused, f"weights of an unregistered hotkey: {refused}")
node.rpc_request("dev_mine", [110])  # past the rate limit, which counts from the registration
answer = chain.set_weights(wallet=validator, netuid=NETUID, uids=[0, uid], weights=[0.25, 0.75])
check(answer.success, f"set_weights: {answer.message}")
rows = dict(chain.weights(netuid=NETUID))
check(dict(rows[own])[uid] == 65535, "weights read back")

if sys.argv[2:] == ["without-views"]:
    print("ALL GOOD")
    sys.exit(0)

answer = chain.add_stake(wallet=validator, netuid=NETUID, hotkey_ss58=validator.hotkey.ss58_address,
                         amount=bt.Balance.from_tao(100))
check(answer.success, f"add_stake by the SDK: {answer.message}")
axon = bt.Axon(wallet=miner, ip="127.0.0.1", port=8099, external_ip="1.2.3.5", external_port=8099)
answer = chain.serve_axon(netuid=NETUID, axon=axon)
check(answer.success, f"serve_axon: {answer.message}")
metagraph = chain.metagraph(netuid=NETUID, lite=False)
check(metagraph.hotkeys[uid] == miner.hotkey.ss58_address, "metagraph: hotkeys")
check(metagraph.axons[uid].ip == "1.2.3.5" and metagraph.axons[uid].port == 8099, "metagraph: the announced axon")
check(len(chain.neurons_lite(netuid=NETUID)) == len(metagraph.hotkeys), "neurons_lite")
check(chain.get_subnet_hyperparameters(netuid=NETUID).tempo > 0, "hyperparameters")
chain.close()
print("ALL GOOD")
