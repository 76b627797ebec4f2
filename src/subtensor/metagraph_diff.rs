//! What changed in a subnet between two metagraphs.

use std::net::SocketAddr;

use super::{Metagraph, Neuron};
use crate::units::{Account, BlockNumber, Rao, Uid};

/// Somebody in a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Who {
    /// The slot.
    pub uid: Uid,
    /// The key.
    pub hotkey: Account,
}

/// Somebody, and a value that is another now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Changed<T> {
    /// Whose.
    pub who: Who,
    /// What it was.
    pub from: T,
    /// What it is.
    pub to: T,
}

/// What changed between two blocks, each list by uid. A hotkey that was registered again is somebody new.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct MetagraphDiff {
    /// The older block.
    pub from: BlockNumber,
    /// The newer block.
    pub to: BlockNumber,
    /// Who came.
    pub registered: Vec<Who>,
    /// Who went: the slot is somebody else's now.
    pub deregistered: Vec<Who>,
    /// Who serves elsewhere, began to serve, or withdrew.
    pub axons: Vec<Changed<Option<SocketAddr>>>,
    /// Who may set weights now, or may not any more.
    pub permits: Vec<Changed<bool>>,
    /// Whose stake that counts changed, in rao.
    pub stakes: Vec<Changed<Rao>>,
    /// Who set weights, by the block of the last ones.
    pub updates: Vec<Changed<BlockNumber>>,
}

impl MetagraphDiff {
    /// Whether nothing changed but the height.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let people = self.registered.is_empty() && self.deregistered.is_empty() && self.axons.is_empty();
        people && self.permits.is_empty() && self.stakes.is_empty() && self.updates.is_empty()
    }
}

impl Metagraph {
    /// What changed from this metagraph to a newer one of the same subnet.
    ///
    /// ```
    /// # #[cfg(not(feature = "localnet"))] fn main() {}
    /// # #[cfg(feature = "localnet")]
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use neuron::localnet::{LocalnetConfig, spawn};
    /// # use neuron::subtensor::{Subtensor, SubtensorConfig};
    /// # use neuron::units::NetUid;
    /// # use neuron::wallet::{Keypair, Scheme};
    /// # let node = spawn(LocalnetConfig { port: 0, ..LocalnetConfig::default() }).await?;
    /// # let chain = Subtensor::connect(SubtensorConfig::new([node.ws_url()])).await?;
    /// # let (coldkey, hotkey) = (Keypair::from_uri("//Bob", Scheme::Sr25519)?, Keypair::from_uri("//Tide", Scheme::Sr25519)?);
    /// let before = chain.metagraph(NetUid(155)).await?;
    /// chain.burned_register(&coldkey, NetUid(155), &hotkey.account()).await?;
    ///
    /// let diff = before.diff(&chain.metagraph(NetUid(155)).await?);
    /// assert_eq!(diff.registered.first().map(|who| who.hotkey), Some(hotkey.account()));
    /// assert!(diff.deregistered.is_empty());
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn diff(&self, newer: &Self) -> MetagraphDiff {
        let same = |old: &Neuron, new: &Neuron| old.identity() == new.identity();
        let who = |neuron: &Neuron| Who { uid: neuron.uid, hotkey: neuron.hotkey };
        let absent_from = |other: &Self, neuron: &Neuron| !other.neuron(neuron.uid).is_some_and(|o| same(o, neuron));
        let pairs = || {
            newer.neurons.iter().filter_map(|new| {
                let old = self.neuron(new.uid).filter(|old| same(old, new))?;
                Some((old, new))
            })
        };
        MetagraphDiff {
            from: self.block,
            to: newer.block,
            registered: newer.neurons.iter().filter(|neuron| absent_from(self, neuron)).map(who).collect(),
            deregistered: self.neurons.iter().filter(|neuron| absent_from(newer, neuron)).map(who).collect(),
            axons: changed(pairs(), |neuron| neuron.axon.as_ref().map(super::AxonInfo::socket)),
            permits: changed(pairs(), |neuron| neuron.validator_permit),
            stakes: changed(pairs(), |neuron| neuron.total_stake),
            updates: changed(pairs(), |neuron| neuron.last_update),
        }
    }
}

fn changed<'a, T: PartialEq>(
    pairs: impl Iterator<Item = (&'a Neuron, &'a Neuron)>,
    value: impl Fn(&Neuron) -> T,
) -> Vec<Changed<T>> {
    let change = |(old, new): (&Neuron, &Neuron)| {
        let (from, to) = (value(old), value(new));
        (from != to).then_some(Changed { who: Who { uid: new.uid, hotkey: new.hotkey }, from, to })
    };
    pairs.filter_map(change).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::NetUid;

    fn neuron(uid: u16, hotkey: u8, registered_at: BlockNumber) -> Neuron {
        Neuron {
            uid: Uid(uid),
            hotkey: Account([hotkey; 32]),
            coldkey: Account([9; 32]),
            registered_at,
            axon: None,
            alpha_stake: Rao(0),
            root_stake: Rao(0),
            total_stake: Rao(5),
            validator_permit: false,
            active: true,
            last_update: 1,
            incentive: 0.0,
            dividends: 0.0,
            emission: Rao(0),
            consensus: 0.0,
            validator_trust: 0.0,
        }
    }

    #[test]
    fn people_come_and_go_and_change() {
        let netuid = NetUid(8);
        let old = Metagraph { netuid, block: 10, neurons: vec![neuron(0, 1, 1), neuron(1, 2, 1), neuron(2, 3, 1)] };
        assert!(old.diff(&Metagraph { block: 11, ..old.clone() }).is_empty());
        let promoted = Neuron { validator_permit: true, last_update: 15, total_stake: Rao(7), ..neuron(0, 1, 1) };
        // The second slot changed hands, the third hotkey was registered anew, a fourth one came.
        let neurons = vec![promoted, neuron(1, 4, 12), neuron(2, 3, 13), neuron(3, 5, 14)];
        let diff = old.diff(&Metagraph { netuid, block: 20, neurons });
        let uids = |list: &[Who]| list.iter().map(|who| who.uid.0).collect::<Vec<_>>();
        assert_eq!((diff.from, diff.to), (10, 20));
        assert_eq!((uids(&diff.registered), uids(&diff.deregistered)), (vec![1, 2, 3], vec![1, 2]));
        let who = Who { uid: Uid(0), hotkey: Account([1; 32]) };
        assert_eq!(diff.permits, [Changed { who, from: false, to: true }]);
        assert_eq!(diff.stakes, [Changed { who, from: Rao(5), to: Rao(7) }]);
        assert_eq!(diff.updates, [Changed { who, from: 1, to: 15 }]);
        assert!(diff.axons.is_empty() && !diff.is_empty());
    }
}
