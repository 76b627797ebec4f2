//! Which kind of work a subnet asks for.

use std::fmt;

use crate::units::NetUid;

/// A kind of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// Probabilities of binary events (infinite games).
    Events,
    /// The next closes of a price (Taoshi's time-series prediction subnet).
    Timeseries,
    /// Streamed text (SN1).
    Prompting,
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Events => "events",
            Self::Timeseries => "timeseries",
            Self::Prompting => "prompting",
        })
    }
}

/// The subnets whose work is known: main network, test network, and their older numbers.
pub const KNOWN_SUBNETS: [(NetUid, Task); 9] = [
    (NetUid(6), Task::Events),
    (NetUid(155), Task::Events),
    (NetUid(101), Task::Events),
    (NetUid(30), Task::Events),
    (NetUid(8), Task::Timeseries),
    (NetUid(3), Task::Timeseries),
    (NetUid(1), Task::Prompting),
    (NetUid(61), Task::Prompting),
    (NetUid(102), Task::Prompting),
];

/// A netuid that says nothing about the work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TaskError {
    /// Neither `--netuid` nor `--task`.
    #[error("no subnet given: say which with `--netuid N` (6 and 155 are events, 8 is timeseries, 1 is prompting)")]
    NoNetuid,
    /// Not in the table.
    #[error(
        "subnet {0} is not in the table of known subnets: say what it asks for with `--task events|timeseries|prompting`"
    )]
    Unknown(NetUid),
}

/// The work of `netuid`, unless `chosen` overrides it.
///
/// # Errors
/// [`TaskError::Unknown`] for a subnet outside [`KNOWN_SUBNETS`] without a choice.
pub fn task_of(netuid: NetUid, chosen: Option<Task>) -> Result<Task, TaskError> {
    chosen
        .or_else(|| KNOWN_SUBNETS.iter().find(|(known, _)| *known == netuid).map(|(_, task)| *task))
        .ok_or(TaskError::Unknown(netuid))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_overrides_the_table_and_a_stranger_needs_it() {
        assert_eq!(task_of(NetUid(155), None), Ok(Task::Events));
        assert_eq!(task_of(NetUid(8), None), Ok(Task::Timeseries));
        assert_eq!(task_of(NetUid(8), Some(Task::Events)), Ok(Task::Events));
        assert!(task_of(NetUid(77), None).unwrap_err().to_string().contains("--task"));
        assert_eq!(task_of(NetUid(77), Some(Task::Prompting)), Ok(Task::Prompting));
    }
}
