//! The one table of settings.

/// What a value looks like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Any text.
    Text,
    /// A path; `~` stands for the home folder.
    Path,
    /// `true` or `false`; a flag without value means `true`.
    Bool,
    /// A whole number in `min..=max`.
    Integer {
        /// Smallest.
        min: i64,
        /// Largest.
        max: i64,
    },
    /// A finite number in `min..=max`.
    Number {
        /// Smallest.
        min: f64,
        /// Largest.
        max: f64,
    },
    /// `250ms`, `60s`, `4h`.
    Duration,
    /// Several texts: the flag repeats, the environment separates by commas, the file has an array.
    List,
    /// One of these words.
    Choice(&'static [&'static str]),
}

/// One setting.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Setting {
    /// Its name in the file and, after `--`, on the command line; dots group. `-` and `_` may stand for `.` and each other.
    pub key: &'static str,
    /// Other names on the command line.
    pub aliases: &'static [&'static str],
    /// Names of other tools in the environment, beside our own `NEURON_` + key in capitals.
    pub env: &'static [&'static str],
    /// What it looks like.
    pub kind: Kind,
    /// The default as text; `None` when there is none.
    pub default: Option<&'static str>,
    /// The heading under which help shows it.
    pub group: Group,
    /// What it does, in one or two sentences.
    pub help: &'static str,
}

impl Setting {
    /// Our own name in the environment.
    #[must_use]
    pub fn own_env(&self) -> String {
        format!("NEURON_{}", self.key.replace(['.', '-'], "_").to_uppercase())
    }
}

/// A heading of the help page; each command takes the groups it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Netuid, task.
    Subnet,
    /// Key files.
    Wallet,
    /// The chain.
    Chain,
    /// The HTTP server of a miner.
    Axon,
    /// Who may call a miner.
    Admission,
    /// How a validator calls.
    Dendrite,
    /// Where events come from.
    Market,
    /// How a miner answers.
    Forecaster,
    /// What a validator does when.
    Validator,
    /// How a validator scores.
    Scoring,
    /// What monitoring sees.
    Metrics,
    /// Logs and state.
    Housekeeping,
}

impl Group {
    /// Every group.
    pub const ALL: [Self; 12] = [
        Self::Subnet,
        Self::Wallet,
        Self::Chain,
        Self::Axon,
        Self::Admission,
        Self::Dendrite,
        Self::Market,
        Self::Forecaster,
        Self::Validator,
        Self::Scoring,
        Self::Metrics,
        Self::Housekeeping,
    ];

    /// The heading in help.
    #[must_use]
    pub const fn heading(self) -> &'static str {
        match self {
            Self::Subnet => "Subnet",
            Self::Wallet => "Wallet",
            Self::Chain => "Chain",
            Self::Axon => "Axon",
            Self::Admission => "Admission",
            Self::Dendrite => "Dendrite",
            Self::Market => "Market",
            Self::Forecaster => "Forecaster",
            Self::Validator => "Validator",
            Self::Scoring => "Scoring",
            Self::Metrics => "Metrics",
            Self::Housekeeping => "Logs and state",
        }
    }
}

const PORT: Kind = Kind::Integer { min: 0, max: 65_535 };
const COUNT: Kind = Kind::Integer { min: 0, max: i64::MAX };

const fn setting(
    key: &'static str,
    kind: Kind,
    default: Option<&'static str>,
    group: Group,
    help: &'static str,
) -> Setting {
    Setting { key, aliases: &[], env: &[], kind, default, group, help }
}

impl Setting {
    const fn env(mut self, env: &'static [&'static str]) -> Self {
        self.env = env;
        self
    }

    const fn alias(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }
}

/// Every setting of the neurons.
pub const SETTINGS: &[Setting] = &[
    setting("netuid", Kind::Integer { min: 0, max: 65_535 }, None, Group::Subnet, "The subnet's number on the chain.")
        .env(&["BT_NETUID", "NETUID"]),
    setting(
        "task",
        Kind::Choice(&["events", "timeseries", "prompting"]),
        None,
        Group::Subnet,
        "The kind of work; known subnets need no word.",
    ),
    setting("wallet.name", Kind::Text, Some("default"), Group::Wallet, "The wallet's folder name.")
        .alias(&["wallet", "name"])
        .env(&["BT_WALLET_NAME", "BT_WALLET"]),
    setting("wallet.hotkey", Kind::Text, Some("default"), Group::Wallet, "The name of the wallet's hotkey.")
        .alias(&["hotkey"])
        .env(&["BT_WALLET_HOTKEY"]),
    setting("wallet.path", Kind::Path, Some("~/.bittensor/wallets"), Group::Wallet, "The folder of wallets.")
        .env(&["BT_WALLET_PATH"]),
    setting(
        "wallet.password_file",
        Kind::Path,
        None,
        Group::Wallet,
        "A file that holds the password of an encrypted key (a final line end is not part of it); without it the environment is asked, then a person at a terminal.",
    )
    .alias(&["password.file"]),
    setting(
        "subtensor.network",
        Kind::Text,
        Some("finney"),
        Group::Chain,
        "finney, test, local, archive, or an endpoint such as ws://127.0.0.1:9944.",
    )
    .alias(&["network"])
    .env(&["BT_SUBTENSOR_NETWORK", "BT_NETWORK"]),
    setting(
        "subtensor.chain_endpoint",
        Kind::List,
        None,
        Group::Chain,
        "An endpoint to use instead of the network's; repeat it for a list to fail over along.",
    )
    .alias(&["chain.endpoint", "endpoint"])
    .env(&["BT_SUBTENSOR_CHAIN_ENDPOINT", "BT_CHAIN_ENDPOINT"]),
    setting("subtensor.timeout", Kind::Duration, Some("30s"), Group::Chain, "How long one question to the chain may take."),
    setting(
        "axon.ip",
        Kind::Text,
        Some("0.0.0.0"),
        Group::Axon,
        "The address to listen on; `::` for IPv6 and IPv4, 127.0.0.1 for this machine only.",
    )
    .env(&["BT_AXON_IP"]),
    setting("axon.port", PORT, Some("8091"), Group::Axon, "The port to listen on; 0 takes a free one.").env(&["BT_AXON_PORT"]),
    setting(
        "axon.external_ip",
        Kind::Text,
        None,
        Group::Axon,
        "The address to publish on the chain; needed when `axon.ip` is not an address that others can reach.",
    )
    .env(&["BT_AXON_EXTERNAL_IP"]),
    setting("axon.external_port", PORT, None, Group::Axon, "The port to publish; the listening one by default.")
        .env(&["BT_AXON_EXTERNAL_PORT"]),
    setting("axon.max_connections", COUNT, Some("10000"), Group::Axon, "Open connections at once, idle ones included."),
    setting("axon.workers", Kind::Integer { min: 1, max: 4096 }, Some("64"), Group::Axon, "Handlers that run at once.")
        .alias(&["axon.max_workers"])
        .env(&["BT_AXON_MAX_WORKERS"]),
    setting(
        "priority.maxsize",
        COUNT,
        Some("1024"),
        Group::Axon,
        "Requests that may wait for a worker, highest stake first; one more is refused with 503.",
    )
    .env(&["BT_PRIORITY_MAXSIZE"]),
    setting(
        "blacklist.allow_non_registered",
        Kind::Bool,
        Some("false"),
        Group::Admission,
        "Answer callers that are not registered on the subnet.",
    ),
    setting(
        "blacklist.force_validator_permit",
        Kind::Bool,
        Some("false"),
        Group::Admission,
        "Answer only callers with a validator permit, whatever their stake.",
    ),
    setting(
        "blacklist.min_stake",
        Kind::Number { min: 0.0, max: 1e12 },
        Some("10000"),
        Group::Admission,
        "The stake that admits a caller without a permit, in TAO (alpha of the subnet).",
    ),
    setting("blacklist.allow", Kind::List, None, Group::Admission, "Hotkeys that are always answered."),
    setting("blacklist.deny", Kind::List, None, Group::Admission, "Hotkeys that are never answered."),
    setting(
        "blacklist.rate_per_minute",
        Kind::Number { min: 0.0, max: 1e9 },
        Some("600"),
        Group::Admission,
        "Requests a minute from one hotkey, and from one address ten times as many; 0 is no limit.",
    ),
    setting(
        "blacklist.legacy_peers",
        Kind::Bool,
        Some("false"),
        Group::Admission,
        "Accept callers older than SDK 7.2, whose nonces are not wall time; replay is only prevented while we run.",
    ),
    setting(
        "blacklist.max_body_bytes",
        Kind::Integer { min: 1024, max: 33_554_432 },
        Some("8388608"),
        Group::Admission,
        "The largest body of a request, in bytes.",
    ),
    setting(
        "blacklist.max_timeout",
        Kind::Duration,
        Some("10m"),
        Group::Admission,
        "How old a request may be at most, 4 s apart; callers say how long they wait, but do not sign it.",
    ),
    setting(
        "blacklist.max_future",
        Kind::Duration,
        Some("10s"),
        Group::Admission,
        "How far ahead of this machine's clock a caller's may be.",
    ),
    setting("dendrite.timeout", Kind::Duration, Some("12s"), Group::Dendrite, "How long a miner may take to answer."),
    setting("dendrite.concurrency", Kind::Integer { min: 1, max: 65_535 }, Some("256"), Group::Dendrite, "Calls at once."),
    setting(
        "dendrite.dialect",
        Kind::Choice(&["auto", "sdk", "btauth"]),
        Some("auto"),
        Group::Dendrite,
        "How miners are spoken to: sdk is the headers of SDK 6 to 10, btauth covers bodies by the signature, auto takes btauth where a miner says that it knows it.",
    ),
    setting(
        "dendrite.dialects",
        Kind::List,
        None,
        Group::Dendrite,
        "The same for single miners: HOTKEY=sdk or HOTKEY=btauth.",
    ),
    setting(
        "dendrite.allow_private",
        Kind::Bool,
        Some("false"),
        Group::Dendrite,
        "Call axons with private and loopback addresses: for development chains.",
    ),
    setting(
        "market.polymarket.url",
        Kind::Text,
        Some("https://clob.polymarket.com"),
        Group::Market,
        "The base URL of Polymarket's CLOB API, or of a `neuron market-sim`.",
    )
    .alias(&["market.url"]),
    setting(
        "market.horizon",
        Kind::Duration,
        Some("14d"),
        Group::Market,
        "Take events that end at most this far ahead.",
    ),
    setting(
        "market.cutoff_before_end",
        Kind::Duration,
        Some("24h"),
        Group::Market,
        "Answers count until this long before the end of an event.",
    ),
    setting("market.max_events", Kind::Integer { min: 1, max: 100_000 }, Some("500"), Group::Market, "Events open at once, soonest cutoff first."),
    setting(
        "forecaster.kind",
        Kind::Choice(&["market", "constant", "exec", "skilled"]),
        Some("market"),
        Group::Forecaster,
        "market copies the price, constant says one number, exec asks a program, skilled knows a simulator's truth.",
    )
    .alias(&["forecaster"]),
    setting("forecaster.constant", Kind::Number { min: 0.0, max: 1.0 }, Some("0.5"), Group::Forecaster, "What `constant` says."),
    setting("forecaster.command", Kind::Text, None, Group::Forecaster, "The program that `exec` runs, with its arguments."),
    setting("forecaster.deadline", Kind::Duration, Some("60s"), Group::Forecaster, "How long `exec` may think about one question."),
    setting("forecaster.refresh", Kind::Duration, Some("60s"), Group::Forecaster, "How old an answer may be before it is made anew."),
    setting(
        "forecaster.error",
        Kind::Number { min: 0.0, max: 0.45 },
        Some("0.1"),
        Group::Forecaster,
        "How far `skilled` is from the truth, up or down.",
    ),
    setting(
        "forecaster.presence",
        Kind::Number { min: 0.0, max: 1.0 },
        Some("1"),
        Group::Forecaster,
        "The share of events that `skilled` answers at all.",
    ),
    setting("forecaster.seed", Kind::Integer { min: 0, max: i64::MAX }, Some("1"), Group::Forecaster, "The seed of `skilled`."),
    setting("tick", Kind::Duration, Some("60s"), Group::Validator, "Time between two questions to the miners.")
        .alias(&["validator.tick"]),
    setting(
        "tick_jitter",
        Kind::Number { min: 0.0, max: 0.5 },
        Some("0.1"),
        Group::Validator,
        "Each tick is moved by up to this share of its length, so that validators do not all ask at once.",
    )
    .alias(&["validator.tick_jitter"]),
    setting(
        "weights.interval_blocks",
        COUNT,
        None,
        Group::Validator,
        "Blocks between two settings of weights; by default what the subnet's rate limit and tempo allow.",
    ),
    setting("weights.disable", Kind::Bool, Some("false"), Group::Validator, "Score, but never write weights.")
        .alias(&["neuron.disable_set_weights", "disable_set_weights"])
        .env(&["NEURON_DISABLE_SET_WEIGHTS"]),
    setting("void_after", Kind::Duration, Some("30d"), Group::Validator, "An event that closed without an outcome is void after this long."),
    setting("scoring.rule", Kind::Choice(&["market_delta", "sequential", "brier", "peer_log"]), Some("market_delta"), Group::Scoring, "How a report is judged."),
    setting("scoring.submission", Kind::Choice(&["interval_mean", "last", "first"]), Some("interval_mean"), Group::Scoring, "Which reports of a miner count."),
    setting("scoring.interval_minutes", Kind::Integer { min: 1, max: 10_080 }, Some("240"), Group::Scoring, "Length of an interval; the grid starts on 1 January 2024."),
    setting("scoring.interval_weight", Kind::Choice(&["uniform", "exponential", "exponential_flat2", "power"]), Some("uniform"), Group::Scoring, "How the intervals of an event weigh."),
    setting("scoring.interval_power", Kind::Number { min: 0.01, max: 100.0 }, Some("2"), Group::Scoring, "The exponent of the interval weight called power."),
    setting("scoring.price_max_age_seconds", Kind::Integer { min: 1, max: 4_294_967_295 }, Some("120"), Group::Scoring, "How old a price may be to judge by."),
    setting("scoring.reference_pick", Kind::Choice(&["at_or_before", "worst_bracket"]), Some("at_or_before"), Group::Scoring, "Which price a report is compared with."),
    setting("scoring.clip", Kind::Choice(&["aggregate", "event"]), Some("aggregate"), Group::Scoring, "Where negative scores are floored at 0."),
    setting("scoring.average", Kind::Choice(&["window", "ema", "daily"]), Some("window"), Group::Scoring, "How event scores become one number."),
    setting("scoring.window_events", Kind::Integer { min: 1, max: 100_000 }, Some("500"), Group::Scoring, "Events in the average."),
    setting("scoring.exponent", Kind::Integer { min: 1, max: 4 }, Some("1"), Group::Scoring, "Power of the average; 1 pays in proportion."),
    setting("scoring.confidence_z", Kind::Number { min: 0.0, max: 100.0 }, Some("0"), Group::Scoring, "Standard errors subtracted from the average; 0 is off."),
    setting("scoring.class_balance", Kind::Bool, Some("false"), Group::Scoring, "Weigh YES and NO outcomes alike."),
    setting("scoring.duplicates", Kind::Choice(&["independent", "split"]), Some("independent"), Group::Scoring, "Whether identical reports share their reward."),
    setting("scoring.sequential_order", Kind::Choice(&["rounds", "arrival"]), Some("rounds"), Group::Scoring, "The order of reports under the sequential rule."),
    setting("scoring.min_events", COUNT, Some("1"), Group::Scoring, "Weights stay untouched before this many events."),
    setting("metrics.port", PORT, None, Group::Metrics, "The port of /metrics (for Prometheus) and /health; 0 takes a free one, none is off."),
    setting("metrics.ip", Kind::Text, Some("127.0.0.1"), Group::Metrics, "The address they are served on; anything but loopback shows them to others."),
    setting("logging.debug", Kind::Bool, Some("false"), Group::Housekeeping, "Log more.").env(&["BT_LOGGING_DEBUG"]),
    setting("logging.trace", Kind::Bool, Some("false"), Group::Housekeeping, "Log everything.").env(&["BT_LOGGING_TRACE"]),
    setting("logging.json", Kind::Bool, Some("false"), Group::Housekeeping, "Log as JSON lines."),
    setting("db.directory", Kind::Path, Some("~/.neuron"), Group::Housekeeping, "The folder of everything that must survive a restart."),
];

/// The setting called `key`.
#[must_use]
pub fn find(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// Under the rule that `.`, `_` and `-` are the same.
    fn folded(name: &str) -> String {
        name.replace(['.', '_'], "-")
    }

    #[test]
    fn no_two_settings_share_a_name() {
        let mut names = HashSet::new();
        for setting in SETTINGS {
            assert!(names.insert(folded(setting.key)), "{}", setting.key);
            for alias in setting.aliases {
                assert!(names.insert(folded(alias)), "{alias}");
            }
        }
        let mut env = HashSet::new();
        for setting in SETTINGS {
            let own = setting.own_env();
            for name in setting.env.iter().map(|name| (*name).to_owned()).chain([own]) {
                assert!(env.insert(name.clone()), "{name}");
            }
        }
    }

    #[test]
    fn every_setting_is_found_and_explained() {
        for setting in SETTINGS {
            assert_eq!(find(setting.key).map(|s| s.key), Some(setting.key));
            assert!(setting.help.ends_with('.'), "{}", setting.key);
        }
    }
}
