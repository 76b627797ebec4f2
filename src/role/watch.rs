//! What there is to look at of a running role: for its page. Nothing in here is counted for show; it is what decides.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use super::metrics::Watched;
use super::miner::Miner;
use super::subnet::Subnet;
use super::validator::Validator;
use super::weights::WeightsView;
use crate::axon::Handle;
use crate::dendrite::Dendrite;
use crate::ledger::Place;
use crate::subnets::work::MinerWork;
use crate::telemetry::Health;
use crate::units::Account;

/// Asks how a role is.
pub type Asking = Arc<dyn Fn() -> Health + Send + Sync>;

/// A running role, looked at. Cheap to clone; it keeps no port and no ledger open.
#[derive(Clone)]
pub struct Watch {
    /// miner, validator, demo.
    pub role: &'static str,
    /// Its hotkey.
    pub hotkey: Account,
    /// The subnet.
    pub subnet: Subnet,
    /// How it is.
    pub health: Asking,
    /// How its weights stand; `None` when it writes none.
    pub weights: Option<Arc<WeightsView>>,
    /// Its ledger.
    pub ledger: Option<Place>,
    /// What it calls with.
    pub dendrite: Option<Arc<Dendrite>>,
    /// Where it serves.
    pub axon: Option<Weak<Handle>>,
    /// What it answers with.
    pub answers: Option<Arc<dyn MinerWork>>,
    /// Names of miners, where somebody gave them some.
    pub names: BTreeMap<Account, &'static str>,
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch").field("role", &self.role).field("hotkey", &self.hotkey).finish_non_exhaustive()
    }
}

impl Validator {
    /// What there is to look at.
    #[must_use]
    pub fn watch(&self) -> Watch {
        Watch {
            role: "validator",
            hotkey: self.hotkey(),
            subnet: self.subnet().clone(),
            health: Arc::from(self.health()),
            weights: self.weights(),
            ledger: Some(self.ledger().clone()),
            dendrite: Some(self.shared_dendrite()),
            axon: None,
            answers: None,
            names: BTreeMap::new(),
        }
    }
}

impl Miner {
    /// What there is to look at.
    #[must_use]
    pub fn watch(&self) -> Watch {
        Watch {
            role: "miner",
            hotkey: self.hotkey(),
            subnet: self.subnet().clone(),
            // Not `Watched::health`, which keeps the axon: when the miner is gone, its port is free.
            health: Arc::from(self.health_while_it_lives()),
            weights: None,
            ledger: None,
            dendrite: None,
            axon: Some(Arc::downgrade(&self.axon())),
            answers: Some(self.work()),
            names: BTreeMap::new(),
        }
    }
}
