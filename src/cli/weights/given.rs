//! Weights that a person gives instead of those that scores earn.

use clap::ArgMatches;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use crate::cli::{Exit, Failure};
use crate::ledger::LedgerError;
use crate::subnets::work::{Allotment, Shares};
use crate::subtensor::Metagraph;
use crate::units::{Identity, Uid};

/// What was typed: `3=0.5 7=0.5`.
pub(super) fn pairs(matches: &ArgMatches) -> Result<Vec<(Uid, f64)>, Failure> {
    let words = matches.try_get_many::<String>("weight").ok().flatten().unwrap_or_default();
    let pairs = words.map(|word| {
        let pair = word.split_once('=').and_then(|(uid, weight)| Some((uid.parse().ok()?, weight.parse().ok()?)));
        let pair = pair.filter(|(_, weight): &(u16, f64)| weight.is_finite() && *weight >= 0.0);
        let wrong = || usage(format!("`{word}` is not a weight: write UID=WEIGHT, such as 3=0.5"));
        pair.map(|(uid, weight)| (Uid(uid), weight)).ok_or_else(wrong)
    });
    let pairs = pairs.collect::<Result<Vec<(Uid, f64)>, Failure>>()?;
    for (index, (uid, _)) in pairs.iter().enumerate() {
        if pairs.iter().skip(index + 1).any(|(other, _)| other == uid) {
            return Err(usage(format!("uid {uid} is given twice")));
        }
    }
    if !pairs.is_empty() && pairs.iter().map(|(_, weight)| weight).sum::<f64>() <= 0.0 {
        return Err(usage("all weights are 0: give at least one that is more".to_owned()));
    }
    Ok(pairs)
}

fn usage(text: String) -> Failure {
    Failure::new(Exit::Usage, anyhow::anyhow!(text))
}

/// Shares that were given, by whoever held the slots then.
#[derive(Debug)]
pub(super) struct Given(Vec<(Identity, f64)>);

impl Given {
    /// The neurons behind the uids.
    pub(super) fn among(metagraph: &Metagraph, pairs: &[(Uid, f64)]) -> Result<Self, Failure> {
        let sum: f64 = pairs.iter().map(|(_, weight)| weight).sum();
        let shares = pairs.iter().map(|(uid, weight)| {
            let neuron = metagraph.neuron(*uid);
            let nobody = || {
                Failure::new(
                    Exit::Missing,
                    anyhow::anyhow!("subnet {} has no uid {uid}: see `neuron metagraph`", metagraph.netuid),
                )
            };
            Ok((neuron.ok_or_else(nobody)?.identity(), weight / sum))
        });
        Ok(Self(shares.collect::<Result<_, Failure>>()?))
    }
}

impl Shares for Given {
    fn shares<'a>(&'a self, registered: &'a [Identity]) -> BoxFuture<'a, Result<Allotment, LedgerError>> {
        let of =
            |identity: &Identity| self.0.iter().find(|(known, _)| known == identity).map_or(0.0, |(_, share)| *share);
        let shares: Vec<(Identity, f64)> = registered.iter().map(|identity| (*identity, of(identity))).collect();
        // A slot that changed hands since gets nothing.
        let anybody = shares.iter().any(|(_, share)| *share > 0.0);
        async move { Ok(anybody.then_some(shares)) }.boxed()
    }
}
