//! Logs, metrics, health.

mod endpoint;
mod log_file;
mod logs;
mod sheet;

pub use endpoint::{Health, MetricsEndpoint, MetricsError, MetricsPort, facts};
pub use log_file::{logs_to_a_file, reopen_log_file};
pub use logs::{LogError, LogLevel, log_tail, start_logs};
pub use prometheus_client::collector::Collector;
pub use prometheus_client::encoding::DescriptorEncoder;
pub use prometheus_client::registry::Registry;
pub use sheet::{Gauges, Histogram, Labels, Sheet, Tally};
