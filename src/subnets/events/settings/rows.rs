//! The rows of events in the table of settings, and the preset of the subnet as it runs today.

use crate::config::table::{COUNT, Group, Kind, Preset, Setting, WorkGroup, setting};
use crate::forecast::llm::settings as llm;

const BOTH: WorkGroup = WorkGroup { place: 0, heading: "Market", miner: true, validator: true };
/// Where events come from.
pub const MARKET: Group = Group::Work(BOTH);
/// How a miner answers.
pub const FORECASTER: Group = Group::Work(WorkGroup { heading: "Forecaster", validator: false, ..BOTH });
/// When a validator asks.
pub const ASKING: Group = Group::Work(WorkGroup { place: 1, heading: "Validator", miner: false, ..BOTH });
/// How a validator scores.
pub const SCORING: Group = Group::Work(WorkGroup { place: 2, heading: "Scoring", miner: false, ..BOTH });

/// Its rows of the table of settings.
pub const SETTINGS: &[Setting] = &[
    setting(
        "market.providers",
        Kind::List,
        Some("polymarket"),
        MARKET,
        "The market that events come from: polymarket, azuro, file, ifgames, manifold, kalshi, or several separated by \
         commas.",
    )
    .alias(&["market"]),
    setting(
        "market.polymarket.url",
        Kind::Text,
        Some("https://clob.polymarket.com"),
        MARKET,
        "The base URL of Polymarket's CLOB API, or of a `neuron market-sim`.",
    )
    .alias(&["market.url"]),
    setting(
        "market.polymarket.discovery",
        Kind::Choice(&["clob", "gamma", "gamma_events"]),
        Some("clob"),
        MARKET,
        "How Polymarket's markets are found: clob takes those that pay for liquidity; the others take Gamma's markets \
         or events, filtered.",
    ),
    setting(
        "market.polymarket.gamma_url",
        Kind::Text,
        Some("https://gamma-api.polymarket.com"),
        MARKET,
        "The base URL of Polymarket's Gamma API, or of a `neuron market-sim`.",
    ),
    setting(
        "market.polymarket.prices",
        Kind::Choice(&["listed", "midpoints", "stream"]),
        Some("listed"),
        MARKET,
        "Where Polymarket's prices come from: the list of markets, midpoints by request, or midpoints of the market \
         channel.",
    ),
    setting(
        "market.polymarket.stream_url",
        Kind::Text,
        Some("wss://ws-subscriptions-clob.polymarket.com/ws/market"),
        MARKET,
        "The market channel, a websocket; ws://HOST:PORT/ws/market of a `neuron market-sim`.",
    ),
    setting(
        "market.polymarket.min_volume",
        Kind::Number { min: 0.0, max: 1e15 },
        Some("0"),
        MARKET,
        "The least volume, in USD, of one of Gamma's markets.",
    ),
    setting(
        "market.polymarket.min_liquidity",
        Kind::Number { min: 0.0, max: 1e15 },
        Some("0"),
        MARKET,
        "The least liquidity in the order book, in USD, of one of Gamma's markets.",
    ),
    setting(
        "market.polymarket.min_ahead",
        Kind::Duration,
        Some("0s"),
        MARKET,
        "Gamma's markets that end sooner than this are left out; `market.horizon` is the upper limit.",
    ),
    setting(
        "market.polymarket.min_price",
        Kind::Number { min: 0.0, max: 1.0 },
        Some("0"),
        MARKET,
        "Gamma's markets with a price below this are left out.",
    ),
    setting(
        "market.polymarket.max_price",
        Kind::Number { min: 0.0, max: 1.0 },
        Some("1"),
        MARKET,
        "Gamma's markets with a price above this are left out.",
    ),
    setting(
        "market.polymarket.tags",
        Kind::List,
        None,
        MARKET,
        "Only Gamma's markets with one of these tags, such as crypto,politics; all by default.",
    ),
    setting(
        "market.polymarket.of_one_event",
        Kind::Choice(&["all", "one"]),
        Some("all"),
        MARKET,
        "For an event of which exactly one market can happen (negative risk): take all its markets, or the one with \
         the largest volume.",
    ),
    setting(
        "market.azuro.url",
        Kind::Text,
        Some("https://thegraph.chainfeedon.com/subgraphs/name/azuro-protocol/azuro-api-{chain}-v3"),
        MARKET,
        "The address of Azuro's subgraphs, {chain} for the chain's name; or of a `neuron market-sim`.",
    ),
    setting(
        "market.azuro.feed_url",
        Kind::Text,
        Some("https://thegraph-1.chainfeedon.com/subgraphs/name/azuro-protocol/azuro-data-feed-{chain}"),
        MARKET,
        "The address of Azuro's data feed, {chain} for the chain's name.",
    ),
    setting(
        "market.azuro.source",
        Kind::Choice(&["api", "feed"]),
        Some("api"),
        MARKET,
        "Which of Azuro's two subgraphs is used: api has games, bets and history; feed has games and odds.",
    ),
    setting(
        "market.azuro.prices",
        Kind::Choice(&["listed", "stream"]),
        Some("listed"),
        MARKET,
        "Where Azuro's prices come from: the odds in the list of games, or those that the stream told last.",
    ),
    setting(
        "market.azuro.stream_url",
        Kind::Text,
        Some("wss://streams.chainfeedon.com/v1/streams/feed"),
        MARKET,
        "The stream of conditions and games, a websocket; ws://HOST:PORT/v1/streams/feed of a `neuron market-sim`.",
    ),
    setting(
        "market.azuro.environments",
        Kind::List,
        Some("polygon=PolygonUSDT,gnosis=GnosisXDAI,base=BaseWETH,chiliz=ChilizWCHZ,bsc=BscUSDT"),
        MARKET,
        "What the stream calls each chain; games of a chain without a name are polled.",
    ),
    setting(
        "market.azuro.chains",
        Kind::List,
        Some("polygon"),
        MARKET,
        "Chains of Azuro: polygon, gnosis, base, chiliz, bsc; a game that two of them have is taken from the first.",
    ),
    setting(
        "market.azuro.margin",
        Kind::Choice(&["proportional", "shin", "power"]),
        Some("proportional"),
        MARKET,
        "How the bookmaker's margin is taken out of Azuro's odds.",
    ),
    setting(
        "market.azuro.per_game",
        Kind::Integer { min: 1, max: 100 },
        Some("1"),
        MARKET,
        "The most questions about one game.",
    ),
    setting(
        "market.azuro.sports",
        Kind::List,
        None,
        MARKET,
        "Sports taken from Azuro, such as football,tennis,basketball; all by default.",
    ),
    setting(
        "market.azuro.dictionary",
        Kind::Path,
        None,
        MARKET,
        "A file with the meaning of Azuro's outcome numbers, where the subgraph does not give it (docs/markets.md).",
    ),
    setting(
        "market.file.path",
        Kind::Path,
        None,
        MARKET,
        "A file with your own questions, CSV or JSON, for the market called file (docs/markets.md).",
    ),
    setting(
        "market.manifold.url",
        Kind::Text,
        Some("https://api.manifold.markets"),
        MARKET,
        "The base URL of Manifold's API, without `/v0`.",
    ),
    setting(
        "market.kalshi.url",
        Kind::Text,
        Some("https://api.elections.kalshi.com/trade-api/v2"),
        MARKET,
        "The base URL of Kalshi's API.",
    ),
    setting(
        "market.replay",
        Kind::Path,
        None,
        MARKET,
        "A recording that is played instead of the markets: a folder or a file of `neuron market-record`, or of other \
         formats (docs/markets.md).",
    ),
    setting(
        "market.replay_speed",
        Kind::Number { min: 0.001, max: 1e6 },
        Some("1"),
        MARKET,
        "How many times faster than recorded it is played.",
    ),
    setting(
        "market.ifgames.url",
        Kind::Text,
        Some("https://ifgames.win"),
        MARKET,
        "The base URL of the subnet's event service of 2025, or of a `neuron market-sim`.",
    ),
    setting(
        "market.ifgames.resolve_every",
        Kind::Duration,
        Some("30m"),
        MARKET,
        "How often the event service is asked which events ended or were withdrawn.",
    ),
    setting(
        "market.ifgames.report",
        Kind::Bool,
        Some("false"),
        ASKING,
        "Report the predictions and scores of miners to the event service, signed by the hotkey.",
    ),
    setting("market.horizon", Kind::Duration, Some("14d"), MARKET, "Take events that end at most this far ahead."),
    setting(
        "market.cutoff_before_end",
        Kind::Duration,
        Some("24h"),
        MARKET,
        "The cutoff: answers count until this long before the end of an event.",
    ),
    setting(
        "market.max_events",
        Kind::Integer { min: 1, max: 100_000 },
        Some("500"),
        MARKET,
        "The most open events, soonest cutoff first.",
    ),
    // Our own miner does not look at more than 20,000.
    setting(
        "market.max_question_bytes",
        Kind::Integer { min: 256, max: 20_000 },
        Some("8192"),
        MARKET,
        "The longest question, in bytes. The middle of a longer one is replaced by a mark before it is stored and \
         sent.",
    ),
    setting(
        "forecaster.kind",
        Kind::Choice(&["market", "constant", "exec", "http", "ensemble", "llm", "skilled"]),
        Some("market"),
        FORECASTER,
        "market copies the price, constant always gives one number, exec asks a program, http asks a server, ensemble \
         combines others of these, llm asks language models, skilled knows the truth of a simulator.",
    )
    .alias(&["forecaster"]),
    setting(
        "forecaster.constant",
        Kind::Number { min: 0.0, max: 1.0 },
        Some("0.5"),
        FORECASTER,
        "The answer of `constant`.",
    ),
    setting("forecaster.command", Kind::Text, None, FORECASTER, "The program that `exec` runs, with its arguments."),
    setting(
        "forecaster.deadline",
        Kind::Duration,
        Some("60s"),
        FORECASTER,
        "How long `exec` and `http` may take for one question.",
    ),
    setting("forecaster.url", Kind::Text, None, FORECASTER, "Where `http` posts each question."),
    setting(
        "forecaster.token_file",
        Kind::Path,
        None,
        FORECASTER,
        "A file with a token that `http` sends (Authorization: Bearer).",
    ),
    setting(
        "forecaster.members",
        Kind::List,
        None,
        FORECASTER,
        "The forecasters of `ensemble`, with their weights: exec,http=2,market=0.5.",
    ),
    setting(
        "forecaster.combine",
        Kind::Choice(&["trimmed_mean", "median"]),
        Some("trimmed_mean"),
        FORECASTER,
        "How `ensemble` combines their answers.",
    ),
    setting(
        "forecaster.trim",
        Kind::Number { min: 0.0, max: 0.49 },
        Some("0.1"),
        FORECASTER,
        "The share of the weight that the trimmed mean leaves out at each end.",
    ),
    setting(
        "forecaster.quorum",
        Kind::Integer { min: 1, max: 16 },
        Some("1"),
        FORECASTER,
        "With fewer answers of its members `ensemble` abstains.",
    ),
    setting(
        "forecaster.refresh",
        Kind::Duration,
        Some("60s"),
        FORECASTER,
        "How old an answer may be before it is computed again; near the cutoff, after an eighth of the time that is \
         left.",
    ),
    setting(
        "forecaster.least_refresh",
        Kind::Duration,
        Some("5s"),
        FORECASTER,
        "No answer is ever computed again sooner than this.",
    ),
    setting(
        "forecaster.price_move",
        Kind::Number { min: 0.0, max: 1.0 },
        Some("0.02"),
        FORECASTER,
        "An answer is computed again when the market's price has moved this far; 0 turns it off.",
    ),
    setting(
        "forecaster.error",
        Kind::Number { min: 0.0, max: 0.45 },
        Some("0.1"),
        FORECASTER,
        "How far `skilled` is from the truth.",
    ),
    setting(
        "forecaster.presence",
        Kind::Number { min: 0.0, max: 1.0 },
        Some("1"),
        FORECASTER,
        "The share of events that `skilled` answers at all.",
    ),
    setting(
        "forecaster.seed",
        Kind::Integer { min: 0, max: i64::MAX },
        Some("1"),
        FORECASTER,
        "The seed of `skilled`.",
    ),
    setting(
        "record.retention",
        Kind::Duration,
        Some("90d"),
        FORECASTER,
        "How long the record of a miner keeps questions, answers and outcomes (`neuron miner report`); 0 records \
         nothing.",
    ),
    setting(
        "record.look",
        Kind::Duration,
        Some("5m"),
        FORECASTER,
        "How often a miner asks the markets for outcomes and prices, for its record; prices at least once a minute.",
    ),
    setting("tick", Kind::Duration, Some("60s"), ASKING, "Time between two ticks: how often miners are asked.")
        .alias(&["validator.tick"]),
    setting(
        "tick_jitter",
        Kind::Number { min: 0.0, max: 0.5 },
        Some("0.1"),
        ASKING,
        "Each tick is moved by up to this share of its length, so that validators do not all ask at the same time.",
    )
    .alias(&["validator.tick_jitter"]),
    setting(
        "axons",
        Kind::Choice(&["all", "one_per_owner"]),
        Some("all"),
        ASKING,
        "Which miners are asked: all that serve, or only the lowest uid of each coldkey and of each address.",
    ),
    setting(
        "reasonings",
        Kind::Bool,
        Some("false"),
        ASKING,
        "Keep the reasons that miners send with their numbers, for a week.",
    ),
    setting(
        "void_after",
        Kind::Duration,
        Some("30d"),
        ASKING,
        "An event without an outcome is void this long after its cutoff.",
    ),
    setting(
        "dispute_window",
        Kind::Duration,
        Some("2d"),
        ASKING,
        "An outcome is checked again every hour for this long after the event was settled; a correction replaces the \
         scores.",
    ),
    setting(
        "price_check.every",
        Kind::Duration,
        Some("5m"),
        ASKING,
        "Time between two comparisons of prices with a second source, for markets that have one; 0s turns it off.",
    ),
    setting(
        "price_check.bound",
        Kind::Number { min: 0.0, max: 1.0 },
        Some("0.1"),
        ASKING,
        "The largest difference of two sources that is not logged, counted and recorded.",
    ),
    setting(
        "scoring.rule",
        Kind::Choice(&["market_delta", "sequential", "brier", "peer_log"]),
        Some("market_delta"),
        SCORING,
        "The scoring rule.",
    ),
    setting(
        "scoring.submission",
        Kind::Choice(&["interval_mean", "last", "first"]),
        Some("interval_mean"),
        SCORING,
        "Which of a miner's reports count.",
    ),
    setting(
        "scoring.interval_minutes",
        Kind::Integer { min: 1, max: 10_080 },
        Some("240"),
        SCORING,
        "Length of an interval; the grid starts on 1 January 2024.",
    ),
    setting(
        "scoring.interval_weight",
        Kind::Choice(&["uniform", "exponential", "exponential_flat2", "power"]),
        Some("uniform"),
        SCORING,
        "How the intervals of an event are weighted.",
    ),
    setting(
        "scoring.interval_power",
        Kind::Number { min: 0.01, max: 100.0 },
        Some("2"),
        SCORING,
        "The exponent of the interval weight called power.",
    ),
    setting(
        "scoring.price_max_age_seconds",
        Kind::Integer { min: 1, max: 4_294_967_295 },
        Some("120"),
        SCORING,
        "The greatest age of a price that reports are compared with.",
    ),
    setting(
        "scoring.reference_pick",
        Kind::Choice(&["at_or_before", "worst_bracket"]),
        Some("at_or_before"),
        SCORING,
        "Which price a report is compared with.",
    ),
    setting(
        "scoring.clip",
        Kind::Choice(&["aggregate", "event"]),
        Some("aggregate"),
        SCORING,
        "Where negative scores become 0.",
    ),
    setting(
        "scoring.average",
        Kind::Choice(&["window", "ema", "daily"]),
        Some("window"),
        SCORING,
        "How event scores become one average.",
    ),
    setting(
        "scoring.window_events",
        Kind::Integer { min: 1, max: 100_000 },
        Some("500"),
        SCORING,
        "The number of events in the average.",
    ),
    setting(
        "scoring.exponent",
        Kind::Integer { min: 1, max: 4 },
        Some("1"),
        SCORING,
        "The exponent of the average; 1 pays in proportion.",
    ),
    setting(
        "scoring.confidence_z",
        Kind::Number { min: 0.0, max: 100.0 },
        Some("0"),
        SCORING,
        "Standard errors subtracted from the average; 0 is off.",
    ),
    setting("scoring.class_balance", Kind::Bool, Some("false"), SCORING, "Give YES and NO outcomes the same weight."),
    setting(
        "scoring.duplicates",
        Kind::Choice(&["independent", "split"]),
        Some("independent"),
        SCORING,
        "Whether identical reports share their reward.",
    ),
    setting(
        "scoring.sequential_order",
        Kind::Choice(&["rounds", "arrival"]),
        Some("rounds"),
        SCORING,
        "The order of reports under the sequential rule.",
    ),
    setting(
        "scoring.min_events",
        COUNT,
        Some("1"),
        SCORING,
        "No weights are set before this many events have been scored.",
    ),
];

/// The subnet as its validators were in July 2025: their events, their rule, their cadence, whom they ask.
pub const IFGAMES_2025: Preset = Preset {
    name: "ifgames-2025",
    values: &[
        ("market.providers", "ifgames"),
        ("market.max_events", "100000"),
        ("market.ifgames.report", "true"),
        ("tick", "180s"),
        ("tick_jitter", "0"),
        ("dendrite.timeout", "120s"),
        ("axons", "one_per_owner"),
        ("reasonings", "true"),
        // An answer that the service has given is not asked for again.
        ("dispute_window", "0s"),
        ("scoring.rule", "peer_log"),
        ("scoring.interval_weight", "power"),
        ("scoring.window_events", "150"),
        ("scoring.exponent", "2"),
        ("scoring.class_balance", "true"),
    ],
};

/// These and the rows of language models, which have a room of their own.
pub const ALL: &[Setting] = &with_language_models();

#[expect(clippy::indexing_slicing, reason = "a constant: an index out of bounds does not compile")]
const fn with_language_models() -> [Setting; SETTINGS.len() + llm::SETTINGS.len()] {
    let mut rows = [SETTINGS[0]; SETTINGS.len() + llm::SETTINGS.len()];
    let mut i = 0;
    while i < rows.len() {
        rows[i] = if i < SETTINGS.len() { SETTINGS[i] } else { llm::SETTINGS[i - SETTINGS.len()] };
        i += 1;
    }
    rows
}
