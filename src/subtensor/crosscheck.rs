//! Whether the endpoint in use shows the same chain as the others.
//!
//! What is final cannot change, so two nodes of one chain have the same block at each height that is final for both. The
//! majority is believed. Two that contradict each other are judged by how far each is: a fork stays behind, since most of
//! the chain's authorities are not on it. A liar who is ahead wins against one other; only a third unmasks him.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use subxt::utils::H256;
use tokio::time::timeout;

use super::error::{Attempt, Failure, shown};
use super::link::Link;
use crate::units::BlockNumber;

/// A node may be this many blocks behind another, before the other is preferred to it.
pub(super) const LAG_ALLOWED: BlockNumber = 20;

/// A block by height and hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) height: BlockNumber,
    pub(super) hash: H256,
}

/// The outcome of a comparison.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    /// A final block that several endpoints have.
    pub(super) agreed: Option<Block>,
    /// A block that is final for all of those that are believed.
    pub(super) finalised: BlockNumber,
    /// Who contradicts.
    pub(super) distrusted: Vec<Attempt>,
    /// Why the endpoint in use is to be left.
    pub(super) leave: Option<String>,
}

/// What one endpoint says is final.
struct Witness {
    link: Arc<Link>,
    finalised: BlockNumber,
}

/// What an endpoint has at the height at which all are compared.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Claim {
    endpoint: String,
    finalised: BlockNumber,
    hash: H256,
}

/// Compares the link in use with other endpoints; those that do not answer in time, or are of another chain, have no voice.
pub(super) async fn compare(own: Arc<Link>, others: Vec<String>, deadline: Duration) -> Verdict {
    let asked = join_all(others.iter().map(|endpoint| async {
        let opening = async { witness(Arc::new(Link::open(endpoint).await?)).await };
        match timeout(deadline, opening).await {
            Ok(Ok(witness)) if witness.link.genesis == own.genesis => Some(witness),
            _ => {
                tracing::debug!(endpoint = shown(endpoint), "a chain endpoint cannot be compared");
                None
            }
        }
    }));
    let (mine, others) = tokio::join!(timeout(deadline, witness(own.clone())), asked);
    // Whether the own link still answers is not decided here.
    let Ok(Ok(mine)) = mine else { return Verdict::default() };
    let near = mine.finalised.saturating_add(LAG_ALLOWED);
    let (ahead, others): (Vec<Witness>, Vec<Witness>) = others.into_iter().flatten().partition(|o| o.finalised > near);
    // One of several that claims to be far ahead is believed as little as one that says something else.
    if let Some(nearest) = ahead.iter().min_by_key(|witness| witness.finalised).filter(|_| ahead.len() > others.len()) {
        let (height, endpoint) = (nearest.finalised, &nearest.link.endpoint);
        let leave = format!("block {} is final there, but block {height} on {endpoint}", mine.finalised);
        return Verdict { leave: Some(leave), finalised: height, ..Verdict::default() };
    }
    let behind = mine.finalised.saturating_sub(LAG_ALLOWED);
    let abreast = others.into_iter().chain(ahead).filter(|other| other.finalised >= behind);
    let witnesses: Vec<Witness> = std::iter::once(mine).chain(abreast).collect();
    let height = witnesses.iter().map(|witness| witness.finalised).min().unwrap_or_default();
    let claims = join_all(witnesses.iter().map(|witness| async move {
        let hash = witness.link.rpc.chain_get_block_hash(Some(height.into()));
        let hash = timeout(deadline, hash).await.ok()?.ok()??;
        Some(Claim { endpoint: witness.link.endpoint.clone(), finalised: witness.finalised, hash })
    }));
    let claims: Vec<Claim> = claims.await.into_iter().flatten().collect();
    match claims.split_first() {
        Some((mine, others)) if mine.endpoint == own.endpoint => decide(height, mine, others),
        _ => Verdict::default(),
    }
}

async fn witness(link: Arc<Link>) -> Result<Witness, Failure> {
    let (_, finalised) = link.finalised().await?;
    Ok(Witness { link, finalised })
}

fn decide(height: BlockNumber, mine: &Claim, others: &[Claim]) -> Verdict {
    let all = || std::iter::once(mine).chain(others);
    // How many say so, and how far they are.
    let weight = |hash: H256| {
        let camp = || all().filter(move |claim| claim.hash == hash);
        (camp().count(), camp().map(|claim| claim.finalised).max().unwrap_or_default())
    };
    let strongest = others.iter().map(|claim| claim.hash).max_by_key(|hash| weight(*hash));
    let believed = strongest.filter(|hash| weight(*hash) > weight(mine.hash)).unwrap_or(mine.hash);
    let (voices, _) = weight(believed);
    let finalised = all().filter(|claim| claim.hash == believed).map(|claim| claim.finalised).min().unwrap_or_default();
    let why =
        |claim: &Claim| format!("it is on a fork: its block {height} is {:?}, on others {believed:?}", claim.hash);
    let distrusted: Vec<Attempt> = all()
        .filter(|claim| claim.hash != believed)
        .map(|claim| Attempt { endpoint: claim.endpoint.clone(), reason: why(claim).into() })
        .collect();
    let leave = (mine.hash != believed).then(|| why(mine));
    // One against one is no agreement, but who is left for the other is not taken again.
    let agreed = (voices > 1 || leave.is_some()).then_some(Block { height, hash: believed });
    Verdict { agreed, finalised, distrusted, leave }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(endpoint: &str, finalised: BlockNumber, hash: u8) -> Claim {
        Claim { endpoint: endpoint.to_owned(), finalised, hash: H256([hash; 32]) }
    }

    fn names(verdict: &Verdict) -> Vec<&str> {
        verdict.distrusted.iter().map(|attempt| attempt.endpoint.as_str()).collect()
    }

    #[test]
    fn the_majority_is_believed_however_far_the_others_are() {
        let verdict = decide(100, &claim("a", 118, 1), &[claim("b", 100, 2), claim("c", 101, 2)]);
        assert!(verdict.leave.as_ref().is_some_and(|reason| reason.contains("fork")));
        assert_eq!(verdict.agreed, Some(Block { height: 100, hash: H256([2; 32]) }));
        assert_eq!(names(&verdict), ["a"]);
        let verdict = decide(100, &claim("a", 100, 1), &[claim("b", 118, 2), claim("c", 101, 1)]);
        assert_eq!((verdict.leave.clone(), names(&verdict)), (None, vec!["b"]));
    }

    #[test]
    fn of_two_the_one_that_is_further_is_believed() {
        let verdict = decide(100, &claim("a", 100, 1), &[claim("b", 101, 2)]);
        assert!(verdict.leave.is_some() && verdict.agreed.is_some());
        let verdict = decide(100, &claim("a", 101, 1), &[claim("b", 100, 2)]);
        assert_eq!((verdict.leave.clone(), verdict.agreed, names(&verdict)), (None, None, vec!["b"]));
        // A draw is no reason to leave.
        assert_eq!(decide(100, &claim("a", 100, 1), &[claim("b", 100, 2)]).leave, None);
    }

    #[test]
    fn agreement_needs_another() {
        assert_eq!(decide(9, &claim("a", 9, 1), &[]).agreed, None);
        let verdict = decide(9, &claim("a", 9, 1), &[claim("b", 12, 1)]);
        assert_eq!(verdict.agreed, Some(Block { height: 9, hash: H256([1; 32]) }));
        assert_eq!((verdict.leave, verdict.finalised), (None, 9));
    }
}
