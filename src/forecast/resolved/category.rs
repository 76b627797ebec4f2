//! What a question is about, by its words: a rough cut, the same for everybody.

use serde::{Deserialize, Serialize};

/// A field of questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// Prices of coins and tokens.
    Crypto,
    /// Interest, prices, companies, markets.
    Economy,
    /// Votes, offices, laws, courts.
    Politics,
    /// War and peace, between states.
    Conflict,
    /// Games and who wins them.
    Sport,
    /// Films, music, prizes.
    Culture,
    /// Science, technology, space, weather, health.
    Science,
    /// Whatever else.
    Other,
}

/// Beginnings of words, in the order in which they decide.
const WORDS: [(Category, &[&str]); 7] = [
    (
        Category::Crypto,
        &["bitcoin", "btc", "ethereum", "eth", "solana", "crypto", "token", "coinbase", "binance", "nft"],
    ),
    (
        Category::Conflict,
        &[
            "war",
            "ceasefire",
            "invade",
            "invasion",
            "missile",
            "nuclear",
            "military",
            "ukrain",
            "gaza",
            "israel",
            "nato",
            "troops",
            "hamas",
        ],
    ),
    (
        Category::Economy,
        &[
            "fed",
            "fomc",
            "interest",
            "inflation",
            "cpi",
            "gdp",
            "recession",
            "unemployment",
            "stock",
            "ipo",
            "bank",
            "bps",
            "rate",
            "rates",
            "tesla",
            "nvidia",
            "earnings",
        ],
    ),
    (
        Category::Sport,
        &[
            "nba",
            "nfl",
            "nhl",
            "mlb",
            "fifa",
            "uefa",
            "olympic",
            "medal",
            "champion",
            "league",
            "cup",
            "match",
            "playoff",
            "super",
            "tennis",
            "ufc",
            "f1",
            "wimbledon",
        ],
    ),
    (
        Category::Politics,
        &[
            "election",
            "elect",
            "president",
            "prime",
            "minister",
            "senat",
            "congress",
            "trump",
            "biden",
            "harris",
            "vote",
            "poll",
            "parliament",
            "democrat",
            "republican",
            "governor",
            "court",
            "impeach",
            "nominee",
            "cabinet",
        ],
    ),
    (
        Category::Culture,
        &["oscar", "grammy", "movie", "film", "album", "song", "box", "netflix", "taylor", "emmy", "spotify"],
    ),
    (
        Category::Science,
        &[
            "ai",
            "gpt",
            "openai",
            "spacex",
            "nasa",
            "launch",
            "temperature",
            "climate",
            "hurricane",
            "earthquake",
            "covid",
            "vaccin",
            "virus",
            "hottest",
            "model",
            "starship",
        ],
    ),
];

impl Category {
    /// The category of a question by its title.
    #[must_use]
    pub fn of(title: &str) -> Self {
        let lower = title.to_lowercase();
        let words: Vec<&str> = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
        // Short ones are whole words: `war` is not in `award`, nor `eth` in `ethics`.
        let has = |start: &&&str| {
            words.iter().any(|word| if start.len() <= 4 { word == *start } else { word.starts_with(**start) })
        };
        WORDS.iter().find(|(_, starts)| starts.iter().any(|start| has(&start))).map_or(Self::Other, |(found, _)| *found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_has_a_category_by_whole_words() {
        for (title, category) in [
            ("Will Bitcoin close above $100k?", Category::Crypto),
            ("Will the Fed cut rates in May?", Category::Economy),
            ("Will Russia and Ukraine agree on a ceasefire?", Category::Conflict),
            ("Who wins the 2024 US presidential election?", Category::Politics),
            ("Will it win the Award for ethics?", Category::Other),
            ("", Category::Other),
        ] {
            assert_eq!(Category::of(title), category, "{title}");
        }
    }
}
