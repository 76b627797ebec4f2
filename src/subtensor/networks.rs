//! The networks by name, and what the settings say about the chain.
//!
//! Addresses: `settings.py` of the SDKs 10.5 and 11.3; the genesis hash of the main network likewise.

use super::{SubtensorConfig, SubtensorError};
use crate::config::SubtensorSettings;

/// A network that has a name.
struct Network {
    name: &'static str,
    endpoints: &'static [&'static str],
    genesis: Option<[u8; 32]>,
}

/// `0x2f0555cc76fc2840a25a6ea3b9637146806f1f44b090c175ffde2a7e5ab36c03`
const FINNEY: [u8; 32] = [
    0x2f, 0x05, 0x55, 0xcc, 0x76, 0xfc, 0x28, 0x40, 0xa2, 0x5a, 0x6e, 0xa3, 0xb9, 0x63, 0x71, 0x46, 0x80, 0x6f, 0x1f,
    0x44, 0xb0, 0x90, 0xc1, 0x75, 0xff, 0xde, 0x2a, 0x7e, 0x5a, 0xb3, 0x6c, 0x03,
];

const NETWORKS: [Network; 4] = [
    Network {
        name: "finney",
        endpoints: &[
            "wss://entrypoint-finney.opentensor.ai:443",
            "wss://lite.chain.opentensor.ai:443",
            "wss://lite.sub.latent.to:443",
        ],
        genesis: Some(FINNEY),
    },
    Network { name: "test", endpoints: &["wss://test.finney.opentensor.ai:443"], genesis: None },
    Network {
        name: "archive",
        endpoints: &["wss://archive.chain.opentensor.ai:443", "wss://archive.sub.latent.to:443"],
        genesis: Some(FINNEY),
    },
    Network { name: "local", endpoints: &["ws://127.0.0.1:9944"], genesis: None },
];

impl SubtensorConfig {
    /// A network by its name (`finney`, `test`, `archive`, `local`), or one address.
    ///
    /// # Errors
    /// [`SubtensorError::UnknownNetwork`] for what is neither.
    ///
    /// ```
    /// use neuron::subtensor::SubtensorConfig;
    ///
    /// assert_eq!(SubtensorConfig::network("local")?.endpoints, ["ws://127.0.0.1:9944"]);
    /// assert!(SubtensorConfig::network("finey").is_err());
    /// # Ok::<(), neuron::subtensor::SubtensorError>(())
    /// ```
    pub fn network(name: &str) -> Result<Self, SubtensorError> {
        let (network, usual) = (name.to_owned(), Self::new([name]));
        let (chain_endpoint, archive, timeout) = (Vec::new(), Vec::new(), usual.read_deadline);
        Self::from_settings(&SubtensorSettings { network, chain_endpoint, archive, timeout })
    }

    /// What the settings say: the listed endpoints, else those of the network.
    ///
    /// # Errors
    /// [`SubtensorError::UnknownNetwork`] for a network that is neither a name nor a WebSocket address, and
    /// [`SubtensorError::BadEndpoint`] for an endpoint that is none.
    pub fn from_settings(settings: &SubtensorSettings) -> Result<Self, SubtensorError> {
        let listed = &settings.chain_endpoint;
        let (endpoints, genesis) = match NETWORKS.iter().find(|network| network.name == settings.network) {
            _ if !listed.is_empty() => (listed.clone(), None),
            Some(network) => (network.endpoints.iter().map(ToString::to_string).collect(), network.genesis),
            None if is_websocket(&settings.network) => (vec![settings.network.clone()], None),
            None => return Err(SubtensorError::UnknownNetwork(settings.network.clone())),
        };
        if let Some(bad) = endpoints.iter().find(|endpoint| !is_websocket(endpoint)) {
            return Err(SubtensorError::BadEndpoint(super::error::shown(bad)));
        }
        // Without a list of the user's, the main network's own archive.
        let known = || NETWORKS.iter().find(|network| genesis.is_some() && network.name == "archive");
        let archive = match settings.archive.is_empty() {
            false => settings.archive.clone(),
            true => known().map(|n| n.endpoints.iter().map(ToString::to_string).collect()).unwrap_or_default(),
        };
        if let Some(bad) = archive.iter().find(|endpoint| !is_websocket(endpoint)) {
            return Err(SubtensorError::BadEndpoint(super::error::shown(bad)));
        }
        let usual = Self::new(endpoints);
        let read_deadline = settings.timeout;
        Ok(Self { archive, genesis, read_deadline, answer_deadline: usual.answer_deadline.min(read_deadline), ..usual })
    }
}

fn is_websocket(text: &str) -> bool {
    text.starts_with("ws://") || text.starts_with("wss://")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn settings(network: &str, chain_endpoint: &[&str]) -> SubtensorSettings {
        let chain_endpoint = chain_endpoint.iter().map(ToString::to_string).collect();
        SubtensorSettings {
            network: network.into(),
            chain_endpoint,
            archive: Vec::new(),
            timeout: Duration::from_secs(7),
        }
    }

    #[test]
    fn names_addresses_and_lists_are_understood() {
        let finney = SubtensorConfig::from_settings(&settings("finney", &[])).unwrap();
        assert_eq!(finney.genesis, Some(FINNEY));
        assert_eq!((finney.endpoints.len(), finney.archive.len()), (3, 2));
        assert_eq!(finney.read_deadline, Duration::from_secs(7));
        let own = SubtensorConfig::from_settings(&settings("ws://10.0.0.1:9944", &[])).unwrap();
        assert_eq!((own.endpoints, own.genesis), (vec!["ws://10.0.0.1:9944".to_owned()], None));
        // A list is a chain of the user's: the name of the network says nothing about it.
        let listed = SubtensorConfig::from_settings(&settings("finney", &["ws://a", "ws://b"])).unwrap();
        assert_eq!((listed.endpoints.len(), listed.genesis), (2, None));
        assert!(listed.archive.is_empty(), "the main network's archive knows nothing of the user's chain");
        let own = SubtensorSettings { archive: vec!["ws://c".into()], ..settings("finney", &[]) };
        assert_eq!(SubtensorConfig::from_settings(&own).unwrap().archive, ["ws://c"]);
    }

    #[test]
    fn what_is_no_network_is_said() {
        let typo = SubtensorConfig::from_settings(&settings("finey", &[])).unwrap_err().to_string();
        assert!(typo.contains("finey") && typo.contains("finney, test, archive, local"), "{typo}");
        let bad = SubtensorConfig::from_settings(&settings("finney", &["http://a"])).unwrap_err().to_string();
        assert!(bad.contains("http://a") && bad.contains("ws://"), "{bad}");
    }
}
