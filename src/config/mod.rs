//! Settings and their layers: flag > environment > file > defaults.
//!
//! One table says what exists: [`table::CORE`] and the rows that each kind of work adds. The command line, the
//! environment, the file, `config show` and the reference page are all made from it. [`Resolved`] knows for each value
//! which layer it came from, [`Settings`] is the typed form of the core; a kind of work has its own.

mod duration;
mod resolve;
mod settings;
pub mod table;

pub use duration::{ParseDurationError, parse_duration};
pub use resolve::{ConfigError, Layer, Layers, Resolved, ResolvedValue};
pub use settings::{
    AxonSettings, BlacklistSettings, DashboardSettings, DbSettings, DendriteSettings, LakeSettings, LoggingSettings,
    MetricsSettings, PrioritySettings, Settings, StorefrontSettings, SubtensorSettings, ValidatorSettings,
    WalletSettings, duration, words,
};
