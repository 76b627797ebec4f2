//! What is asked of Azuro, and which games are taken.

use std::time::Duration;

use serde::Deserialize;

use super::odds::Margin;
use super::titles::Titles;
use super::{STREAM_URL, URL};
use crate::market::stream::StreamSettings;
use crate::market::{AzuroChoice, HttpSettings, MarketError, MarketSettings};

/// Which of the two subgraphs is asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// `azuro-api-{chain}-v3`: games, bets and history.
    #[default]
    Api,
    /// `azuro-data-feed-{chain}`: games and odds alone.
    Feed,
}

/// What a price is taken from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prices {
    /// The list in which the game was found.
    #[default]
    Listed,
    /// What the stream told last, where it told anything; the list is the start and the check.
    Stream,
}

/// See the module.
#[derive(Debug, Clone)]
pub struct AzuroSettings {
    /// Address, pace and patience; `{chain}` in the address stands for each chain's name.
    pub http: HttpSettings,
    /// Chains to ask, the first goes first: a game that two of them have is the first one's.
    pub chains: Vec<String>,
    /// Which subgraph is at the address.
    pub source: Source,
    /// How the margin is taken out of the odds.
    pub margin: Margin,
    /// Questions of one game at most, each about another of its conditions.
    pub per_game: usize,
    /// Sports taken, by slug or name; empty takes all.
    pub sports: Vec<String>,
    /// What the numbers of outcomes mean, where the subgraph does not say.
    pub titles: Titles,
    /// Games that start later than this from now are not offered yet.
    pub max_ahead: Duration,
    /// Games per page, 1000 at most.
    pub page: usize,
    /// Pages read in one poll of one chain at most.
    pub max_pages: usize,
    /// What prices are taken from.
    pub prices: Prices,
    /// The stream of conditions and games.
    pub stream: StreamSettings,
    /// What the stream calls each chain.
    pub environments: Vec<(String, String)>,
}

impl Default for AzuroSettings {
    fn default() -> Self {
        Self {
            http: HttpSettings::at(URL),
            chains: vec!["polygon".to_owned()],
            source: Source::Api,
            margin: Margin::Proportional,
            per_game: 1,
            sports: Vec::new(),
            titles: Titles::default(),
            max_ahead: Duration::from_secs(14 * 86_400),
            // A game has a hundred conditions and more: such a page has megabytes.
            page: 100,
            max_pages: 50,
            prices: Prices::Listed,
            stream: StreamSettings::at(STREAM_URL),
            environments: vec![("polygon".to_owned(), "PolygonUSDT".to_owned())],
        }
    }
}

impl AzuroSettings {
    /// What the operator's settings say; reads the dictionary, if one is named.
    ///
    /// # Errors
    /// [`MarketError::Dictionary`] when that cannot be read.
    pub fn from_config(settings: &MarketSettings) -> Result<Self, MarketError> {
        let AzuroChoice { url, feed_url, source, chains, margin, per_game, sports, dictionary, .. } = &settings.azuro;
        let AzuroChoice { prices, stream_url, environments, .. } = &settings.azuro;
        let titles = match dictionary {
            Some(path) => Titles::read(path).map_err(|e| MarketError::Dictionary(e.to_string()))?,
            None => Titles::default(),
        };
        Ok(Self {
            http: HttpSettings::at(if *source == Source::Feed { feed_url } else { url }),
            chains: chains.clone(),
            source: *source,
            margin: *margin,
            per_game: *per_game,
            sports: sports.clone(),
            titles,
            max_ahead: settings.horizon,
            prices: *prices,
            stream: StreamSettings::at(stream_url),
            environments: environments.clone(),
            ..Self::default()
        })
    }

    /// What the stream calls a chain.
    pub(super) fn environment(&self, chain: &str) -> Option<String> {
        self.environments.iter().find(|(name, _)| name == chain).map(|(_, environment)| environment.clone())
    }

    /// The address of each chain's subgraph.
    pub(super) fn addresses(&self) -> Result<Vec<String>, MarketError> {
        let template = &self.http.base_url;
        let refuse =
            |reason: String| MarketError::Misconfigured { provider: super::NAME, url: template.clone(), reason };
        let is_name = |chain: &str| {
            !chain.is_empty() && chain.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        };
        if self.chains.is_empty() {
            return Err(refuse("no chain is named: set `--market.azuro.chains`".to_owned()));
        }
        if let Some(chain) = self.chains.iter().find(|chain| !is_name(chain)) {
            return Err(refuse(format!("`{chain}` is not the name of a chain, such as polygon or gnosis")));
        }
        if self.chains.len() > 1 && !template.contains(CHAIN) {
            return Err(refuse(format!(
                "it must contain {CHAIN} in place of the names of {} chains",
                self.chains.len()
            )));
        }
        Ok(self.chains.iter().map(|chain| template.replace(CHAIN, chain)).collect())
    }
}

/// What stands for the name of a chain.
const CHAIN: &str = "{chain}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_chain_has_an_address_of_its_own() {
        let addresses = |url: &str, chains: &[&str]| {
            let chains = chains.iter().map(|&chain| chain.to_owned()).collect();
            AzuroSettings { http: HttpSettings::at(url), chains, ..AzuroSettings::default() }.addresses()
        };
        assert_eq!(
            addresses("http://h/a-{chain}-v3", &["bsc", "base"]).unwrap(),
            ["http://h/a-bsc-v3", "http://h/a-base-v3"]
        );
        assert_eq!(addresses("http://h/", &["polygon"]).unwrap(), ["http://h/"]);
        for (url, chains) in [("http://h", &["a", "b"][..]), ("http://h/{chain}", &[]), ("http://h/{chain}", &["../x"])]
        {
            assert!(matches!(addresses(url, chains), Err(MarketError::Misconfigured { .. })), "{url} {chains:?}");
        }
    }
}
