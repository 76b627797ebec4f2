//! What a chain starts with, from files: subnets with their neurons as somebody wrote them down (TOML), or a subnet of the real
//! chain as its metagraph was saved.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::genesis::{LastEpoch, NeuronGenesis, SubnetGenesis, dev_account};
use crate::subtensor::Metagraph;
use crate::units::{Account, Rao};

/// Most neurons of one subnet.
const NEURONS: usize = 4_096;
/// Highest number of a subnet: above are the mechanisms.
const NETUID: u16 = 4_095;

/// Why a file is not what a chain starts with.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", path.display())]
pub struct ScenarioError {
    /// Which file.
    path: PathBuf,
    /// What is wrong, and where.
    reason: String,
}

/// What a TOML file declares.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// In the order of the file.
    pub subnets: Vec<SubnetGenesis>,
    /// Further accounts with what they have free.
    pub funded: Vec<(Account, Rao)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    subnet: Vec<Subnet>,
    #[serde(default)]
    account: Vec<Funded>,
}

/// TAO, as a whole number or as text with up to nine decimals.
#[derive(Deserialize)]
#[serde(untagged)]
enum Amount {
    Whole(u32),
    Text(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Funded {
    address: String,
    balance: Amount,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Subnet {
    netuid: u16,
    name: Option<String>,
    symbol: Option<String>,
    owner: Option<String>,
    tempo: Option<u16>,
    max_uids: Option<u16>,
    max_validators: Option<u16>,
    immunity_period: Option<u16>,
    min_allowed_weights: Option<u16>,
    weights_rate_limit: Option<u64>,
    serving_rate_limit: Option<u64>,
    weights_version: Option<u64>,
    burn: Option<Amount>,
    min_burn: Option<Amount>,
    yuma3: Option<bool>,
    commit_reveal: Option<bool>,
    reveal_period: Option<u64>,
    pool: Option<Amount>,
    #[serde(default)]
    neuron: Vec<Neuron>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Neuron {
    hotkey: String,
    coldkey: String,
    stake: Option<Amount>,
    root_stake: Option<Amount>,
    axon: Option<SocketAddr>,
    #[serde(default)]
    permit: bool,
    /// By uid.
    #[serde(default)]
    weights: BTreeMap<String, u16>,
}

impl Scenario {
    /// Reads a TOML file; `docs/localnet.md` says what it may have.
    ///
    /// # Errors
    /// The file cannot be read, or declares what no chain can start with.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, ScenarioError> {
        let path = path.as_ref();
        let refused = |reason: String| ScenarioError { path: path.to_owned(), reason };
        let text = fs::read_to_string(path).map_err(|error| refused(error.to_string()))?;
        Self::parse(&text).map_err(refused)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
        if file.subnet.is_empty() {
            return Err("it declares no [[subnet]]".to_owned());
        }
        let subnets = file.subnet.into_iter().map(Subnet::genesis).collect::<Result<Vec<_>, _>>()?;
        let mut numbers = BTreeSet::new();
        if let Some(twice) = subnets.iter().find(|subnet| !numbers.insert(subnet.netuid)) {
            return Err(format!("subnet {} is declared twice", twice.netuid));
        }
        owners_agree(&subnets)?;
        let funded = |one: Funded| Ok((key(&one.address)?, rao(&one.balance)?));
        Ok(Self { subnets, funded: file.account.into_iter().map(funded).collect::<Result<_, String>>()? })
    }
}

/// The subnet that a saved metagraph shows: neurons with their uids, stakes, axons, permits and what the last epoch found; with
/// `weights`, the file of `neuron weights show --output json`, what validators had set. Settings are those of the
/// subnet with its number among `like`, or the usual ones.
///
/// Its owner is who owns uid 0. Nobody has keys here that he did not have before.
///
/// # Errors
/// A file cannot be read, or is something else.
pub fn fork(
    path: impl AsRef<Path>,
    weights: Option<&Path>,
    like: &[SubnetGenesis],
) -> Result<SubnetGenesis, ScenarioError> {
    let path = path.as_ref();
    let refused = |path: &Path, reason: String| ScenarioError { path: path.to_owned(), reason };
    let metagraph = read_metagraph(path).map_err(|reason| refused(path, reason))?;
    let mut subnet = forked(metagraph, like).map_err(|reason| refused(path, reason))?;
    if let Some(path) = weights {
        let rows = read_weights(path, subnet.netuid).map_err(|reason| refused(path, reason))?;
        for (uid, row) in rows {
            let size = subnet.neurons.len();
            let neuron = subnet.neurons.get_mut(usize::from(uid));
            let neuron = neuron.ok_or_else(|| refused(path, format!("uid {uid} is not in the metagraph")))?;
            if let Some((target, _)) = row.iter().find(|(target, _)| usize::from(*target) >= size) {
                return Err(refused(
                    path,
                    format!("uid {uid} has weights for {target}, which is not in the metagraph"),
                ));
            }
            neuron.weights = row;
        }
    }
    Ok(subnet)
}

/// As [`Metagraph::save`] or as `neuron metagraph --output json` writes it.
fn read_metagraph(path: &Path) -> Result<Metagraph, String> {
    let text = fs::read(path).map_err(|error| error.to_string())?;
    serde_json::from_slice(&text).or_else(|_| Metagraph::load(path).map_err(|error| error.to_string()))
}

fn read_weights(path: &Path, netuid: u16) -> Result<BTreeMap<u16, Vec<(u16, u16)>>, String> {
    #[derive(Deserialize)]
    struct Shown {
        netuid: u16,
        rows: BTreeMap<u16, Vec<(u16, u16)>>,
    }
    let text = fs::read(path).map_err(|error| error.to_string())?;
    let shown: Shown = serde_json::from_slice(&text)
        .map_err(|error| format!("it is no output of `neuron weights show --output json` ({error})"))?;
    if shown.netuid != netuid {
        return Err(format!("it is of subnet {}, the metagraph of {netuid}", shown.netuid));
    }
    Ok(shown.rows)
}

fn forked(metagraph: Metagraph, like: &[SubnetGenesis]) -> Result<SubnetGenesis, String> {
    let netuid = metagraph.netuid.0;
    check_netuid(netuid)?;
    let first = metagraph.neurons.first().ok_or("the metagraph has no neurons")?;
    if metagraph.neurons.len() > NEURONS {
        return Err(format!("a subnet has at most {NEURONS} neurons"));
    }
    let owner = (first.coldkey, first.hotkey);
    let usual = || SubnetGenesis::named(netuid, &format!("subnet {netuid}"), "α");
    let mut subnet = like.iter().find(|subnet| subnet.netuid == netuid).cloned().unwrap_or_else(usual);
    subnet.owner = Some(owner);
    // It may be as full as it was; more is what the settings say.
    subnet.max_uids = subnet.max_uids.max(u16::try_from(metagraph.neurons.len()).unwrap_or(u16::MAX));
    let part = |share: f64| (share.clamp(0.0, 1.0) * f64::from(u16::MAX)).round() as u16;
    let neuron = |neuron: crate::subtensor::Neuron| NeuronGenesis {
        hotkey: neuron.hotkey,
        coldkey: neuron.coldkey,
        stake: neuron.alpha_stake,
        root_stake: neuron.root_stake,
        axon: neuron.axon.as_ref().map(crate::subtensor::AxonInfo::socket),
        permit: neuron.validator_permit,
        weights: Vec::new(),
        last_epoch: LastEpoch {
            incentive: part(neuron.incentive),
            dividends: part(neuron.dividends),
            consensus: part(neuron.consensus),
            validator_trust: part(neuron.validator_trust),
            emission: neuron.emission,
        },
    };
    subnet.neurons = metagraph.neurons.into_iter().map(neuron).collect();
    hotkeys_differ(&subnet)?;
    Ok(subnet)
}

impl Subnet {
    fn genesis(self) -> Result<SubnetGenesis, String> {
        let netuid = self.netuid;
        let place = |reason: String| format!("subnet {netuid}: {reason}");
        check_netuid(netuid)?;
        let mut subnet = SubnetGenesis::named(netuid, &format!("subnet {netuid}"), "α");
        let amount = |given: Option<Amount>, usual: Rao| given.as_ref().map_or(Ok(usual), rao).map_err(place);
        subnet.name = self.name.unwrap_or(subnet.name);
        subnet.symbol = self.symbol.unwrap_or(subnet.symbol);
        subnet.tempo = self.tempo.unwrap_or(subnet.tempo);
        subnet.max_uids = self.max_uids.unwrap_or(subnet.max_uids);
        subnet.max_validators = self.max_validators.unwrap_or(subnet.max_validators);
        subnet.immunity_period = self.immunity_period.unwrap_or(subnet.immunity_period);
        subnet.min_allowed_weights = self.min_allowed_weights.unwrap_or(subnet.min_allowed_weights);
        subnet.weights_rate_limit = self.weights_rate_limit.unwrap_or(subnet.weights_rate_limit);
        subnet.serving_rate_limit = self.serving_rate_limit.unwrap_or(subnet.serving_rate_limit);
        subnet.weights_version = self.weights_version.unwrap_or(subnet.weights_version);
        subnet.yuma3 = self.yuma3.unwrap_or(subnet.yuma3);
        subnet.commit_reveal = self.commit_reveal.unwrap_or(subnet.commit_reveal);
        subnet.reveal_period = self.reveal_period.unwrap_or(subnet.reveal_period);
        subnet.burn = amount(self.burn, subnet.burn)?;
        subnet.min_burn = amount(self.min_burn, subnet.min_burn.min(subnet.burn))?;
        subnet.pool = amount(self.pool, subnet.pool)?;
        let owner = self.owner.as_deref().map(key).transpose().map_err(place)?;
        subnet.owner = owner.map(|owner| (owner, subnet.owner_hotkey()));
        subnet.neurons = self.neuron.into_iter().map(Neuron::genesis).collect::<Result<_, _>>().map_err(place)?;
        if subnet.tempo == 0 || subnet.max_uids == 0 || subnet.pool.0 == 0 {
            return Err(place("tempo, max_uids and pool are above 0".to_owned()));
        }
        // The owner's neuron has uid 0.
        let size = subnet.neurons.len() + 1;
        if size > usize::from(subnet.max_uids) || size > NEURONS {
            return Err(place(format!("{size} neurons with the owner's, and room for {}", subnet.max_uids)));
        }
        let targets = subnet.neurons.iter().flat_map(|neuron| &neuron.weights);
        if let Some((uid, _)) = targets.into_iter().find(|(uid, _)| usize::from(*uid) >= size) {
            return Err(place(format!("there are weights for uid {uid}, and {size} neurons")));
        }
        hotkeys_differ(&subnet)?;
        Ok(subnet)
    }
}

impl Neuron {
    fn genesis(self) -> Result<NeuronGenesis, String> {
        let amount = |given: Option<Amount>| given.as_ref().map_or(Ok(Rao(0)), rao);
        let weight = |(uid, weight): (String, u16)| {
            let uid = uid.parse().map_err(|_| format!("{uid:?} in weights is no uid"))?;
            Ok((uid, weight))
        };
        Ok(NeuronGenesis {
            hotkey: key(&self.hotkey)?,
            coldkey: key(&self.coldkey)?,
            stake: amount(self.stake)?,
            root_stake: amount(self.root_stake)?,
            axon: self.axon,
            permit: self.permit,
            weights: self.weights.into_iter().map(weight).collect::<Result<_, String>>()?,
            last_epoch: LastEpoch::default(),
        })
    }
}

fn check_netuid(netuid: u16) -> Result<(), String> {
    match netuid {
        1..=NETUID => Ok(()),
        _ => Err(format!("{netuid} is not a netuid: 1 to {NETUID} are possible")),
    }
}

/// `//Bob//miner` of the development phrase, or an address.
fn key(text: &str) -> Result<Account, String> {
    match text.strip_prefix("//") {
        Some(path) if !path.is_empty() => Ok(dev_account(path)),
        _ => text.parse().map_err(|error| format!("{error}; a development key is written //Name")),
    }
}

fn rao(amount: &Amount) -> Result<Rao, String> {
    match amount {
        Amount::Whole(tao) => Ok(Rao::from_tao(u64::from(*tao))),
        Amount::Text(text) => text.parse().map_err(|error: crate::units::NotAnAmount| error.to_string()),
    }
}

fn hotkeys_differ(subnet: &SubnetGenesis) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    match subnet.neurons.iter().find(|neuron| !seen.insert(neuron.hotkey)) {
        Some(twice) => Err(format!("subnet {}: hotkey {} is given twice", subnet.netuid, twice.hotkey)),
        None => Ok(()),
    }
}

/// A hotkey has one coldkey, in all subnets.
fn owners_agree(subnets: &[SubnetGenesis]) -> Result<(), String> {
    let mut owners = BTreeMap::new();
    for neuron in subnets.iter().flat_map(|subnet| &subnet.neurons) {
        let first = *owners.entry(neuron.hotkey).or_insert(neuron.coldkey);
        if first != neuron.coldkey {
            return Err(format!("hotkey {} has the coldkeys {first} and {}", neuron.hotkey, neuron.coldkey));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subtensor::{AxonInfo, Neuron as OnChain};
    use crate::units::{NetUid, Uid};

    const FILE: &str = r#"
        [[account]]
        address = "//Miner"
        balance = "12.5"

        [[subnet]]
        netuid = 42
        name = "weather"
        tempo = 20
        weights_rate_limit = 0
        owner = "//Charlie"

        [[subnet.neuron]]
        hotkey = "//Miner//1"
        coldkey = "//Miner"
        axon = "127.0.0.2:8091"

        [[subnet.neuron]]
        hotkey = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"
        coldkey = "//Bob"
        stake = 5000
        permit = true
        weights = { 1 = 65535 }
    "#;

    #[test]
    fn a_file_declares_settings_and_neurons() {
        let scenario = Scenario::parse(FILE).unwrap();
        assert_eq!(scenario.funded, [(dev_account("Miner"), Rao(12_500_000_000))]);
        let [subnet] = &scenario.subnets[..] else { panic!("one subnet") };
        assert_eq!((subnet.netuid, subnet.tempo, subnet.max_uids), (42, 20, 256));
        assert_eq!(subnet.owner, Some((dev_account("Charlie"), dev_account("Owner//42"))));
        let [miner, validator] = &subnet.neurons[..] else { panic!("two neurons") };
        assert_eq!((miner.hotkey, miner.stake), (dev_account("Miner//1"), Rao(0)));
        assert_eq!((validator.hotkey, validator.stake), (dev_account("Alice"), Rao::from_tao(5000)));
        assert_eq!(validator.weights, [(1, 65535)]);
    }

    #[test]
    fn what_no_chain_can_start_with_is_refused_by_its_place() {
        let neuron = |text: &str| format!("[[subnet]]\nnetuid = 7\n[[subnet.neuron]]\n{text}");
        let keys = "hotkey = \"//a\"\ncoldkey = \"//b\"\n";
        for (text, said) in [
            (String::new(), "[[subnet]]"),
            ("[[subnet]]\nnetuid = 0".into(), "1 to 4095"),
            ("[[subnet]]\nnetuid = 5000".into(), "1 to 4095"),
            ("[[subnet]]\nnetuid = 7\n[[subnet]]\nnetuid = 7".into(), "twice"),
            ("[[subnet]]\nnetuid = 7\ntempi = 3".into(), "tempi"),
            ("[[subnet]]\nnetuid = 7\ntempo = 0".into(), "subnet 7"),
            (neuron("hotkey = \"//a\"\ncoldkey = \"bob\""), "bob"),
            (neuron(&format!("{keys}stake = 1.5")), "stake"),
            (neuron(&format!("{keys}stake = \"1.0000000001\"")), "subnet 7"),
            (neuron(&format!("{keys}weights = {{ 2 = 1 }}")), "uid 2"),
            (neuron(&format!("{keys}weights = {{ x = 1 }}")), "\"x\""),
            (neuron(&format!("{keys}[[subnet.neuron]]\n{keys}")), "twice"),
            (
                format!(
                    "{}[[subnet]]\nnetuid = 8\n[[subnet.neuron]]\nhotkey = \"//a\"\ncoldkey = \"//c\"",
                    neuron(keys)
                ),
                "coldkeys",
            ),
            (
                "[[subnet]]\nnetuid = 7\nmax_uids = 1\n[[subnet.neuron]]\nhotkey = \"//a\"\ncoldkey = \"//b\"".into(),
                "room for 1",
            ),
        ] {
            let error = Scenario::parse(&text).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
    }

    fn saved() -> Metagraph {
        let neuron = |uid: u16| OnChain {
            uid: Uid(uid),
            hotkey: dev_account(&format!("hot{uid}")),
            coldkey: dev_account(&format!("cold{uid}")),
            registered_at: 5,
            axon: (uid == 1).then(|| AxonInfo {
                ip: "10.0.0.1".parse().unwrap(),
                port: 9,
                version: 1,
                protocol: 4,
                block: 3,
            }),
            alpha_stake: Rao::from_tao(u64::from(uid)),
            root_stake: Rao(0),
            total_stake: Rao::from_tao(u64::from(uid)),
            validator_permit: uid == 2,
            active: true,
            last_update: 7,
            incentive: 0.5,
            dividends: 0.0,
            emission: Rao(3),
            consensus: 1.0,
            validator_trust: 0.0,
        };
        Metagraph { netuid: NetUid(33), block: 9, neurons: (0..3).map(neuron).collect() }
    }

    #[test]
    fn a_saved_metagraph_is_a_subnet_in_either_form_with_its_weights() {
        let folder = tempfile::tempdir().unwrap();
        let (kept, printed, rows) = (folder.path().join("a"), folder.path().join("b"), folder.path().join("c"));
        saved().save(&kept).unwrap();
        fs::write(&printed, serde_json::to_vec(&saved()).unwrap()).unwrap();
        fs::write(&rows, r#"{"netuid":33,"mechanism":0,"rows":{"2":[[0,65535],[1,7]]}}"#).unwrap();
        let like = &[SubnetGenesis { tempo: 3, ..SubnetGenesis::named(33, "x", "x") }][..];
        let subnet = fork(&kept, Some(&rows), like).unwrap();
        assert_eq!((subnet.netuid, subnet.tempo, subnet.neurons.len()), (33, 3, 3));
        assert_eq!(subnet.owner, Some((dev_account("cold0"), dev_account("hot0"))));
        let [_, miner, validator] = &subnet.neurons[..] else { panic!("three neurons") };
        assert_eq!(miner.axon, Some("10.0.0.1:9".parse().unwrap()));
        assert_eq!((miner.last_epoch.incentive, miner.last_epoch.consensus), (32768, 65535));
        assert_eq!((validator.permit, &validator.weights[..]), (true, &[(0, 65535), (1, 7)][..]));
        assert_eq!(fork(&printed, Some(&rows), like).unwrap(), subnet);

        fs::write(&rows, r#"{"netuid":33,"rows":{"3":[]}}"#).unwrap();
        assert!(fork(&kept, Some(&rows), like).unwrap_err().to_string().contains("uid 3"));
        fs::write(&rows, r#"{"netuid":8,"rows":{}}"#).unwrap();
        assert!(fork(&kept, Some(&rows), like).unwrap_err().to_string().contains("subnet 8"));
        fs::write(&kept, "{}").unwrap();
        assert!(fork(&kept, None, like).is_err());
    }
}
