//! The table of settings: what a row is, and the rows that belong to no kind of work.

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

/// A heading of the help page; each command takes the groups it needs. In the order of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// Netuid, task.
    Subnet,
    /// Key files.
    Wallet,
    /// The chain.
    Chain,
    /// The HTTP server of a miner, and of a validator that announces one.
    Axon,
    /// Who may call a miner.
    Admission,
    /// How a validator calls.
    Dendrite,
    /// What a kind of work brings.
    Work(WorkGroup),
    /// What a validator does when.
    Validator,
    /// What monitoring sees.
    Metrics,
    /// What programs may read.
    Storefront,
    /// The history as files.
    Lake,
    /// Logs and state.
    Housekeeping,
}

/// A heading of a kind of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct WorkGroup {
    /// Its place among the headings of work.
    pub place: u8,
    /// The heading.
    pub heading: &'static str,
    /// Whether a miner is told these settings.
    pub miner: bool,
    /// Whether a validator is.
    pub validator: bool,
}

impl Group {
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
            Self::Work(group) => group.heading,
            Self::Validator => "Validator",
            Self::Metrics => "Metrics",
            Self::Storefront => "Storefront",
            Self::Lake => "Lake",
            Self::Housekeeping => "Logs and state",
        }
    }

    /// Whether a miner is told these settings.
    #[must_use]
    pub const fn is_for_miners(self) -> bool {
        match self {
            Self::Dendrite | Self::Validator | Self::Storefront | Self::Lake => false,
            Self::Work(group) => group.miner,
            _ => true,
        }
    }

    /// Whether a validator is.
    #[must_use]
    pub const fn is_for_validators(self) -> bool {
        match self {
            Self::Admission => false,
            Self::Work(group) => group.validator,
            _ => true,
        }
    }
}

const PORT: Kind = Kind::Integer { min: 0, max: 65_535 };
/// A number of things.
pub const COUNT: Kind = Kind::Integer { min: 0, max: i64::MAX };

/// A row of a table of settings.
#[must_use]
pub const fn setting(
    key: &'static str,
    kind: Kind,
    default: Option<&'static str>,
    group: Group,
    help: &'static str,
) -> Setting {
    Setting { key, aliases: &[], env: &[], kind, default, group, help }
}

impl Setting {
    /// The same with names of other tools in the environment.
    #[must_use]
    pub const fn env(mut self, env: &'static [&'static str]) -> Self {
        self.env = env;
        self
    }

    /// The same with other names on the command line.
    #[must_use]
    pub const fn alias(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }
}

/// Values that belong together, under a name: stronger than the defaults, weaker than the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preset {
    /// Its name.
    pub name: &'static str,
    /// Keys with their values as text.
    pub values: &'static [(&'static str, &'static str)],
}

/// Every setting that belongs to no kind of work.
pub const CORE: &[Setting] = &[
    setting("netuid", Kind::Integer { min: 0, max: 65_535 }, None, Group::Subnet, "The subnet's number on the chain.")
        .env(&["BT_NETUID", "NETUID"]),
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
        "A file that holds the password of an encrypted key (without its last line end). By default the environment is read, then a person is asked at the terminal.",
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
        "An endpoint to use instead of the network's; repeat it to give a list: the next one is used when one fails.",
    )
    .alias(&["chain.endpoint", "endpoint"])
    .env(&["BT_SUBTENSOR_CHAIN_ENDPOINT", "BT_CHAIN_ENDPOINT"]),
    setting(
        "subtensor.archive",
        Kind::List,
        None,
        Group::Chain,
        "An archive node for reading old blocks; repeat it for a list. The main network has its own.",
    ),
    setting("subtensor.timeout", Kind::Duration, Some("30s"), Group::Chain, "How long one request to the chain may take."),
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
    setting(
        "axon.announce",
        Kind::Bool,
        Some("false"),
        Group::Validator,
        "Publish an axon that answers only the echo, for miners whose firewalls refuse callers without one (--axon.…).",
    ),
    setting(
        "axon.trusted_proxies",
        Kind::List,
        None,
        Group::Axon,
        "Addresses and networks of your own proxies (10.0.0.0/8). Only their X-Forwarded-For header is believed to name the caller.",
    ),
    setting(
        "axon.proxy_protocol",
        Kind::Bool,
        Some("false"),
        Group::Axon,
        "Connections of your own proxies begin with a header of the PROXY protocol (HAProxy's send-proxy) that names the caller.",
    ),
    setting("axon.max_connections", COUNT, Some("10000"), Group::Axon, "The most open connections, idle ones included."),
    setting("axon.workers", Kind::Integer { min: 1, max: 4096 }, Some("64"), Group::Axon, "The most handlers at the same time.")
        .alias(&["axon.max_workers"])
        .env(&["BT_AXON_MAX_WORKERS"]),
    setting(
        "priority.maxsize",
        COUNT,
        Some("1024"),
        Group::Axon,
        "Requests that may wait for a handler, highest stake first; one more is refused with 503.",
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
        "Requests per minute from one hotkey, and ten times as many from one address; 0 is no limit.",
    ),
    setting(
        "blacklist.legacy_peers",
        Kind::Bool,
        Some("false"),
        Group::Admission,
        "Accept callers older than SDK 7.2, whose nonces are not wall time; replay is then only prevented while this process runs.",
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
        "The greatest age of a request, besides 4 s of tolerance. Callers say how long they wait, but do not sign it.",
    ),
    setting(
        "blacklist.max_future",
        Kind::Duration,
        Some("10s"),
        Group::Admission,
        "How far a caller's clock may be ahead of this machine's.",
    ),
    setting("dendrite.timeout", Kind::Duration, Some("12s"), Group::Dendrite, "How long a miner may take to answer."),
    setting("dendrite.concurrency", Kind::Integer { min: 1, max: 65_535 }, Some("256"), Group::Dendrite, "The most calls at the same time."),
    setting(
        "dendrite.dialect",
        Kind::Choice(&["auto", "sdk", "btauth"]),
        Some("auto"),
        Group::Dendrite,
        "The protocol for calling miners: sdk is the headers of SDK 6 to 10; btauth has a signature that covers the body; auto uses btauth with miners that offer it.",
    ),
    setting(
        "dendrite.dialects",
        Kind::List,
        None,
        Group::Dendrite,
        "The protocol for single miners: HOTKEY=sdk or HOTKEY=btauth.",
    ),
    setting(
        "dendrite.allow_private",
        Kind::Bool,
        Some("false"),
        Group::Dendrite,
        "Call axons with private and loopback addresses: for development chains.",
    ),
    setting(
        "weights.interval_blocks",
        COUNT,
        None,
        Group::Validator,
        "Blocks between two settings of weights; by default once per tempo, shortly before its epoch.",
    ),
    setting(
        "weights.commit",
        Kind::Choice(&["auto", "hashed", "timelocked"]),
        Some("auto"),
        Group::Validator,
        "How weights are committed when the subnet wants that: auto seals them for the chain's beacon, and uses a hash when the runtime or a silent beacon allows nothing else.",
    ),
    setting("weights.disable", Kind::Bool, Some("false"), Group::Validator, "Score, but never write weights.")
        .alias(&["neuron.disable_set_weights", "disable_set_weights"])
        .env(&["NEURON_DISABLE_SET_WEIGHTS"]),
    setting("standby", Kind::Bool, Some("false"), Group::Validator, "Wait while another validator works on the same ledger, and take over when it is gone."),
    setting("metrics.port", PORT, None, Group::Metrics, "The port of /metrics (for Prometheus) and /health; 0 takes a free one; off by default."),
    setting("metrics.ip", Kind::Text, Some("127.0.0.1"), Group::Metrics, "The address of that port; any address but loopback shows them to others."),
    setting("dashboard.port", PORT, None, Group::Metrics, "The port of the page for a browser; 0 takes a free one; off by default."),
    setting(
        "dashboard.ip",
        Kind::Text,
        Some("127.0.0.1"),
        Group::Metrics,
        "The address of the page; on any address but loopback it asks for a token.",
    ),
    setting(
        "dashboard.token_file",
        Kind::Path,
        None,
        Group::Metrics,
        "The file with the page's token; it is created when missing. When it is set, the token is asked for on loopback too, which a proxy needs. On other addresses the default is dashboard.token in db.directory.",
    ),
    setting(
        "storefront.port",
        PORT,
        None,
        Group::Storefront,
        "The port of the read API for programs (docs/storefront.md); 0 takes a free one; off by default.",
    ),
    setting(
        "storefront.ip",
        Kind::Text,
        Some("127.0.0.1"),
        Group::Storefront,
        "The address of the read API; any address but loopback shows it to others, unencrypted unless a proxy encrypts it.",
    ),
    setting(
        "storefront.keys",
        Kind::Path,
        None,
        Group::Storefront,
        "The file of hashed keys of the read API; by default storefront-keys.toml in db.directory.",
    ),
    setting(
        "storefront.ranks",
        Kind::Integer { min: 2, max: 255 },
        Some("100"),
        Group::Storefront,
        "The number of miners' ranks from which `community_prediction_lr` is learnt; it is null while fewer miners are ranked. The subnet's own validators had 100, on the test network 20.",
    ),
    setting("storefront.max_behind", Kind::Duration, Some("30s"), Group::Storefront, "How far the replica that `neuron storefront` reads may be behind the ledger; if it is further behind, the answer is 503."),
    setting(
        "lake.to",
        Kind::Text,
        None,
        Group::Lake,
        "The folder, or s3://BUCKET/PREFIX, for the history as Parquet files (docs/lake.md), one for each ledger; off by default.",
    )
    .alias(&["lake"]),
    setting("lake.every", Kind::Duration, Some("1h"), Group::Lake, "How often a validator publishes the hours and days that are over."),
    setting(
        "lake.delay",
        Kind::Duration,
        Some("30m"),
        Group::Lake,
        "How long after its end an hour or a day is published; this must be longer than recording an answer or a price may take.",
    ),
    setting("lake.endpoint", Kind::Text, None, Group::Lake, "The address of a server that speaks S3 and is not Amazon's.")
        .env(&["AWS_ENDPOINT_URL"]),
    setting("lake.region", Kind::Text, None, Group::Lake, "The bucket's region; us-east-1 by default.")
        .env(&["AWS_REGION", "AWS_DEFAULT_REGION"]),
    setting(
        "lake.credentials",
        Kind::Path,
        None,
        Group::Lake,
        "A file with the bucket's keys, in the format of Amazon's tools. By default AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are used, then the machine's own role.",
    ),
    setting("logging.debug", Kind::Bool, Some("false"), Group::Housekeeping, "Log more.").env(&["BT_LOGGING_DEBUG"]),
    setting("logging.trace", Kind::Bool, Some("false"), Group::Housekeeping, "Log everything.").env(&["BT_LOGGING_TRACE"]),
    setting("logging.json", Kind::Bool, Some("false"), Group::Housekeeping, "Log as JSON lines."),
    setting("logging.file", Kind::Path, None, Group::Housekeeping, "Log to this file instead of stderr; it is opened again on SIGHUP, which programs that rotate logs send."),
    setting("db.directory", Kind::Path, Some("~/.neuron"), Group::Housekeeping, "The folder of everything that must survive a restart."),
    setting("db.url", Kind::Text, None, Group::Housekeeping, "The PostgreSQL database of a validator's ledger in place of a file: postgres://user@host:port/database (docs/postgres.md). A miner's record stays in a file."),
    setting("db.password_file", Kind::Path, None, Group::Housekeeping, "The file with the database's password; PGPASSWORD in the environment works too."),
    setting("db.tls_roots", Kind::Path, None, Group::Housekeeping, "The file (PEM) with the only certificates that are trusted for the database; by default those of the system."),
    setting("db.connections", Kind::Integer { min: 6, max: 1000 }, Some("16"), Group::Housekeeping, "The most connections of this process to the database; three are kept for writes."),
];
