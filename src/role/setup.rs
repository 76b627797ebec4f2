//! From settings to running roles: everything that can fail, fails here, before a port is bound or a key is used.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

use super::announce::Announcement;
use super::error::RoleError;
use super::lake;
use super::miner::MinerParts;
use super::subnet::Subnet;
use super::validator::{Others, ValidatorParts};
use super::weights::{CommitBy, WeightsPolicy, WeightsWriter};
use crate::axon::{AdmissionPolicy, AxonConfig, Network, Proxies, Rate};
use crate::clock::Clock;
use crate::config::{Resolved, Settings};
use crate::dendrite::{Dendrite, DendriteConfig, Dialect};
use crate::ledger::{Address, Ledger, LedgerError, Place, Schema};
use crate::subnets::registry::{self, KindError};
use crate::subnets::work::{Kind, MakeValidator, MinerNeeds, Shares, ValidatorNeeds};
use crate::subtensor::{Subtensor, SubtensorConfig};
use crate::units::{Account, NetUid, Rao};
use crate::wallet::{Given, Keypair, Unlock, Wallet};

/// What one address may send, in multiples of what one hotkey may: several validators can share an address.
const HOTKEYS_PER_ADDRESS: f64 = 10.0;
/// Requests that may come at once, in seconds of the allowed rate.
const BURST_SECONDS: f64 = 30.0;

/// The subnet asked for, and its kind of work.
///
/// # Errors
/// No subnet, an unknown one without `--task`, or a kind that there is not.
pub fn subnet_and_kind(settings: &Settings) -> Result<(NetUid, &'static Kind), RoleError> {
    let netuid = NetUid(settings.netuid.ok_or(KindError::NoNetuid)?);
    Ok((netuid, registry::kind_of(netuid, settings.task.as_deref())?))
}

/// The hotkey of the settings, unlocked.
///
/// # Errors
/// There is no such wallet or key, or no password opens it.
pub fn hotkey(settings: &Settings) -> Result<Arc<Keypair>, RoleError> {
    let wallet = Wallet::open(&settings.wallet.path, &settings.wallet.name, &settings.wallet.hotkey)?;
    let unlock = Unlock::of_process(settings.wallet.password_file.clone().map(Given::File));
    Ok(Arc::new(wallet.hotkey(&unlock)?))
}

/// The chain of the settings.
///
/// # Errors
/// No such network, or no endpoint answers.
pub async fn chain(settings: &Settings) -> Result<Subtensor, RoleError> {
    Ok(Subtensor::connect(SubtensorConfig::from_settings(&settings.subtensor)?).await?)
}

/// The subnet, in which the hotkey must be registered. While the chain is away, as it was when it was last seen.
async fn registered(settings: &Settings, netuid: NetUid, hotkey: &Keypair) -> Result<Subnet, RoleError> {
    let chain = Subtensor::begin(SubtensorConfig::from_settings(&settings.subtensor)?)?;
    let subnet = Subnet::open(chain, netuid, metagraph_path(settings, netuid)).await?;
    let account = hotkey.account();
    match subnet.now().neuron(&account) {
        Some(neuron) => {
            tracing::info!(hotkey = %account, uid = neuron.uid.0, %netuid, endpoint = subnet.chain().endpoint(), "registered");
            Ok(subnet)
        }
        None => Err(RoleError::NotRegistered {
            hotkey: account,
            netuid,
            wallet: settings.wallet.name.clone(),
            name: settings.wallet.hotkey.clone(),
        }),
    }
}

/// What an axon is told, and the address and port to publish, where others than its own.
type Announced = (AxonConfig, (Option<IpAddr>, Option<u16>));

/// A validator that lacks its ledger only: what can be looked at before its turn has come.
pub struct Prepared<'a> {
    resolved: &'a Resolved,
    settings: &'a Settings,
    kind: &'static Kind,
    part: MakeValidator,
    calling: DendriteConfig,
    announced: Option<Announced>,
    hotkey: Arc<Keypair>,
    subnet: Subnet,
}

impl std::fmt::Debug for Prepared<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prepared").field("kind", &self.kind.name).field("subnet", &self.subnet).finish_non_exhaustive()
    }
}

/// A validator but for its ledger.
///
/// # Errors
/// Whatever is wrong with settings, keys, chain or work; each says what to do.
pub async fn prepared<'a>(resolved: &'a Resolved, settings: &'a Settings) -> Result<Prepared<'a>, RoleError> {
    let (netuid, kind) = subnet_and_kind(settings)?;
    let part = kind.needs_validator()?;
    (part.check)(resolved)?;
    let calling = dendrite(settings)?;
    let announced =
        settings.axon.announce.then(|| Ok::<_, RoleError>((axon(settings)?, external(settings)?))).transpose()?;
    let hotkey = hotkey(settings)?;
    let subnet = registered(settings, netuid, &hotkey).await?;
    Ok(Prepared { resolved, settings, kind, part, calling, announced, hotkey, subnet })
}

/// How long a validator whose turn has come waits for a fresh metagraph before it begins with the one that it has.
const FRESH: Duration = Duration::from_secs(3);

impl Prepared<'_> {
    /// Where its ledger is.
    ///
    /// # Errors
    /// The settings name no place.
    pub fn place(&self) -> Result<Place, RoleError> {
        Ok(ledger_place(self.settings, self.subnet.netuid(), &self.hotkey.account())?)
    }

    /// The tables that its work needs there.
    #[must_use]
    pub fn tables(&self) -> Vec<Schema> {
        self.kind.schema.into_iter().collect()
    }

    /// Who is on the subnet now, after a wait that may have been long.
    pub async fn look_again(&self) {
        match tokio::time::timeout(FRESH, self.subnet.refresh()).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::warn!(%error, "starting with an older metagraph"),
            Err(_) => tracing::warn!("starting with an older metagraph: the chain does not answer"),
        }
    }

    /// The parts of the validator, with its ledger.
    ///
    /// # Errors
    /// Whatever is wrong with its work or its caller.
    pub fn with(self, ledger: Ledger) -> Result<ValidatorParts, RoleError> {
        let Self { resolved, settings, kind, part, calling, announced, hotkey, subnet } = self;
        let clock = Clock::wall();
        let dendrite = Arc::new(Dendrite::new(calling, Arc::clone(&hotkey))?);
        let needs = ValidatorNeeds {
            hotkey: Arc::clone(&hotkey),
            dendrite: Arc::clone(&dendrite),
            deadline: settings.dendrite.timeout,
            ledger: ledger.clone(),
            clock: clock.clone(),
            peers: Arc::new(Others::than(hotkey.account(), subnet.clone())),
        };
        let name = lake::name(subnet.netuid(), &hotkey.account());
        let lake = lake::duty(&settings.lake, kind, name, &ledger, &clock)?;
        let work = (part.make)(resolved, needs)?;
        let weights = (!settings.weights.disable).then(|| {
            let (policy, shares) = (weights_policy(settings), Arc::clone(&work) as Arc<dyn Shares>);
            WeightsWriter::new(Arc::clone(&hotkey), subnet.clone(), ledger.clone(), shares, clock, policy)
        });
        let announcement =
            announced.map(|(axon, external)| Announcement { hotkey: Arc::clone(&hotkey), axon, external });
        Ok(ValidatorParts { hotkey: hotkey.account(), subnet, work, dendrite, ledger, weights, lake, announcement })
    }
}

/// When and how weights are written, as the settings say.
#[must_use]
pub fn weights_policy(settings: &Settings) -> WeightsPolicy {
    let commit = match settings.weights.commit.as_str() {
        "hashed" => CommitBy::Hash,
        "timelocked" => CommitBy::Seal,
        _ => CommitBy::WhatWorks,
    };
    WeightsPolicy { interval_blocks: settings.weights.interval_blocks, commit }
}

/// One ledger per subnet and hotkey: a file, or a schema of the database that `db.url` names.
///
/// # Errors
/// `db.url` is none; the file with its password cannot be read.
pub fn ledger_place(settings: &Settings, netuid: NetUid, hotkey: &Account) -> Result<Place, LedgerError> {
    match database(settings)? {
        Some(database) => Ok(Place::Database(database.in_schema(format!("sn{netuid}_{hotkey}"))?)),
        None => Ok(settings.db.directory.join(format!("netuid{netuid}")).join(format!("{hotkey}.sqlite")).into()),
    }
}

/// The database that `db.url` names, with its password: in the URL, in `db.password_file`, or in `PGPASSWORD`.
///
/// # Errors
/// As [`ledger_place`].
pub fn database(settings: &Settings) -> Result<Option<Address>, LedgerError> {
    let Some(url) = &settings.db.url else { return Ok(None) };
    with_password(Place::Database(url.parse()?), settings).map(|place| match place {
        Place::Database(address) => Some(address),
        Place::File(_) => None,
    })
}

/// A place with the password of the settings, where it is a database and has none.
///
/// # Errors
/// The file cannot be read.
pub fn with_password(place: Place, settings: &Settings) -> Result<Place, LedgerError> {
    let Place::Database(address) = place else { return Ok(place) };
    let password = match &settings.db.password_file {
        Some(path) => {
            let unread = |e: std::io::Error| LedgerError::File { path: path.clone(), reason: e.to_string() };
            let text = Zeroizing::new(std::fs::read_to_string(path).map_err(unread)?);
            Some(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned()))
        }
        None => std::env::var("PGPASSWORD").ok().map(Zeroizing::new),
    };
    let address = address.with_password(password).with_roots(settings.db.tls_roots.clone());
    Ok(Place::Database(address.with_connections(settings.db.connections)))
}

/// One file per subnet and hotkey for what a miner wants to remember. Its ending tells it from a validator's ledger.
#[must_use]
pub fn miner_path(settings: &Settings, netuid: NetUid, hotkey: &Account) -> PathBuf {
    settings.db.directory.join(format!("netuid{netuid}")).join(format!("miner-{hotkey}.{MINER_ENDING}"))
}

/// See [`miner_path`].
pub const MINER_ENDING: &str = "db";

/// One metagraph per subnet and chain, of which the settings tell the name only.
fn metagraph_path(settings: &Settings, netuid: NetUid) -> PathBuf {
    let name = settings.subtensor.chain_endpoint.first().unwrap_or(&settings.subtensor.network);
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
    let file = format!("metagraph-{}.json", name.chars().map(plain).collect::<String>());
    settings.db.directory.join(format!("netuid{netuid}")).join(file)
}

fn dendrite(settings: &Settings) -> Result<DendriteConfig, RoleError> {
    let single = |text: &String| {
        let (hotkey, name) = text.split_once('=').unwrap_or((text, ""));
        let wrong = || {
            let expected = "expected a hotkey's ss58 address, `=`, and sdk or btauth";
            RoleError::Setting(format!("`dendrite.dialects` cannot contain `{text}`: {expected}"))
        };
        let hotkey: Account = hotkey.trim().parse().map_err(|_| wrong())?;
        Ok((hotkey, Dialect::of_name(name.trim()).ok_or_else(wrong)?))
    };
    let dialects = settings.dendrite.dialects.iter().map(single).collect::<Result<_, RoleError>>()?;
    Ok(DendriteConfig {
        // `auto` is the name of no dialect.
        dialect: Dialect::of_name(&settings.dendrite.dialect),
        dialects,
        allow_private: settings.dendrite.allow_private,
        max_in_flight: settings.dendrite.concurrency,
        ..DendriteConfig::default()
    })
}

/// The parts of a miner.
///
/// # Errors
/// Whatever is wrong with settings, keys, chain or work; each says what to do.
pub async fn miner(resolved: &Resolved, settings: &Settings) -> Result<MinerParts, RoleError> {
    let (netuid, kind) = subnet_and_kind(settings)?;
    let part = kind.needs_miner()?;
    (part.check)(resolved)?;
    let axon = axon(settings)?;
    let policy = policy(settings)?;
    let external = external(settings)?;
    let hotkey = hotkey(settings)?;
    let file = miner_path(settings, netuid, &hotkey.account());
    if settings.db.url.is_some() {
        // One file of settings may serve both roles, so this is nothing to refuse.
        tracing::info!(
            file = %file.display(),
            "`db.url` is for a validator's ledger; what this miner keeps is in a file of its own"
        );
    }
    let needs = MinerNeeds { clock: Clock::wall(), file };
    let work = (part.make)(resolved, needs)?;
    let subnet = registered(settings, netuid, &hotkey).await?;
    Ok(MinerParts { hotkey, subnet, axon, policy, external, work })
}

/// The address to publish, where it is not the one that is listened on.
fn external(settings: &Settings) -> Result<(Option<IpAddr>, Option<u16>), RoleError> {
    let external_ip = settings.axon.external_ip.as_deref().map(|text| ip("axon.external_ip", text)).transpose()?;
    Ok((external_ip, settings.axon.external_port))
}

/// The address in a setting.
///
/// # Errors
/// It is none.
pub fn ip(key: &str, text: &str) -> Result<IpAddr, RoleError> {
    text.parse()
        .map_err(|_| RoleError::Setting(format!("`{key}` cannot be `{text}`: expected an IPv4 or IPv6 address")))
}

fn axon(settings: &Settings) -> Result<AxonConfig, RoleError> {
    let listen = SocketAddr::new(ip("axon.ip", &settings.axon.ip)?, settings.axon.port);
    let words = settings.axon.trusted_proxies.iter().flat_map(|text| text.split(','));
    let words = words.map(str::trim).filter(|word| !word.is_empty());
    let proxies: Proxies = words
        .map(str::parse::<Network>)
        .collect::<Result<_, _>>()
        .map_err(|e| RoleError::Setting(format!("`axon.trusted_proxies`: {e}")))?;
    if settings.axon.proxy_protocol && proxies == Proxies::none() {
        let reason = "`axon.proxy_protocol` needs `axon.trusted_proxies`: only proxies that are listed there may name the \
             caller";
        return Err(RoleError::Setting(reason.to_owned()));
    }
    Ok(AxonConfig {
        max_connections: settings.axon.max_connections,
        concurrency: settings.axon.workers,
        queue: settings.priority.maxsize,
        proxies,
        proxy_protocol: settings.axon.proxy_protocol,
        ..AxonConfig::at(listen)
    })
}

fn policy(settings: &Settings) -> Result<AdmissionPolicy, RoleError> {
    let blacklist = &settings.blacklist;
    let accounts = |key: &str, list: &[String]| {
        list.iter()
            .map(|text| text.parse())
            .collect::<Result<HashSet<Account>, _>>()
            .map_err(|e| RoleError::Setting(format!("`{key}`: {e}")))
    };
    let per_second = blacklist.rate_per_minute / 60.0;
    let rate = |times: f64| {
        (per_second > 0.0).then_some(Rate { per_second: per_second * times, burst: per_second * times * BURST_SECONDS })
    };
    Ok(AdmissionPolicy {
        allow: accounts("blacklist.allow", &blacklist.allow)?,
        deny: accounts("blacklist.deny", &blacklist.deny)?,
        allow_non_registered: blacklist.allow_non_registered,
        force_validator_permit: blacklist.force_validator_permit,
        min_stake: Rao((blacklist.min_stake * Rao::PER_TAO as f64) as u64),
        hotkey_rate: rate(1.0),
        ip_rate: rate(HOTKEYS_PER_ADDRESS),
        legacy_peers: blacklist.legacy_peers,
        max_body_bytes: blacklist.max_body_bytes,
        max_timeout: blacklist.max_timeout,
        max_future: blacklist.max_future,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::Layers;

    fn told(flags: &[(&'static str, &str)]) -> Settings {
        let flags = flags.iter().map(|(key, value)| (*key, vec![(*value).to_owned()])).collect();
        Layers { flags, ..Layers::default() }.resolve().unwrap().settings().unwrap()
    }

    #[test]
    fn the_limits_of_a_request_come_from_the_settings() {
        let unsaid = policy(&told(&[])).unwrap();
        let default = AdmissionPolicy::default();
        assert_eq!((unsaid.max_body_bytes, unsaid.max_timeout), (default.max_body_bytes, default.max_timeout));
        assert_eq!(unsaid.max_future, default.max_future);
        let said = [
            ("blacklist.max_body_bytes", "2048"),
            ("blacklist.max_timeout", "30s"),
            ("blacklist.max_future", "2s"),
            ("blacklist.rate_per_minute", "0"),
        ];
        let said = policy(&told(&said)).unwrap();
        assert_eq!((said.max_body_bytes, said.max_timeout), (2048, Duration::from_secs(30)));
        assert_eq!((said.max_future, said.hotkey_rate), (Duration::from_secs(2), None));
    }

    #[test]
    fn proxies_come_from_the_settings() {
        let proxies = |said: &str| axon(&told(&[("axon.trusted_proxies", said)])).map(|config| config.proxies);
        let two = proxies("127.0.0.1, 10.0.0.0/8").unwrap();
        assert!(two.have([10, 1, 2, 3].into()) && two.have([127, 0, 0, 1].into()) && !two.have([127, 0, 0, 2].into()));
        assert!(proxies("10.0.0.0/99").unwrap_err().to_string().contains("axon.trusted_proxies"));
        let alone = axon(&told(&[("axon.proxy_protocol", "true")])).unwrap_err().to_string();
        assert!(alone.contains("axon.trusted_proxies"), "{alone}");
    }

    #[test]
    fn the_dialect_comes_from_the_settings() {
        let bob = "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty";
        assert_eq!(dendrite(&told(&[])).unwrap().dialect, None);
        let one = format!("{bob}=sdk");
        let both = [("dendrite.dialect", "btauth"), ("dendrite.dialects", one.as_str())];
        let calling = dendrite(&told(&both)).unwrap();
        assert_eq!(calling.dialect, Some(Dialect::BtAuth));
        assert_eq!(calling.dialects, [(bob.parse().unwrap(), Dialect::Headers)].into());
        for wrong in [bob.to_owned(), format!("{bob}=auto"), "5Nobody=sdk".into(), "=".into()] {
            let error = dendrite(&told(&[("dendrite.dialects", wrong.as_str())])).unwrap_err();
            assert!(error.to_string().contains(&wrong), "{error}");
        }
    }
}
