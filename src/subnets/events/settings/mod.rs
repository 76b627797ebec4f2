//! What an operator can say about work on events.

mod rows;

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Deserialize;
use toml::Table;

use crate::config::{ConfigError, Resolved, duration};
use crate::forecast::ForecasterSettings;
use crate::forecast::llm::settings::LlmSettings;
use crate::market::MarketSettings;
use crate::scoring::Rules;
use crate::subnets::past;
use crate::subnets::work::{Peer, Peers, WorkError};

pub use rows::{ALL, ASKING, FORECASTER, IFGAMES_2025, MARKET, SCORING, SETTINGS};

/// The same, typed.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the rows of settings explain each")]
pub struct EventsSettings {
    pub market: MarketSettings,
    pub forecaster: ForecasterSettings,
    pub llm: LlmSettings,
    pub record: RecordSettings,
    #[serde(deserialize_with = "duration")]
    pub tick: Duration,
    pub tick_jitter: f64,
    pub axons: Axons,
    pub reasonings: bool,
    #[serde(deserialize_with = "duration")]
    pub void_after: Duration,
    #[serde(deserialize_with = "duration")]
    pub dispute_window: Duration,
    pub test_only_historical: u8,
    pub price_check: PriceCheckSettings,
    /// Read by the scoring room's own type, which refuses keys that it does not know.
    pub scoring: Table,
}

/// Whom a validator asks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Axons {
    /// All that serve.
    #[default]
    All,
    /// Of each coldkey and of each address the one with the lowest uid.
    OnePerOwner,
}

impl Axons {
    /// Those of `peers` that are asked.
    pub(super) fn of(self, peers: &dyn Peers) -> Vec<Peer> {
        let mut asked = peers.now();
        if self == Self::All {
            return asked;
        }
        asked.sort_by_key(|peer| peer.uid);
        let (mut owners, mut addresses) = (BTreeSet::new(), BTreeSet::new());
        asked.retain(|peer| {
            // Who is nobody's, as far as is known, is its own.
            let owner = peers.known(&peer.identity).map_or(peer.identity.hotkey, |known| known.coldkey);
            let is_first = !owners.contains(&owner) && !addresses.contains(&peer.target.ip);
            if is_first {
                owners.insert(owner);
                addresses.insert(peer.target.ip);
            }
            is_first
        });
        asked
    }
}

/// When prices are compared with a second source's.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the rows of settings explain each")]
pub struct PriceCheckSettings {
    #[serde(deserialize_with = "duration")]
    pub every: Duration,
    pub bound: f64,
}

/// What a miner remembers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the rows of settings explain each")]
pub struct RecordSettings {
    #[serde(deserialize_with = "duration")]
    pub retention: Duration,
    #[serde(deserialize_with = "duration")]
    pub look: Duration,
}

impl EventsSettings {
    /// What was said about events.
    ///
    /// # Errors
    /// As [`Resolved::typed`].
    pub fn of(resolved: &Resolved) -> Result<Self, ConfigError> {
        resolved.typed(|row| ALL.iter().chain([&past::SETTING]).any(|own| own.key == row.key))
    }

    /// The scoring rules.
    ///
    /// # Errors
    /// [`WorkError::Setting`]: they contradict each other.
    pub fn rules(&self) -> Result<Rules, WorkError> {
        let rules: Rules = serde::Deserialize::deserialize(toml::Value::Table(self.scoring.clone()))
            .map_err(|e: toml::de::Error| WorkError::Setting(format!("scoring: {}", e.message())))?;
        rules.validate().map_err(|e| WorkError::Setting(e.to_string()))?;
        Ok(rules)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Layer;
    use crate::dendrite::Target;
    use crate::market::MarketName;
    use crate::subnets::registry;
    use crate::subnets::work::Known;
    use crate::units::{Account, Identity, Rao, Uid};

    #[test]
    fn the_preset_is_the_reference_and_what_is_said_beside_it_wins() {
        let mut layers = registry::layers();
        layers.flags.insert("preset", vec!["ifgames-2025".to_owned()]);
        let resolved = layers.resolve().unwrap();
        let settings = EventsSettings::of(&resolved).unwrap();
        assert_eq!(settings.rules().unwrap(), Rules::of_2025());
        assert_eq!(settings.market.providers, [MarketName::IfGames]);
        assert_eq!((settings.tick, settings.axons), (Duration::from_secs(180), Axons::OnePerOwner));
        assert!(settings.market.ifgames.report);
        assert_eq!(resolved.settings().unwrap().dendrite.timeout, Duration::from_secs(120));
        let tick = resolved.values.iter().find(|value| value.setting.key == "tick").unwrap();
        assert_eq!(tick.layer, Layer::Preset { name: "ifgames-2025".to_owned() });

        layers.flags.insert("tick", vec!["60s".to_owned()]);
        let settings = EventsSettings::of(&layers.resolve().unwrap()).unwrap();
        assert_eq!((settings.tick, settings.axons), (Duration::from_secs(60), Axons::OnePerOwner));
        layers.flags.insert("preset", vec!["ifgames-2024".to_owned()]);
        assert!(layers.resolve().unwrap_err().to_string().contains("ifgames-2025"));
        let keys = |key: &str| registry::settings().iter().any(|row| row.key == key);
        assert!(IFGAMES_2025.values.iter().all(|(key, _)| keys(key)), "every value has its setting");
    }

    /// Hotkey, coldkey and last part of the address of each.
    #[derive(Debug)]
    struct These(Vec<(u8, u8, u8)>);

    impl Peers for These {
        fn now(&self) -> Vec<Peer> {
            let peer = |(uid, (hotkey, _, ip)): (u16, &(u8, u8, u8))| {
                let identity = Identity { hotkey: Account([*hotkey; 32]), registered_at: 1 };
                let target = Target { hotkey: identity.hotkey, ip: [10, 0, 0, *ip].into(), port: 1 };
                Peer { uid: Uid(uid), identity, target }
            };
            let mut peers: Vec<Peer> = (0..).zip(&self.0).map(peer).collect();
            peers.reverse();
            peers
        }

        fn known(&self, identity: &Identity) -> Option<Known> {
            let (_, coldkey, _) = self.0.iter().find(|(hotkey, ..)| [*hotkey; 32] == identity.hotkey.0)?;
            Some(Known { coldkey: Account([*coldkey; 32]), stake: Rao(0), validator_permit: false })
        }
    }

    #[test]
    fn of_an_owner_and_of_an_address_the_first_is_asked() {
        let peers = These(vec![(1, 101, 1), (2, 102, 1), (3, 101, 3), (4, 104, 4), (5, 102, 5)]);
        let uids = |axons: Axons| axons.of(&peers).iter().map(|peer| peer.uid.0).collect::<Vec<_>>();
        assert_eq!(uids(Axons::OnePerOwner), [0, 3, 4], "the second one of 102 is not kept out by a first that was");
        assert_eq!(uids(Axons::All).len(), 5);
    }
}
