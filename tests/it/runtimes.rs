//! The chain client on every runtime that we know of: each call and each read that it has, encoded for and decoded by the
//! runtime's own metadata, over a socket. The table of docs/chain.md is the one that is found here.
#![cfg(feature = "localnet")]

mod canned;
mod older;
mod sample;

use std::fmt::Debug;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::Ordering;

use frame_metadata::{RuntimeMetadata, RuntimeMetadataPrefixed};
use neuron::localnet::runtime::COMPOSITE_SINCE;
use neuron::subtensor::weights::{Hash32, Row};
use neuron::subtensor::{Announcement, Metagraph, Subtensor, SubtensorConfig, SubtensorError};
use neuron::units::{Account, NetUid, Rao, Uid};
use neuron::wallet::{Keypair, Scheme};
use scale_info::{Type, TypeDef, TypeDefPrimitive, form::PortableForm};

use canned::{Canned, Submitted};

const NETUID: NetUid = NetUid(1);
/// The only account of the samples.
const SAMPLE: Account = Account([1; 32]);

/// A runtime that is in the field, or was.
pub struct Known {
    pub name: &'static str,
    pub spec_version: u32,
    pub metadata: RuntimeMetadataPrefixed,
}

/// Those that can be made of our own metadata.
fn made() -> Vec<Known> {
    let known = |name, spec_version, metadata| Known { name, spec_version, metadata };
    vec![
        known("185, as it was", 185, older::changed(older::spec_185)),
        known("218, as it was", 218, older::changed(older::spec_218)),
        known("425, metadata 14", 425, older::ours(14, 425)),
        known("425, metadata 15", 425, older::ours(15, 425)),
        known("425, metadata 16", 425, older::ours(16, 425)),
        known("429, `NetUid` a struct", 429, older::ours(16, COMPOSITE_SINCE)),
    ]
}

fn key(uri: &str) -> Keypair {
    Keypair::from_uri(uri, Scheme::Sr25519).unwrap()
}

async fn connect(url: &str) -> Subtensor {
    Subtensor::connect(SubtensorConfig::new([url])).await.unwrap()
}

/// The columns of the table.
const OPERATIONS: [&str; 8] = [
    "metagraph",
    "hyperparameters",
    "stakes",
    "`set_weights`",
    "`commit_weights`",
    "`serve_axon`",
    "register, transfer",
    "stake add, remove",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_and_read_works_on_every_runtime_or_is_refused_by_name() {
    are_in_the_table(made()).await;
}

/// Tries every operation on these runtimes; what comes of it is what the page on the chain says.
pub async fn are_in_the_table(runtimes: Vec<Known>) {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/chain.md")).unwrap();
    let mut rows = vec![format!("| spec version | {} |", OPERATIONS.join(" | "))];
    for known in runtimes {
        rows.push(format!("| {} | {} |", known.name, outcomes(&known).await.join(" | ")));
    }
    rows.retain(|row| !page.contains(row));
    assert!(rows.is_empty(), "docs/chain.md lacks, in its table of runtimes:\n{}", rows.join("\n"));
}

/// What each operation comes to, in the table's words; asserts that what works is right.
async fn outcomes(known: &Known) -> [String; 8] {
    let canned = Canned::serve(&known.metadata, known.spec_version).await;
    let chain = connect(&canned.url).await;
    canned.node.asked();
    let (cold, hot) = (key("//Bob"), key("//Bob//hot"));

    let metagraph = chain.metagraph(NETUID).await.unwrap();
    check_metagraph(&metagraph, known.name);
    let metagraph = source(&canned.node.asked());
    let terms = chain.hyperparameters(NETUID).await.unwrap();
    assert_eq!((terms.tempo, terms.min_allowed_weights, terms.neurons, terms.burn), (1, 1, 1, Some(Rao(1))));
    assert_eq!(terms.activity_cutoff, Some(1), "{}", known.name);
    check_single_values(&chain).await;

    canned.node.asked();
    let stakes = chain.stakes(&SAMPLE).await.unwrap();
    let place = if known.spec_version < 200 { NetUid(0) } else { NETUID };
    assert_eq!(stakes.len(), 1, "{}: {stakes:?}", known.name);
    assert_eq!((stakes[0].hotkey, stakes[0].netuid, stakes[0].stake), (SAMPLE, place, Rao(1)), "{}", known.name);
    assert!(stakes[0].is_registered);
    let stakes = source(&canned.node.asked());
    assert_eq!(chain.stake(&SAMPLE, &SAMPLE, place).await.unwrap(), Rao(1), "{}", known.name);

    let weights = chain.set_weights(&hot, NETUID, &[(Uid(3), 5), (Uid(4), 6)], 7).await.map(|_| ());
    let weights =
        cell(&canned, weights, &["SubtensorModule.set_weights netuid=1 dests=[3 4] weights=[5 6] version_key=7"]);
    let hash: Hash32 = serde_json::from_value(format!("0x{}", "07".repeat(32)).into()).unwrap();
    let commits = async {
        chain.commit_weights(&hot, NETUID, hash).await?;
        chain.reveal_weights(&hot, NETUID, &Row(vec![(Uid(3), 5), (Uid(4), 6)]), &[8, 9], 7).await
    };
    let hash = ["7"; 32].join(" ");
    let commit = format!("SubtensorModule.commit_weights netuid=1 commit_hash=[{hash}]");
    let reveal = "SubtensorModule.reveal_weights netuid=1 uids=[3 4] values=[5 6] salt=[8 9] version_key=7";
    let commits = cell(&canned, commits.await.map(|_| ()), &[&commit, reveal]);
    let ip = IpAddr::V4(Ipv4Addr::new(10, 1, 2, 3));
    let served = chain.serve_axon(&hot, NETUID, Announcement { ip, port: 8091, version: 9 }).await.map(|_| ());
    let axon = "netuid=1 version=9 ip=167838211 port=8091 ip_type=4 protocol=4 placeholder1=0 placeholder2=0";
    let served = cell(&canned, served, &[&format!("SubtensorModule.serve_axon {axon}")]);

    canned.node.nobody_registered.store(true, Ordering::SeqCst);
    let bytes = format!("[{}]", SAMPLE.0.map(|byte| byte.to_string()).join(" "));
    let paid = async {
        chain.burned_register(&cold, NETUID, &SAMPLE).await?;
        chain.transfer(&cold, &SAMPLE, Rao(11)).await
    };
    let register = format!("SubtensorModule.burned_register netuid=1 hotkey={bytes}");
    let transfer = format!("Balances.transfer_keep_alive dest=Id{bytes} value=11");
    let paid = cell(&canned, paid.await.map(|_| ()), &[&register, &transfer]);
    let staked = async {
        chain.add_stake(&cold, &SAMPLE, NETUID, Rao(12)).await?;
        chain.remove_stake(&cold, &SAMPLE, NETUID, Rao(13)).await
    };
    let add = format!("SubtensorModule.add_stake hotkey={bytes} netuid=1 amount_staked=12");
    let remove = format!("SubtensorModule.remove_stake hotkey={bytes} netuid=1 amount_unstaked=13");
    let staked = cell(&canned, staked.await.map(|_| ()), &[&add, &remove]);
    [metagraph, "storage".to_owned(), stakes, weights, commits, served, paid, staked]
}

/// Of the samples, from whichever source: the same metagraph on every runtime.
fn check_metagraph(metagraph: &Metagraph, name: &str) {
    let [neuron] = &metagraph.neurons[..] else { panic!("{name}: {metagraph:?}") };
    assert_eq!((neuron.hotkey, neuron.coldkey, neuron.uid), (SAMPLE, SAMPLE, Uid(0)), "{name}");
    let alpha = if name.starts_with("185") { Rao(0) } else { Rao(1) };
    assert_eq!((neuron.alpha_stake, neuron.root_stake, neuron.total_stake), (alpha, Rao(1), Rao(1)), "{name}");
    assert_eq!((neuron.registered_at, neuron.last_update, neuron.emission), (1, 1, Rao(1)), "{name}");
    assert!(neuron.validator_permit && neuron.active, "{name}");
    let axon = neuron.axon.as_ref().unwrap();
    assert_eq!((axon.ip, axon.port), (IpAddr::V4(Ipv4Addr::new(0, 0, 0, 1)), 1), "{name}");
    let one = 1.0 / f64::from(u16::MAX);
    let shares = [neuron.incentive, neuron.dividends, neuron.consensus, neuron.validator_trust];
    assert_eq!(shares, [one; 4], "{name}");
}

async fn check_single_values(chain: &Subtensor) {
    assert_eq!(chain.balance(&SAMPLE).await.unwrap(), Rao(1));
    assert_eq!(chain.uid(NETUID, &SAMPLE).await.unwrap(), Some(Uid(1)));
    assert_eq!(chain.owner(&SAMPLE).await.unwrap(), Some(SAMPLE));
    assert_eq!(chain.weights_of(NETUID, Uid(1)).await.unwrap(), [(Uid(1), 1)]);
    assert_eq!(chain.axon(NETUID, &SAMPLE).await.unwrap().unwrap().port, 1);
}

/// Where an answer came from.
fn source(asked: &[String]) -> String {
    let api = asked.iter().any(|asked| asked.starts_with("state_call") && asked.contains("Info"));
    if api { "API" } else { "storage" }.to_owned()
}

/// The table's word for a write; when it worked, the node found just these calls.
fn cell(canned: &Canned, outcome: Result<(), SubtensorError>, expected: &[&str]) -> String {
    let found: Vec<String> = canned.node.submitted().iter().map(text).collect();
    match outcome {
        Ok(()) => {
            assert_eq!(found, expected);
            "yes".to_owned()
        }
        Err(SubtensorError::Missing { what, .. }) => {
            assert!(found.is_empty(), "nothing is sent: {found:?}");
            format!("no {what}")
        }
        Err(other) => panic!("{other}"),
    }
}

fn text(submitted: &Submitted) -> String {
    let arguments = submitted.arguments.iter().map(|(name, value)| format!(" {name}={value}"));
    format!("{}{}", submitted.call, arguments.collect::<String>())
}

/// One sentence for a person, with the name of the thing.
fn is_a_sentence(error: &impl ToString, name: &str) {
    let text = error.to_string();
    assert!(text.contains(name) && text.len() < 300 && !text.contains('\n'), "{text}");
    let longest = text.split(|c: char| !c.is_ascii_hexdigit()).map(str::len).max().unwrap_or(0);
    assert!(longest < 40, "a dump of bytes: {text}");
}

const fn is_unit(ty: &Type<PortableForm>) -> bool {
    matches!(&ty.type_def, TypeDef::Tuple(tuple) if tuple.fields.is_empty())
}

fn is_u32(ty: &Type<PortableForm>) -> bool {
    ty.type_def == TypeDef::Primitive(TypeDefPrimitive::U32)
}

fn is_option(ty: &Type<PortableForm>) -> bool {
    ty.path.segments == ["Option"]
}

/// A transfer on a runtime with another list of extensions.
async fn transfer(metadata: &RuntimeMetadataPrefixed) -> Result<Vec<String>, SubtensorError> {
    let canned = Canned::serve(metadata, 425).await;
    let chain = connect(&canned.url).await;
    chain.transfer(&key("//Bob"), &SAMPLE, Rao(1)).await?;
    Ok(canned.node.submitted().remove(0).extensions)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_transaction_extensions_are_met_or_named() {
    // The node checks the signature in each case.
    let empty = older::changed(|m| older::extension(m, "Novel", is_unit, is_unit));
    assert!(transfer(&empty).await.unwrap().contains(&"Novel".to_owned()));
    let option = older::changed(|m| older::extension(m, "NovelOption", is_option, is_option));
    assert!(transfer(&option).await.unwrap().contains(&"NovelOption".to_owned()));
    let without = |name: &'static str| {
        older::changed(move |m| m.extrinsic.signed_extensions.retain(|extension| extension.identifier != name))
    };
    for name in ["CheckMetadataHash", "CheckNonZeroSender", "DrandPriority", "CheckWeight", "ChargeTransactionPayment"]
    {
        assert!(!transfer(&without(name)).await.unwrap().contains(&name.to_owned()));
    }
    let wrapper = older::changed(|m| {
        let extensions = &mut m.extrinsic.signed_extensions;
        let tip = extensions.iter_mut().find(|e| e.identifier == "ChargeTransactionPayment").unwrap();
        tip.identifier.push_str("Wrapper");
    });
    assert!(transfer(&wrapper).await.unwrap().contains(&"ChargeTransactionPaymentWrapper".to_owned()));

    let value = older::changed(|m| older::extension(m, "Novel", is_u32, is_unit));
    is_a_sentence(&transfer(&value).await.unwrap_err(), "Novel");
    let signed = older::changed(|m| older::extension(m, "Novel", is_unit, is_u32));
    is_a_sentence(&transfer(&signed).await.unwrap_err(), "Novel");
}

/// Fails with one sentence.
fn refused<T: Debug>(outcome: Result<T, SubtensorError>, name: &str) {
    is_a_sentence(&outcome.unwrap_err(), name);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_runtime_lacks_is_one_sentence_with_its_name() {
    let bare = older::changed(|m| {
        m.apis.retain(|api| !api.name.contains("Info"));
        let pallet = m.pallets.iter_mut().find(|pallet| pallet.name == "SubtensorModule").unwrap();
        pallet.storage.as_mut().unwrap().entries.retain(|entry| entry.name == "NetworksAdded" || entry.name == "Uids");
        pallet.calls = None;
    });
    let canned = Canned::serve(&bare, 999).await;
    let chain = connect(&canned.url).await;
    refused(chain.metagraph(NETUID).await, "SubtensorModule.SubnetworkN");
    refused(chain.hyperparameters(NETUID).await, "SubtensorModule.Tempo");
    refused(chain.stakes(&SAMPLE).await, "SubtensorModule.StakingHotkeys");
    refused(chain.stake(&SAMPLE, &SAMPLE, NETUID).await, "AlphaV2, Alpha, Stake");
    refused(chain.owner(&SAMPLE).await, "SubtensorModule.Owner");
    refused(chain.set_weights(&key("//Bob"), NETUID, &[(Uid(1), 1)], 0).await, "SubtensorModule.set_weights");
    refused(chain.add_stake(&key("//Bob"), &SAMPLE, NETUID, Rao(1)).await, "SubtensorModule.add_stake");
    assert!(canned.node.submitted().is_empty());

    // A shape that is not ours: everything is a struct of accounts.
    let odd = older::changed(|m| {
        let account =
            m.types.types.iter().find(|entry| entry.ty.path.segments.last().is_some_and(|n| n == "AccountId32"));
        let account = account.unwrap().ty.clone();
        for entry in &mut m.types.types {
            let name = entry.ty.path.segments.last().map(String::as_str);
            if matches!(name, Some("StakeInfo" | "Metagraph" | "AxonInfo" | "SafeFloat")) {
                entry.ty = account.clone();
            }
        }
    });
    let canned = Canned::serve(&odd, 999).await;
    let chain = connect(&canned.url).await;
    refused(chain.stakes(&SAMPLE).await, "get_stake_info_for_coldkey");
    refused(chain.axon(NETUID, &SAMPLE).await, "SubtensorModule.Axons");
    refused(chain.metagraph(NETUID).await, "SubtensorModule.Axons");

    // A call that asks for more than we know.
    let more = older::changed(|m| {
        let calls = m.types.types.iter_mut().find(|e| e.ty.path.segments == ["pallet_subtensor", "pallet", "Call"]);
        let TypeDef::Variant(variants) = &mut calls.unwrap().ty.type_def else { panic!("calls are an enum") };
        let call = variants.variants.iter_mut().find(|variant| variant.name == "burned_register").unwrap();
        let mut novel = call.fields[0].clone();
        novel.name = Some("collateral".to_owned());
        call.fields.push(novel);
    });
    let canned = Canned::serve(&more, 999).await;
    canned.node.nobody_registered.store(true, Ordering::SeqCst);
    let chain = connect(&canned.url).await;
    refused(chain.burned_register(&key("//Bob"), NETUID, &SAMPLE).await, "collateral");
}

#[test]
fn the_metadata_that_is_served_is_of_three_kinds() {
    let kind = |known: &Known| match known.metadata.1 {
        RuntimeMetadata::V14(_) => 14,
        RuntimeMetadata::V15(_) => 15,
        RuntimeMetadata::V16(_) => 16,
        _ => 0,
    };
    let mut kinds: Vec<u32> = made().iter().map(kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    assert_eq!(kinds, [14, 15, 16]);
}
