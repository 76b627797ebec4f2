// polkadot-js against a development chain: node polkadot_walk.mjs URL, with NODE_PATH at a folder that has @polkadot/api.
import { createRequire } from "node:module";

const require = createRequire(`${process.env.NEURON_NODE}/node_modules/`);
const { ApiPromise, WsProvider, Keyring } = require("@polkadot/api");

const done = [];
function check(what, good) {
  if (!good) throw new Error(`not so: ${what}`);
  done.push(what);
  console.log(`ok ${done.length} ${what}`);
}

const api = await ApiPromise.create({ provider: new WsProvider(process.argv[2]), noInitWarn: true });
const keys = new Keyring({ type: "sr25519", ss58Format: 42 });
const [alice, bob] = ["//Alice", "//Bob"].map((uri) => keys.addFromUri(uri));

/** Signs, sends, and waits for finality; gives the names of the statuses and the events. */
function send(call, signer) {
  return new Promise((resolve, reject) => {
    const statuses = [];
    call
      .signAndSend(signer, ({ status, events, dispatchError }) => {
        statuses.push(status.type);
        if (status.isFinalized) {
          const names = events.map(({ event }) => `${event.section}.${event.method}`);
          const error = dispatchError?.isModule ? api.registry.findMetaError(dispatchError.asModule).name : dispatchError?.toString();
          resolve({ statuses, names, error });
        }
      })
      .catch(reject);
  });
}

check("the chain's name", api.runtimeVersion.specName.toString() === "node-subtensor");
check("a balance", (await api.query.system.account(bob.address)).data.free.toBigInt() > 10n ** 14n);
const heads = await new Promise((resolve) => {
  const seen = [];
  api.rpc.chain.subscribeNewHeads((head) => {
    seen.push(head.number.toNumber());
    if (seen.length === 3) resolve(seen);
  });
});
check("heads come one by one", heads[2] === heads[0] + 2);
const info = await api.tx.balances.transferKeepAlive(bob.address, 10n ** 9n).paymentInfo(alice.address);
check("a fee", info.partialFee.toBigInt() > 0n);
const before = (await api.query.system.account(bob.address)).data.free.toBigInt();
const transfer = await send(api.tx.balances.transferKeepAlive(bob.address, 10n ** 9n), alice);
check("statuses of a transfer", JSON.stringify(transfer.statuses) === JSON.stringify(["Ready", "Broadcast", "InBlock", "Finalized"]));
check("its events", transfer.names.includes("balances.Transfer") && transfer.names.includes("system.ExtrinsicSuccess"));
check("its effect", (await api.query.system.account(bob.address)).data.free.toBigInt() === before + 10n ** 9n);
const hotkey = keys.addFromUri("//polkadot-js").address;
const registered = await send(api.tx.subtensorModule.burnedRegister(155, hotkey), bob);
check("a registration", registered.names.includes("subtensorModule.NeuronRegistered"));
check("its uid", (await api.query.subtensorModule.uids(155, hotkey)).isSome);
const staked = await send(api.tx.subtensorModule.addStake(hotkey, 155, 10n ** 10n), bob);
check("a stake", staked.names.includes("subtensorModule.StakeAdded"));
const batch = await send(
  api.tx.utility.batchAll([api.tx.subtensorModule.addStake(hotkey, 8, 10n ** 10n), api.tx.system.remark("0x00")]),
  bob,
);
check("a batch", batch.names.includes("utility.BatchCompleted"));
const refused = await send(api.tx.subtensorModule.swapStake(hotkey, 8, 8, 1), bob);
check("a failure by its name", refused.error === "SameNetuid");
const block = await api.rpc.chain.getBlock();
check("a block decodes", block.block.extrinsics[0].method.section === "timestamp");
const stakes = await api.call.stakeInfoRuntimeApi.getStakeInfoForColdkey(bob.address);
check("a runtime API", stakes.length >= 2);
console.log(`ALL GOOD ${done.length}`);
await api.disconnect();
process.exit(0);
