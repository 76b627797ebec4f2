//! Every kind of work that there is: the one place that names them.

use std::sync::LazyLock;

use super::work::{Kind, MakeCast, MakeMiner, MakeValidator};
use super::{events, past, prompting, timeseries};
use crate::config::Layers;
use crate::config::table::{CORE, Group, Kind as Value, Setting, setting};
use crate::units::NetUid;

/// The kinds of work.
pub const KINDS: [Kind; 3] = [events::KIND, timeseries::KIND, prompting::KIND];

#[expect(clippy::indexing_slicing, reason = "a constant: an index out of bounds does not compile")]
const NAMES: [&str; KINDS.len()] = {
    let mut names = [""; KINDS.len()];
    let mut i = 0;
    while i < KINDS.len() {
        names[i] = KINDS[i].name;
        i += 1;
    }
    names
};

static TASK: Setting =
    setting("task", Value::Choice(&NAMES), None, Group::Subnet, "The kind of work; known subnets do not need it.");

#[expect(clippy::indexing_slicing, reason = "as above")]
const PRESET_COUNT: usize = {
    let (mut count, mut i) = (0, 0);
    while i < KINDS.len() {
        count += KINDS[i].presets.len();
        i += 1;
    }
    count
};

#[expect(clippy::indexing_slicing, reason = "as above")]
const PRESET_NAMES: [&str; PRESET_COUNT] = {
    let mut names = [""; PRESET_COUNT];
    let (mut count, mut i) = (0, 0);
    while i < KINDS.len() {
        let mut of_kind = 0;
        while of_kind < KINDS[i].presets.len() {
            names[count] = KINDS[i].presets[of_kind].name;
            count += 1;
            of_kind += 1;
        }
        i += 1;
    }
    names
};

static PRESET: Setting = setting(
    "preset",
    Value::Choice(&PRESET_NAMES),
    None,
    Group::Subnet,
    "A named group of settings; settings that are given too are stronger.",
);

#[expect(clippy::indexing_slicing, reason = "as above")]
static OF_KINDS: [&[Setting]; KINDS.len()] = {
    let mut rows: [&[Setting]; KINDS.len()] = [&[]; KINDS.len()];
    let mut i = 0;
    while i < KINDS.len() {
        rows[i] = KINDS[i].settings;
        i += 1;
    }
    rows
};

/// Every setting there is, in the order of the help page.
#[must_use]
pub fn settings() -> Vec<&'static Setting> {
    // Every command asks while the command line is made.
    static SORTED: LazyLock<Vec<&'static Setting>> = LazyLock::new(sorted);
    SORTED.clone()
}

fn sorted() -> Vec<&'static Setting> {
    let mut rows: Vec<&'static Setting> = CORE.iter().collect();
    let netuid = rows.iter().position(|row| row.key == "netuid").map_or(0, |place| place + 1);
    rows.insert(netuid, &PRESET);
    rows.insert(netuid, &TASK);
    rows.push(&past::SETTING);
    rows.extend(OF_KINDS.iter().flat_map(|rows| rows.iter()));
    rows.sort_by_key(|row| row.group);
    rows
}

/// Layers of settings in which everything can be said.
#[must_use]
pub fn layers() -> Layers {
    let presets = KINDS.iter().flat_map(|kind| kind.presets).collect();
    Layers { rows: settings(), presets, ..Layers::default() }
}

/// Why there is no work to be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KindError {
    /// Neither a subnet nor a kind of work was named.
    #[error("no subnet is chosen: choose one with `--netuid N` ({})", known())]
    NoNetuid,
    /// A netuid that says nothing about the work.
    #[error("subnet {netuid} is not in the table of known subnets: choose its kind of work with `--task {}`", NAMES.join("|"))]
    Unknown {
        /// The subnet.
        netuid: NetUid,
    },
    /// No such kind.
    #[error("there is no kind of work called `{name}`: {}", NAMES.join(", "))]
    NoKind {
        /// What was asked for.
        name: String,
    },
    /// A kind of work that has no rooms yet.
    #[error("{what} does not exist for {kind}; it exists for {}", built())]
    NotBuilt {
        /// miner, validator, demo.
        what: &'static str,
        /// The kind asked for.
        kind: &'static str,
    },
}

fn known() -> String {
    let first = |kind: &Kind| {
        let numbers: Vec<String> = kind.subnets.iter().take(2).map(|netuid| netuid.0.to_string()).collect();
        format!("{} for {}", numbers.join(" and "), kind.name)
    };
    KINDS.iter().map(first).collect::<Vec<_>>().join(", ")
}

fn built() -> String {
    let built = KINDS.iter().filter(|kind| kind.miner.is_some() && kind.validator.is_some());
    let named = built.map(|kind| {
        let numbers: Vec<String> = kind.subnets.iter().map(|netuid| netuid.0.to_string()).collect();
        format!("{} (subnets {})", kind.name, numbers.join(", "))
    });
    named.collect::<Vec<_>>().join(", ")
}

/// The kind called `name`.
///
/// # Errors
/// [`KindError::NoKind`].
pub fn kind(name: &str) -> Result<&'static Kind, KindError> {
    static ALL: [Kind; KINDS.len()] = KINDS;
    ALL.iter().find(|kind| kind.name == name).ok_or_else(|| KindError::NoKind { name: name.to_owned() })
}

/// The work of `netuid`, unless `chosen` overrides it.
///
/// # Errors
/// [`KindError::Unknown`] for a subnet that no kind knows without a choice, [`KindError::NoKind`].
pub fn kind_of(netuid: NetUid, chosen: Option<&str>) -> Result<&'static Kind, KindError> {
    match chosen {
        Some(name) => kind(name),
        None => {
            let known = KINDS.iter().find(|kind| kind.subnets.contains(&netuid));
            kind(known.ok_or(KindError::Unknown { netuid })?.name)
        }
    }
}

impl Kind {
    fn needs<T: Copy>(&self, part: Option<T>, what: &'static str) -> Result<T, KindError> {
        part.ok_or(KindError::NotBuilt { what, kind: self.name })
    }

    /// How to make a miner's part.
    ///
    /// # Errors
    /// [`KindError::NotBuilt`].
    pub fn needs_miner(&self) -> Result<MakeMiner, KindError> {
        self.needs(self.miner, "miner")
    }

    /// How to make a validator's part.
    ///
    /// # Errors
    /// [`KindError::NotBuilt`].
    pub fn needs_validator(&self) -> Result<MakeValidator, KindError> {
        self.needs(self.validator, "validator")
    }

    /// How to make a cast.
    ///
    /// # Errors
    /// [`KindError::NotBuilt`].
    pub fn needs_cast(&self) -> Result<MakeCast, KindError> {
        self.needs(self.cast, "demo")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_word_overrides_the_table_and_a_stranger_needs_it() {
        for kind in KINDS {
            for netuid in kind.subnets {
                assert_eq!(kind_of(*netuid, None).unwrap().name, kind.name);
            }
            assert_eq!(kind_of(NetUid(7777), Some(kind.name)).unwrap().name, kind.name);
        }
        assert!(kind_of(NetUid(7777), None).unwrap_err().to_string().contains("--task"));
        assert!(kind_of(NetUid(8), Some("poetry")).unwrap_err().to_string().contains("poetry"));
        assert!(KindError::NoNetuid.to_string().contains("--netuid"));
    }

    #[test]
    fn no_two_kinds_share_a_name_a_subnet_or_a_ledgers_table() {
        let mut names = HashSet::new();
        assert!(KINDS.iter().all(|kind| names.insert(kind.name)));
        let mut subnets = HashSet::new();
        assert!(KINDS.iter().flat_map(|kind| kind.subnets).all(|netuid| subnets.insert(netuid)));
        assert!(KINDS.iter().all(|kind| kind.schema.is_none_or(|schema| schema.kind == kind.name)));
    }

    /// Under the rule that `.`, `_` and `-` are the same.
    fn folded(name: &str) -> String {
        name.replace(['.', '_'], "-")
    }

    #[test]
    fn no_two_settings_share_a_name() {
        let mut names = HashSet::new();
        let mut env = HashSet::new();
        for setting in settings() {
            assert!(names.insert(folded(setting.key)), "{}", setting.key);
            for alias in setting.aliases {
                assert!(names.insert(folded(alias)), "{alias}");
            }
            let own = setting.own_env();
            for name in setting.env.iter().map(|name| (*name).to_owned()).chain([own]) {
                assert!(env.insert(name.clone()), "{name}");
            }
            assert!(setting.help.ends_with('.'), "{}", setting.key);
        }
    }

    #[test]
    fn a_kinds_settings_stand_in_groups_of_work_and_the_cores_do_not() {
        for kind in KINDS {
            assert!(kind.settings.iter().all(|row| matches!(row.group, Group::Work(_))), "{}", kind.name);
        }
        assert!(CORE.iter().all(|row| !matches!(row.group, Group::Work(_))));
        assert!(layers().resolve().unwrap().settings().is_ok(), "the types take the table");
    }
}
