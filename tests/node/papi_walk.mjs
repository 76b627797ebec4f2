// polkadot-api, which speaks chainHead_v1, transaction_v1 and archive_v1 alone, against a development chain:
// node papi_walk.mjs URL, with NEURON_PAPI at a folder that has polkadot-api, ws and the keys of @polkadot-labs.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(`${process.env.NEURON_PAPI}/node_modules/`);
const load = (name) => import(pathToFileURL(require.resolve(name)).href);
const { createClient, Binary } = await load("polkadot-api");
const { getWsProvider } = await load("polkadot-api/ws");
const { getPolkadotSigner } = await load("polkadot-api/signer");
const { sr25519CreateDerive } = await load("@polkadot-labs/hdkd");
const { DEV_PHRASE, entropyToMiniSecret, mnemonicToEntropy, ss58Address } = await load("@polkadot-labs/hdkd-helpers");
const WebSocket = require("ws");

const done = [];
function check(what, good) {
  if (!good) throw new Error(`not so: ${what}`);
  done.push(what);
  console.log(`ok ${done.length} ${what}`);
}
const deadline = setTimeout(() => {
  console.error(`nothing more after: ${done.at(-1)}`);
  process.exit(1);
}, 120_000);

const derive = sr25519CreateDerive(entropyToMiniSecret(mnemonicToEntropy(DEV_PHRASE)));
const account = (path) => {
  const pair = derive(path);
  return { address: ss58Address(pair.publicKey, 42), signer: getPolkadotSigner(pair.publicKey, "Sr25519", pair.sign) };
};
const [alice, bob] = ["//Alice", "//Bob"].map(account);

const client = createClient(getWsProvider(process.argv[2], { websocketClass: WebSocket }));
const api = client.getUnsafeApi();

const spec = await client.getChainSpecData();
check("the chain's name and properties", spec.name === "Bittensor" && spec.properties.tokenDecimals === 9);
const final = await client.getFinalizedBlock();
check("a final block", final.number >= 1);
const numbers = await new Promise((resolve, reject) => {
  const seen = [];
  const blocks = client.finalizedBlock$.subscribe({
    next: (block) => {
      seen.push(block.number);
      if (seen.length === 4) {
        blocks.unsubscribe();
        resolve(seen);
      }
    },
    error: reject,
  });
});
check("final blocks come one by one", numbers.every((number, at) => number === numbers[0] + at));
const { hash, number } = await client.getFinalizedBlock();
const header = await client.getBlockHeader(hash);
check("a header", header.number === number);
const body = await client.getBlockBody(hash);
check("a body", body.length >= 1);

const free = async (who) => (await api.query.System.Account.getValue(who)).data.free;
check("a balance", (await free(bob.address)) > 10n ** 14n);
const subnets = await api.query.SubtensorModule.NetworksAdded.getEntries();
check("a whole map", subnets.length === 3);
const version = await api.constants.System.Version();
check("a constant", version.spec_name === "node-subtensor");
const lite = await api.apis.NeuronInfoRuntimeApi.get_neurons_lite(155);
check("a runtime API", lite.length === 1);

const transfer = api.tx.Balances.transfer_keep_alive({ dest: { type: "Id", value: bob.address }, value: 10n ** 9n });
check("a fee", (await transfer.getEstimatedFees(alice.address)) > 0n);
const before = await free(bob.address);
const events = await new Promise((resolve, reject) => {
  const seen = [];
  transfer.signSubmitAndWatch(alice.signer).subscribe({
    next: (event) => {
      seen.push(event);
      if (event.type === "finalized") resolve(seen);
    },
    error: reject,
  });
});
const kinds = events.map((event) => event.type);
check("a transfer from signed to finalized", ["signed", "broadcasted", "txBestBlocksState", "finalized"].every((kind) => kinds.includes(kind)));
check("that it did well", events.at(-1).ok);
check("its effect", (await free(bob.address)) === before + 10n ** 9n);
const failing = await api.tx.SubtensorModule.swap_stake({
  hotkey: alice.address,
  origin_netuid: 8,
  destination_netuid: 8,
  alpha_amount: 1n,
}).signAndSubmit(bob.signer);
check("a failure by its name", !failing.ok && JSON.stringify(failing.dispatchError, (_, v) => (typeof v === "bigint" ? `${v}` : v)).includes("SameNetuid"));
const batch = await api.tx.Utility.batch_all({
  calls: [api.tx.System.remark({ remark: Binary.fromText("papi") }).decodedCall, transfer.decodedCall],
}).signAndSubmit(alice.signer);
check("a batch", batch.ok && batch.events.some((event) => event.type === "Utility" && event.value.type === "BatchCompleted"));

clearTimeout(deadline);
client.destroy();
console.log(`ALL GOOD ${done.length}`);
process.exit(0);
