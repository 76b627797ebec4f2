//! Settings and their layers: flag > environment > file > defaults.
//!
//! One table ([`table::SETTINGS`]) says what exists; the command line, the environment, the file, `config show` and the
//! reference page are all made from it. [`Resolved`] knows for each value which layer it came from, [`Settings`] is the
//! typed form that the rooms above use.

mod duration;
mod resolve;
mod settings;
pub mod table;
mod tasks;

pub use duration::{ParseDurationError, parse_duration};
pub use resolve::{ConfigError, Layer, Layers, Resolved, ResolvedValue};
pub use settings::{
    AxonSettings, BlacklistSettings, DbSettings, DendriteSettings, ForecasterKind, ForecasterSettings, LoggingSettings,
    MarketSettings, MetricsSettings, PolymarketSettings, PrioritySettings, Settings, SubtensorSettings,
    ValidatorSettings, WalletSettings,
};
pub use tasks::{KNOWN_SUBNETS, Task, TaskError, task_of};
