//! The chain as its own random beacon: it signs rounds as they pass by the chain's time, and takes real pulses of drand's
//! `quicknet` from who has them. Pulses reach the state as on the real chain, in an extrinsic of the block.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::commitments;
use super::drand::{self, BeaconConfiguration, Pulse};
use super::pallet;
use super::runtime::Runtime;
use crate::timelock::{PublicKey, SecretKey, Signature};

/// Most pulses of one block, as a real node submits them.
const PER_BLOCK: usize = 50;
/// Most pulses that wait for their time.
const WAITING: usize = 100_000;

/// Signs, or does not.
pub(crate) struct Beacon {
    key: SecretKey,
    /// Found when it first signs: that takes a millisecond, and many chains never have commit-reveal on.
    public: OnceCell<PublicKey>,
    running: bool,
    /// Nobody could have sealed anything for the rounds that passed meanwhile.
    slept: bool,
    /// Pulses of others, which take the place of our own when their time comes.
    given: BTreeMap<u64, Pulse>,
}

/// What the state says about the beacon.
#[derive(Debug, Clone)]
pub(crate) struct Standing {
    pub(crate) config: BeaconConfiguration,
    pub(crate) last_round: u64,
    /// Does any subnet have weights that are revealed later, or does a sealed commitment wait?
    wanted: bool,
}

/// Why a pulse was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PulseError {
    /// The bytes are no signature.
    #[error("the signature of round {round} is not one: {reason}")]
    Signature {
        /// The round.
        round: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// Neither beacon signed it.
    #[error("round {0} was signed neither by drand's quicknet nor by this chain's beacon")]
    Foreign(u64),
    /// The chain is past it.
    #[error(
        "round {round} is not above the last one that the chain has stored, {last}; stop the beacon before, or start the chain at an earlier time"
    )]
    Past {
        /// The round.
        round: u64,
        /// The newest stored.
        last: u64,
    },
    /// Too many wait.
    #[error("{WAITING} pulses wait for their time already")]
    Full,
    /// A file of pulses cannot be read.
    #[error(
        "{path}: {reason}; expected drand's pulses as JSON, one per line or in a list: {{\"round\": 1000, \"signature\": \"b446…\"}}"
    )]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl Standing {
    /// Reads it; must run in externalities.
    pub(crate) fn read() -> Self {
        let wanted = pallet::NetworksAdded::<Runtime>::iter_keys()
            .any(|netuid| netuid.0 != 0 && pallet::CommitRevealWeightsEnabled::<Runtime>::get(netuid))
            || !commitments::TimelockedIndex::<Runtime>::get().is_empty();
        Self {
            config: drand::BeaconConfig::<Runtime>::get(),
            last_round: drand::LastStoredRound::<Runtime>::get(),
            wanted,
        }
    }
}

impl Beacon {
    /// A beacon that runs.
    pub(crate) fn new(key: SecretKey, given: BTreeMap<u64, Pulse>) -> Self {
        Self { public: OnceCell::new(), key, running: true, slept: false, given }
    }

    /// Stops signing, or goes on; what was missed is signed then.
    pub(crate) fn run(&mut self, running: bool) {
        self.running = running;
    }

    pub(crate) fn is_running(&self) -> bool {
        self.running
    }

    /// Takes a pulse of another beacon, or of this one, until its time comes.
    pub(crate) fn give(
        &mut self,
        standing: &Standing,
        round: u64,
        signature: &[u8],
    ) -> Result<drand::Signer, PulseError> {
        let last = standing.last_round;
        if round <= last {
            return Err(PulseError::Past { round, last });
        }
        if self.given.len() >= WAITING {
            return Err(PulseError::Full);
        }
        let pulse = pulse(round, signature)?;
        let beacon = drand::checked(&standing.config, &pulse).ok_or(PulseError::Foreign(round))?;
        self.given.insert(round, pulse);
        Ok(beacon)
    }

    /// The pulses for a block at this time, in the order of rounds.
    ///
    /// While no subnet has commit-reveal on, none are signed: four signatures would take longer than the block.
    pub(crate) fn due(&mut self, standing: &Standing, now_ms: u64) -> Vec<Pulse> {
        let now = standing.config.schedule().round_at(now_ms / 1000);
        let waiting = self.given.split_off(&standing.last_round.saturating_add(1));
        self.given = waiting;
        let given = self.given.range(..=now).map(|(round, _)| *round).collect::<Vec<_>>();
        let signs = self.running && standing.wanted;
        let first = match standing.last_round {
            last if last == 0 || self.slept => now,
            last => last.saturating_add(1),
        };
        self.slept = !signs && (self.slept || !standing.wanted);
        let own = if signs && now > 0 { first..now.saturating_add(1) } else { 0..0 };
        let mut rounds: Vec<u64> = own.take(PER_BLOCK).chain(given.into_iter().take(PER_BLOCK)).collect();
        rounds.sort_unstable();
        rounds.dedup();
        rounds.truncate(PER_BLOCK);
        rounds.into_iter().filter_map(|round| self.pulse_of(standing, round)).collect()
    }

    fn pulse_of(&mut self, standing: &Standing, round: u64) -> Option<Pulse> {
        if let Some(pulse) = self.given.remove(&round) {
            if drand::checked(&standing.config, &pulse).is_some() {
                return Some(pulse);
            }
            tracing::warn!(target: "neuron::localnet", error = %PulseError::Foreign(round), "a pulse was thrown away");
        }
        if !(self.running && standing.wanted) {
            return None;
        }
        let pulse = Pulse::of(round, &self.key.sign(round));
        drand::remember(self.public.get_or_init(|| self.key.public()), &pulse);
        // Root may have named another beacon; then ours is silent.
        drand::checked(&standing.config, &pulse).is_some_and(|signer| signer == drand::Signer::Chain).then_some(pulse)
    }
}

fn pulse(round: u64, signature: &[u8]) -> Result<Pulse, PulseError> {
    let signature =
        Signature::from_bytes(signature).map_err(|error| PulseError::Signature { round, reason: error.to_string() })?;
    Ok(Pulse::of(round, &signature))
}

/// A pulse as drand's HTTP API gives it; its randomness is computed from the signature.
#[derive(Deserialize)]
struct Published {
    round: u64,
    signature: String,
}

/// Reads a file of pulses: a JSON list of what drand's HTTP API gives, or one per line. Whose they are is looked at when
/// their time comes.
pub(crate) fn read_pulses(path: &Path) -> Result<BTreeMap<u64, Pulse>, PulseError> {
    let refused = |reason: String| PulseError::File { path: path.to_path_buf(), reason };
    let text = std::fs::read_to_string(path).map_err(|error| refused(error.to_string()))?;
    let list: Vec<Published> = if text.trim_start().starts_with('[') {
        serde_json::from_str(&text).map_err(|error| refused(error.to_string()))?
    } else {
        serde_json::Deserializer::from_str(&text)
            .into_iter()
            .collect::<Result<_, _>>()
            .map_err(|error| refused(error.to_string()))?
    };
    if list.len() > WAITING {
        return Err(refused(format!("it has {} pulses, and at most {WAITING} can wait", list.len())));
    }
    list.into_iter()
        .map(|Published { round, signature }| {
            let bytes = hex::decode(&signature).map_err(|error| refused(format!("round {round}: {error}")))?;
            pulse(round, &bytes).map(|pulse| (round, pulse)).map_err(|error| refused(error.to_string()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timelock::Schedule;
    use std::io::Write as _;

    const QUICKNET_1000: &str =
        "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39";

    fn key() -> SecretKey {
        SecretKey::from_seed(b"tested")
    }

    fn standing(last_round: u64, wanted: bool) -> Standing {
        Standing { config: BeaconConfiguration::of(&key().public(), &[1; 32], "tested"), last_round, wanted }
    }

    fn beacon() -> Beacon {
        Beacon::new(key(), BTreeMap::new())
    }

    /// When this round is published, in Unix milliseconds.
    fn at(round: u64) -> u64 {
        Schedule::QUICKNET.time_of(round) * 1000
    }

    fn rounds(pulses: &[Pulse]) -> Vec<u64> {
        pulses.iter().map(|pulse| pulse.round).collect()
    }

    #[test]
    fn rounds_are_signed_as_they_pass() {
        let mut beacon = beacon();
        assert_eq!(rounds(&beacon.due(&standing(0, true), at(500) + 2999)), [500], "it starts with the newest");
        let pulses = beacon.due(&standing(500, true), at(504));
        assert_eq!(rounds(&pulses), [501, 502, 503, 504]);
        let signed = Signature::from_bytes(&pulses[0].signature).unwrap();
        assert!(key().public().verifies(501, &signed));
        assert_eq!(pulses[0].randomness.to_vec(), signed.randomness());
        assert!(beacon.due(&standing(504, true), at(504) + 1).is_empty(), "each once");
        assert!(beacon.due(&standing(0, true), 0).is_empty(), "before the first round");
    }

    #[test]
    fn what_a_stopped_beacon_missed_is_signed_later_fifty_at_a_time() {
        let mut beacon = beacon();
        beacon.run(false);
        assert!(!beacon.is_running() && beacon.due(&standing(10, true), at(100)).is_empty());
        beacon.run(true);
        assert_eq!(rounds(&beacon.due(&standing(10, true), at(100))), (11..=60).collect::<Vec<_>>());
        assert_eq!(rounds(&beacon.due(&standing(60, true), at(100))), (61..=100).collect::<Vec<_>>());
    }

    #[test]
    fn while_nobody_seals_nothing_is_signed_and_then_nothing_is_made_up_for() {
        let mut beacon = beacon();
        assert!(beacon.due(&standing(10, false), at(100)).is_empty());
        beacon.run(false);
        assert!(beacon.due(&standing(10, true), at(150)).is_empty(), "stopped in its sleep, it has slept");
        beacon.run(true);
        assert_eq!(rounds(&beacon.due(&standing(10, true), at(200))), [200]);
        assert_eq!(rounds(&beacon.due(&standing(200, true), at(201))), [201]);
    }

    #[test]
    fn a_real_pulse_takes_the_place_of_ours_when_its_time_comes() {
        let mut beacon = beacon();
        let real = hex::decode(QUICKNET_1000).unwrap();
        assert_eq!(beacon.give(&standing(990, true), 1000, &real), Ok(drand::Signer::Quicknet));
        assert_eq!(rounds(&beacon.due(&standing(998, true), at(999))), [999]);
        let pulses = beacon.due(&standing(999, true), at(1001));
        assert_eq!(rounds(&pulses), [1000, 1001]);
        assert_eq!(pulses[0].signature.to_vec(), real);
        let own = key().sign(1002);
        assert_eq!(beacon.give(&standing(1001, true), 1002, own.as_bytes()), Ok(drand::Signer::Chain));
    }

    #[test]
    fn a_stopped_or_sleeping_beacon_still_passes_on_what_it_was_given() {
        for (running, wanted) in [(false, true), (true, false), (false, false)] {
            let mut beacon = beacon();
            beacon.run(running);
            beacon.give(&standing(10, wanted), 1000, &hex::decode(QUICKNET_1000).unwrap()).unwrap();
            assert!(beacon.due(&standing(10, wanted), at(999)).is_empty());
            assert_eq!(rounds(&beacon.due(&standing(10, wanted), at(1003))), [1000]);
        }
    }

    #[test]
    fn foreign_broken_and_late_pulses_are_refused() {
        let mut beacon = beacon();
        let real = hex::decode(QUICKNET_1000).unwrap();
        assert_eq!(beacon.give(&standing(5, true), 1001, &real), Err(PulseError::Foreign(1001)));
        assert!(matches!(beacon.give(&standing(5, true), 9, &[0; 48]), Err(PulseError::Signature { round: 9, .. })));
        assert_eq!(beacon.give(&standing(1000, true), 1000, &real), Err(PulseError::Past { round: 1000, last: 1000 }));
    }

    #[test]
    fn another_beacon_named_by_root_silences_ours() {
        let mut beacon = beacon();
        let config = BeaconConfiguration::of(&PublicKey::QUICKNET, &[2; 32], "other");
        assert!(beacon.due(&Standing { config, ..standing(10, true) }, at(20)).is_empty());
    }

    #[test]
    fn a_file_of_pulses_is_read_as_lines_or_list() {
        let line = format!(r#"{{"round":1000,"randomness":"00","signature":"{QUICKNET_1000}"}}"#);
        for text in [format!("{line}\n"), format!("[{line}]")] {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(text.as_bytes()).unwrap();
            let given = read_pulses(file.path()).unwrap();
            assert_eq!(given.keys().copied().collect::<Vec<_>>(), [1000]);
            let mut beacon = Beacon::new(key(), given);
            assert_eq!(rounds(&beacon.due(&standing(999, true), at(1000))), [1000]);
        }
        for broken in ["{", r#"{"round":1}"#, r#"{"round":1,"signature":"zz"}"#, r#"[{"round":1,"signature":"00"}]"#] {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(broken.as_bytes()).unwrap();
            let refused = read_pulses(file.path()).unwrap_err().to_string();
            assert!(refused.contains("expected drand's pulses as JSON"), "{refused}");
        }
        assert!(read_pulses(Path::new("/nowhere/at/all")).is_err());
    }

    #[test]
    fn a_forged_pulse_of_a_file_gives_way_to_ours() {
        let forged = Pulse { round: 5, ..Pulse::of(4, &key().sign(4)) };
        let mut beacon = Beacon::new(key(), BTreeMap::from([(5, forged)]));
        let pulses = beacon.due(&standing(4, true), at(5));
        assert_eq!(pulses, [Pulse::of(5, &key().sign(5))]);
    }
}
