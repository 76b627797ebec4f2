//! A node without a chain behind it: it serves the metadata that it is given, and answers every question about its state with
//! the sample of the type that this metadata declares. What is submitted to it is taken apart by the same metadata, its
//! signature checked, and put into the next block.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use codec::{Compact, Decode, Encode};
use frame_decode::extrinsics::{Extrinsic, decode_extrinsic};
use frame_metadata::{RuntimeMetadata, RuntimeMetadataPrefixed};
use jsonrpsee::RpcModule;
use jsonrpsee::server::{Server, ServerHandle};
use jsonrpsee::types::ErrorObjectOwned;
use neuron::units::Account;
use neuron::wallet::{Scheme, verify};
use serde_json::{Value, json};
use sp_io::hashing::{blake2_256, twox_128};
use subxt::ext::scale_value::{Composite, ValueDef, scale};
use subxt::metadata::Metadata;
use tokio::sync::watch;

use super::sample;

/// The hash of a block: its number.
fn hash(number: u32) -> String {
    format!("0x{number:064x}")
}

fn number_of(hash: &str) -> u32 {
    u32::from_str_radix(&hash[hash.len() - 8..], 16).unwrap()
}

fn hex_of(bytes: impl AsRef<[u8]>) -> String {
    format!("0x{}", hex::encode(bytes))
}

fn bytes_of(text: &str) -> Vec<u8> {
    hex::decode(text.trim_start_matches("0x")).unwrap()
}

/// A call as the node found it in a transaction.
#[derive(Debug, Clone, PartialEq)]
pub struct Submitted {
    /// `Pallet.call`.
    pub call: String,
    /// Arguments by name, as text.
    pub arguments: Vec<(String, String)>,
    /// The transaction extensions of the runtime.
    pub extensions: Vec<String>,
}

/// What a canned node is.
pub struct Node {
    blob: Vec<u8>,
    version: u32,
    spec_version: u32,
    metadata: Metadata,
    /// By the first 32 bytes of their keys: pallet, item.
    items: HashMap<Vec<u8>, (String, String)>,
    /// Nobody has a uid, until the next transaction.
    pub nobody_registered: AtomicBool,
    height: watch::Sender<u32>,
    blocks: Mutex<HashMap<u32, Vec<Vec<u8>>>>,
    submitted: Mutex<Vec<Submitted>>,
    asked: Mutex<Vec<String>>,
}

/// The node's socket; dropping it closes all connections.
pub struct Canned {
    pub node: Arc<Node>,
    pub url: String,
    server: ServerHandle,
}

impl Drop for Canned {
    fn drop(&mut self) {
        let _ = self.server.stop();
    }
}

type Answer = Result<Value, ErrorObjectOwned>;

impl Canned {
    pub async fn serve(metadata: &RuntimeMetadataPrefixed, spec_version: u32) -> Self {
        let node = Arc::new(Node::new(metadata, spec_version));
        let mut module = RpcModule::from_arc(node.clone());
        for (name, method) in METHODS {
            module
                .register_method(name, move |params, node, _| -> Answer {
                    let params: Vec<Value> = params.parse().unwrap_or_default();
                    node.asked.lock().unwrap().push(asked(name, &params));
                    method(node, &params)
                })
                .unwrap();
        }
        module
            .register_subscription(
                "chain_subscribeNewHeads",
                "chain_newHead",
                "chain_unsubscribeNewHeads",
                |_, pending, node, _| async move {
                    let Ok(sink) = pending.accept().await else { return };
                    loop {
                        let height = *node.height.borrow();
                        let head = serde_json::value::to_raw_value(&node.header(height)).unwrap();
                        if sink.send(head).await.is_err() {
                            return;
                        }
                        // Blocks come by themselves too.
                        let mut heights = node.height.subscribe();
                        let _ = tokio::time::timeout(Duration::from_millis(20), heights.changed()).await;
                        node.height.send_modify(|height| *height += 1);
                    }
                },
            )
            .unwrap();
        let server = Server::builder().build("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}", server.local_addr().unwrap());
        Self { node, url, server: server.start(module) }
    }
}

type Method = fn(&Node, &[Value]) -> Answer;

const METHODS: &[(&str, Method)] = &[
    ("chain_getBlockHash", |node, params| {
        let number = params.first().and_then(Value::as_u64).map_or(*node.height.borrow(), |n| n as u32);
        Ok(json!(hash(number)))
    }),
    ("chain_getHeader", |node, params| Ok(node.header(number_of(params[0].as_str().unwrap())))),
    ("chain_getFinalizedHead", |node, _| Ok(json!(hash(*node.height.borrow())))),
    ("chain_getBlock", |node, params| {
        let number = number_of(params[0].as_str().unwrap());
        let body = node.blocks.lock().unwrap().get(&number).cloned().unwrap_or_default();
        let extrinsics: Vec<String> = body.iter().map(hex_of).collect();
        let block = json!({ "header": node.header(number), "extrinsics": extrinsics });
        Ok(json!({ "block": block, "justifications": null }))
    }),
    ("state_getRuntimeVersion", |node, _| {
        Ok(json!({ "specVersion": node.spec_version, "transactionVersion": 1, "specName": "canned" }))
    }),
    ("state_call", |node, params| node.call(params[0].as_str().unwrap(), &bytes_of(params[1].as_str().unwrap()))),
    ("state_getStorage", |node, params| Ok(json!(node.value(&bytes_of(params[0].as_str().unwrap())).map(hex_of)))),
    ("state_queryStorageAt", |node, params| {
        let keys = params[0].as_array().unwrap().iter().map(|key| key.as_str().unwrap());
        let changes: Vec<Value> = keys.map(|key| json!([key, node.value(&bytes_of(key)).map(hex_of)])).collect();
        Ok(json!([{ "block": params[1], "changes": changes }]))
    }),
    ("state_getKeysPaged", |_, params| {
        // One key under every prefix: its number is 1.
        Ok(json!([format!("{}0100", params[0].as_str().unwrap())]))
    }),
    ("system_accountNextIndex", |_, _| Ok(json!(7))),
    ("author_submitExtrinsic", |node, params| Ok(json!(node.submit(bytes_of(params[0].as_str().unwrap()))))),
];

fn asked(method: &str, params: &[Value]) -> String {
    let function = if method == "state_call" { params[0].as_str().unwrap() } else { "" };
    format!("{method} {function}").trim_end().to_owned()
}

impl Node {
    fn new(metadata: &RuntimeMetadataPrefixed, spec_version: u32) -> Self {
        let blob = metadata.encode();
        let version = match &metadata.1 {
            RuntimeMetadata::V14(_) => 14,
            RuntimeMetadata::V15(_) => 15,
            RuntimeMetadata::V16(_) => 16,
            _ => panic!("no such metadata is served"),
        };
        let metadata = Metadata::decode(&mut &blob[..]).unwrap();
        let mut items = HashMap::new();
        for pallet in metadata.pallets() {
            for entry in pallet.storage().iter().flat_map(|storage| storage.entries()) {
                let prefix = [twox_128(pallet.name().as_bytes()), twox_128(entry.name().as_bytes())].concat();
                items.insert(prefix, (pallet.name().to_owned(), entry.name().to_owned()));
            }
        }
        Self {
            blob,
            version,
            spec_version,
            metadata,
            items,
            nobody_registered: AtomicBool::new(false),
            height: watch::Sender::new(10),
            blocks: Mutex::default(),
            submitted: Mutex::default(),
            asked: Mutex::default(),
        }
    }

    /// The transactions since the last time.
    pub fn submitted(&self) -> Vec<Submitted> {
        std::mem::take(&mut *self.submitted.lock().unwrap())
    }

    /// The requests since the last time: methods, and with `state_call` the function.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }

    fn header(&self, number: u32) -> Value {
        let zero = hash(0);
        json!({
            "parentHash": hash(number.saturating_sub(1)), "number": format!("0x{number:x}"),
            "stateRoot": zero, "extrinsicsRoot": zero, "digest": { "logs": [] }
        })
    }

    fn value(&self, key: &[u8]) -> Option<Vec<u8>> {
        let (pallet, item) = self.items.get(&key[..32]).expect("a key of an item that the runtime does not have");
        match (pallet.as_str(), item.as_str()) {
            ("System", "Events") => return Some(self.events()),
            ("SubtensorModule", "Uids") if self.nobody_registered.load(Ordering::SeqCst) => return None,
            _ => {}
        }
        let entry = self.metadata.pallet_by_name(pallet).unwrap().storage().unwrap().entry_by_name(item).unwrap();
        Some(sample::bytes(self.metadata.types(), entry.value_ty()))
    }

    /// `ExtrinsicSuccess` for the first transaction of a block.
    fn events(&self) -> Vec<u8> {
        let system = self.metadata.pallet_by_name("System").unwrap();
        let mut events = system.event_variants().unwrap().iter();
        let success = events.find(|variant| variant.name == "ExtrinsicSuccess").unwrap();
        let mut record = Vec::new();
        Compact(1_u32).encode_to(&mut record);
        record.extend([0, 0, 0, 0, 0, system.event_index(), success.index]);
        success.fields.iter().for_each(|field| record.extend(sample::bytes(self.metadata.types(), field.ty.id)));
        record.push(0);
        record
    }

    fn call(&self, function: &str, arguments: &[u8]) -> Answer {
        let unknown = || ErrorObjectOwned::owned(4003, format!("Exported method {function} is not found"), None::<()>);
        match function {
            "Metadata_metadata_versions" => return Ok(json!(hex_of(vec![self.version].encode()))),
            "Metadata_metadata_at_version" => {
                let known = u32::decode(&mut &arguments[..]).unwrap() == self.version;
                return Ok(json!(hex_of(known.then(|| self.blob.clone()).encode())));
            }
            _ => {}
        }
        let (interface, method) = function.split_once('_').unwrap();
        let api = self.metadata.runtime_api_trait_by_name(interface).ok_or_else(unknown)?;
        let method = api.method_by_name(method).ok_or_else(unknown)?;
        let mut rest = arguments;
        for input in method.inputs() {
            scale::decode_as_type(&mut rest, input.id, self.metadata.types()).expect("an argument of another type");
        }
        assert!(rest.is_empty(), "{function} got more than its arguments");
        Ok(json!(hex_of(sample::bytes(self.metadata.types(), method.output_ty()))))
    }

    fn submit(&self, bytes: Vec<u8>) -> String {
        let submitted = self.take_apart(&bytes);
        let hash = hex_of(blake2_256(&bytes));
        self.nobody_registered.store(false, Ordering::SeqCst);
        self.submitted.lock().unwrap().push(submitted);
        self.height.send_modify(|height| {
            *height += 1;
            self.blocks.lock().unwrap().insert(*height, vec![bytes]);
        });
        hash
    }

    /// The call in a transaction. Checks that nothing is left over and that the signature is good.
    fn take_apart(&self, bytes: &[u8]) -> Submitted {
        let types = self.metadata.types();
        let cursor = &mut &bytes[..];
        let extrinsic = decode_extrinsic(cursor, &self.metadata, types).expect("no transaction of this runtime");
        assert!(cursor.is_empty(), "something is left over");
        let extensions = extrinsic.transaction_extension_payload().unwrap();
        let signed = extrinsic.signature_payload().unwrap();
        let (address, signature) = (&bytes[signed.address_range()], &bytes[signed.signature_range()]);
        assert_eq!((address[0], signature[0]), (0, 1), "an account by its id, and sr25519");
        let mut payload = bytes[extrinsic.call_data_range()].to_vec();
        payload.extend(&bytes[extensions.range()]);
        payload.extend(self.implicit(bytes, &extrinsic));
        if payload.len() > 256 {
            payload = blake2_256(&payload).to_vec();
        }
        let signer = Account(address[1..].try_into().unwrap());
        let good = verify(Scheme::Sr25519, &signer, &payload, signature[1..].try_into().unwrap());
        assert!(good, "the signature is of other bytes than this runtime asks for");
        let text = |arg: &frame_decode::extrinsics::NamedArg<'_, u32>| {
            let value = scale::decode_as_type(&mut &bytes[arg.range()], *arg.ty(), types).unwrap();
            (arg.name().to_owned(), plain(&value.remove_context()))
        };
        Submitted {
            call: format!("{}.{}", extrinsic.pallet_name(), extrinsic.call_name()),
            arguments: extrinsic.call_data().map(text).collect(),
            extensions: extensions.iter().map(|extension| extension.name().to_owned()).collect(),
        }
    }

    /// What is signed without being sent, for each extension by its meaning.
    fn implicit(&self, bytes: &[u8], extrinsic: &Extrinsic<'_, u32>) -> Vec<u8> {
        let mut implicit = Vec::new();
        for extension in extrinsic.transaction_extension_payload().unwrap().iter() {
            match extension.name() {
                "CheckSpecVersion" => self.spec_version.encode_to(&mut implicit),
                "CheckTxVersion" => 1_u32.encode_to(&mut implicit),
                "CheckGenesis" => implicit.extend(bytes_of(&hash(0))),
                "CheckMortality" => implicit.extend(bytes_of(&hash(self.birth(&bytes[extension.range()])))),
                // `None`; the other is of a test.
                "CheckMetadataHash" | "NovelOption" => implicit.push(0),
                _ => {}
            }
        }
        implicit
    }

    /// The block at which a mortal era begins.
    fn birth(&self, era: &[u8]) -> u32 {
        let era = u32::from(u16::from_le_bytes(era.try_into().expect("a mortal era")));
        let (period, phase) = (2 << (era & 15), (era >> 4) * 1.max((2 << (era & 15)) >> 12));
        let height = *self.height.borrow();
        (height.max(phase) - phase) / period * period + phase
    }
}

/// A value as text, without the wrappers around single numbers.
fn plain(value: &subxt::ext::scale_value::Value) -> String {
    match &value.value {
        ValueDef::Composite(Composite::Unnamed(values)) if values.len() == 1 => plain(&values[0]),
        ValueDef::Composite(composite) => {
            format!("[{}]", composite.values().map(plain).collect::<Vec<_>>().join(" "))
        }
        ValueDef::Variant(variant) => {
            format!("{}{}", variant.name, variant.values.values().map(plain).collect::<String>())
        }
        ValueDef::Primitive(_) | ValueDef::BitSequence(_) => value.to_string(),
    }
}
