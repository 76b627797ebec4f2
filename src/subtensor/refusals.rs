//! The chain's refusals in words: error → cause, next step, whether waiting helps.
//!
//! A refusal meets us in two places: in the pool (JSON-RPC 1010 with a text or `Custom error: N`, no event, no fee) and
//! in a block (`System.ExtrinsicFailed`). Both become one [`Refusal`]. Names come from the node's metadata; the numbers
//! of the pool are the chain's `CustomTransactionError`.

use std::fmt;
use std::time::Duration;

use super::error::Retry::{self, After, No, Now};
use crate::units::{BlockNumber, Foreign};

/// A transaction that the chain refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Refusal {
    /// Pallet and call, with its subject: `SubtensorModule.set_weights (netuid 8)`.
    pub call: String,
    /// The pallet whose error it is, or `pool` for a rule of the transaction pool.
    pub pallet: String,
    /// The error's name in that pallet.
    pub name: String,
    /// The chain's own documentation of the error; may be empty.
    pub docs: Foreign,
    /// What it means.
    pub cause: Foreign,
    /// What to do.
    pub next_step: String,
    /// The block in which it failed; `None` when the pool refused it, and nothing was paid.
    pub block: Option<BlockNumber>,
    /// Whether the same can pass later.
    pub retry: Retry,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { call, pallet, name, cause, next_step, .. } = self;
        match self.block {
            Some(block) => write!(f, "{call} failed in block {block}: ")?,
            None => write!(f, "{call} was refused: ")?,
        }
        write!(f, "{pallet}.{name}: {cause}; {next_step}")
    }
}

/// One row of the table.
struct Row {
    name: &'static str,
    cause: &'static str,
    next_step: &'static str,
    retry: Retry,
}

/// A block of the main network.
const BLOCK: Duration = Duration::from_secs(12);
/// An epoch of the usual tempo, 360 blocks.
const EPOCH: Duration = Duration::from_secs(360 * 12);

const fn row(name: &'static str, cause: &'static str, next_step: &'static str, retry: Retry) -> Row {
    Row { name, cause, next_step, retry }
}

/// What a neuron meets, by the name of the error. Meanings: `macros/errors.rs` and `guards` of subtensor.
#[rustfmt::skip]
const ROWS: &[Row] = &[
    // Who is who.
    row("HotKeyNotRegisteredInSubNet", "the hotkey has no uid in this subnet; it may have been pruned", "register it: `neuron register --netuid N`", No),
    row("HotKeyNotRegisteredInNetwork", "the hotkey is not registered in this subnet", "register it first, and check --netuid", No),
    row("HotKeyAccountNotExists", "no coldkey ever owned this hotkey", "register the hotkey, and check the address", No),
    row("NonAssociatedColdKey", "the signing coldkey does not own this hotkey", "use the wallet whose coldkey owns it (--wallet.name)", No),
    row("HotKeyAlreadyRegisteredInSubNet", "the hotkey already has a uid in this subnet", "nothing needs to be done", No),
    row("CannotUseSystemAccount", "this hotkey is a subnet's own account", "use another hotkey", No),
    row("SubnetNotExists", "the subnet does not exist", "check --netuid and --subtensor.network", No),
    row("MechanismDoesNotExist", "the subnet, or this mechanism of it, does not exist", "check --netuid and --subtensor.network", No),
    row("ColdkeySwapAnnounced", "the coldkey is frozen by an announced swap", "finish or clear the swap first", No),
    row("ColdkeySwapDisputed", "the coldkey is frozen by a disputed swap", "wait until the dispute is decided", No),
    // Registration.
    row("RegistrationNotPermittedOnRootSubnet", "netuid 0 has its own registration", "choose a subnet with --netuid", No),
    row("SubNetRegistrationDisabled", "registration in this subnet is closed", "ask the subnet's owner", No),
    row("NotEnoughBalanceToStake", "the coldkey cannot pay this", "top up the coldkey, with a little more for the fee (`neuron balance`)", No),
    row("NoNeuronIdAvailable", "the subnet is full and every neuron is immune", "wait until an immunity period ends", After(EPOCH)),
    row("RegistrationPriceLimitExceeded", "the price rose above the limit", "raise the limit, or wait until the price falls", After(EPOCH)),
    row("TooManyRegistrationsThisBlock", "this block's registrations are used up", "try in the next block", After(BLOCK)),
    row("TooManyRegistrationsThisInterval", "this interval's registrations are used up", "wait for the next interval", After(EPOCH)),
    // Serving.
    row("InvalidIpType", "the address is neither IPv4 nor IPv6", "set --axon.external_ip", No),
    row("InvalidIpAddress", "this address cannot be published (127.0.0.1, ::1 and all ones are refused)", "publish one \
                                                                                                           that others \
                                                                                                           can reach: \
                                                                                                           --axon.external_ip", No),
    row("InvalidPort", "port 0 cannot be published", "set --axon.external_port", No),
    row("ServingRateLimitExceeded", "the axon was published a short while ago", "the old address stays in force; wait \
                                                                                 for the subnet's serving rate limit", After(Duration::from_secs(50 * 12))),
    // Weights.
    row("NeuronNoValidatorPermit", "the hotkey has no validator permit", "give it enough stake to be among the \
                                                                          subnet's validators, then wait for the next \
                                                                          epoch", After(EPOCH)),
    row("NotEnoughStakeToSetWeights", "the hotkey's stake is below the chain's threshold for weights", "stake more on this hotkey", No),
    row("SettingWeightsTooFast", "the subnet's weights rate limit is not over", "wait for it: last update + limit − block", After(BLOCK)),
    row("CommittingWeightsTooFast", "the subnet's weights rate limit is not over", "wait for it: last update + limit − block", After(BLOCK)),
    row("IncorrectWeightVersionKey", "the version key is below the subnet's", "update `neuron`, or set the subnet's version key", No),
    row("WeightVecNotEqualSize", "uids and weights differ in number", "report this as a bug of `neuron`", No),
    row("DuplicateUids", "a uid occurs twice", "report this as a bug of `neuron`", No),
    row("UidVecContainInvalidOne", "a uid is beyond the subnet's size", "read the metagraph again", Now),
    row("UidsLengthExceedUidsInSubNet", "there are more weights than neurons", "read the metagraph again", Now),
    row("WeightVecLengthIsLow", "there are fewer weights than the subnet's minimum", "add entries; zeros count", No),
    row("MaxWeightExceeded", "one weight is above the subnet's limit", "spread the weights", No),
    row("CanNotSetRootNetworkWeights", "netuid 0 takes no weights", "choose a subnet with --netuid", No),
    row("CommitRevealEnabled", "the subnet takes committed weights only: plain ones are refused", "commit the weights \
                                                                                                   instead of setting \
                                                                                                   them", Now),
    row("CommitRevealDisabled", "the subnet takes plain weights only", "set the weights instead of committing them", Now),
    row("IncorrectCommitRevealVersion", "the chain expects another form of commits", "update `neuron`", No),
    row("InvalidRevealRound", "the drand round is over already", "check this machine's clock, then commit again", Now),
    row("TooManyUnrevealedCommits", "ten commits wait for their reveal", "wait until one is revealed or expires", After(EPOCH)),
    row("NoWeightsCommitFound", "there is nothing to reveal: no commit, or it has expired", "commit again", Now),
    row("InvalidRevealCommitHashNotMatch", "the revealed weights are not those that were committed", "commit again", No),
    row("ExpiredWeightCommit", "the epoch for the reveal is over", "commit again", Now),
    row("RevealTooEarly", "the epoch for the reveal has not come", "wait for it", After(BLOCK)),
    row("InputLengthsUnequal", "the lists of a batch differ in length", "report this as a bug of `neuron`", No),
    // Stake.
    row("AmountTooLow", "the amount is below the chain's minimum, 0.002 TAO or its worth", "raise the amount", No),
    row("StakeAmountTooLow", "the amount, or the hotkey's stake for this call, is too low", "raise the amount; for weights, stake more on the hotkey", No),
    row("NotEnoughStakeToWithdraw", "the position holds less than that", "read the stake again and lower the amount", No),
    row("SubtokenDisabled", "the subnet is not started, so nothing can be staked in it", "wait until its owner starts it", No),
    row("InsufficientLiquidity", "the subnet's pool is too small for this amount", "lower the amount", No),
    row("SlippageTooHigh", "the price would move beyond the limit", "lower the amount, or widen the limit", No),
    row("StakeUnavailable", "part of this stake is locked", "lower the amount, or unlock first", No),
    row("TransferDisallowed", "the subnet does not let stake be transferred", "ask the subnet's owner", No),
    row("InsufficientBalance", "the account's balance is too low", "top it up", No),
    row("ZeroBalanceAfterWithdrawn", "the account would be emptied", "leave the existential deposit, 500 rao", No),
    row("BalanceWithdrawalError", "the balance cannot be withdrawn", "check what is reserved or frozen", No),
    row("ZeroMaxAmount", "at this limit price nothing can be moved", "widen the limit", No),
    // Rules over all.
    row("TxRateLimitExceeded", "this was done a short while ago; the chain limits how often", "wait", After(EPOCH)),
    row("RateLimitExceeded", "this was done a short while ago; the chain limits how often", "wait: for weights, until \
                                                                                             last update + the \
                                                                                             subnet's weights rate \
                                                                                             limit", After(BLOCK)),
    row("DelegateTakeTooLow", "the take is below the minimum", "raise it", No),
    row("DelegateTakeTooHigh", "the take is above the maximum", "lower it", No),
    row("DisabledTemporarily", "the chain has disabled this call for now", "try again later", After(EPOCH)),
    row("Deprecated", "the chain no longer has this call", "update `neuron`", No),
    row("CallFiltered", "the chain does not accept this call now (safe mode, or a batch in a batch)", "try again later", After(EPOCH)),
    row("BadOrigin", "the signer may not do this", "use a key that may", No),
    row("BadRequest", "the chain refused this before it reached a block, and gave no reason", "check the arguments, \
                                                                                               the address and its \
                                                                                               type first", No),
    // The pool's own rules.
    row("Payment", "the account cannot pay the fee", "top it up (`neuron balance`)", No),
    row("Stale", "the nonce is used already", "another program signs with the same key; try again", Now),
    row("BadProof", "the signature does not fit the chain: another genesis or runtime version", "try again; if it stays, update `neuron`", Now),
    row("AncientBirthBlock", "the transaction is too old", "try again", Now),
    row("PriorityTooLow", "another transaction of this account with the same nonce waits", "wait for the next block", After(BLOCK)),
    row("Banned", "the pool refused the same transaction a short while ago", "wait half an hour, or change it", After(Duration::from_secs(1800))),
    row("ImmediatelyDropped", "the node's pool is full", "try in a few blocks, or another endpoint", After(BLOCK)),
    row("ExhaustsResources", "the block is full", "try in the next block", After(BLOCK)),
];

/// The pool's numbers, `CustomTransactionError`, by the name of the same refusal in a block where there is one.
const CUSTOM: [(u8, &str); 23] = [
    (0, "ColdkeySwapAnnounced"),
    (1, "StakeAmountTooLow"),
    (2, "NotEnoughBalanceToStake"),
    (3, "SubnetNotExists"),
    (4, "HotKeyAccountNotExists"),
    (5, "NotEnoughStakeToWithdraw"),
    (6, "RateLimitExceeded"),
    (7, "InsufficientLiquidity"),
    (8, "SlippageTooHigh"),
    (9, "TransferDisallowed"),
    (10, "HotKeyNotRegisteredInNetwork"),
    (11, "InvalidIpAddress"),
    (12, "ServingRateLimitExceeded"),
    (13, "InvalidPort"),
    (14, "ZeroMaxAmount"),
    (15, "InvalidRevealRound"),
    (16, "NoWeightsCommitFound"),
    (17, "RevealTooEarly"),
    (18, "InputLengthsUnequal"),
    (19, "HotKeyNotRegisteredInSubNet"),
    (21, "ColdkeySwapDisputed"),
    (25, "NonAssociatedColdKey"),
    (255, "BadRequest"),
];

/// The pool's texts (data of JSON-RPC 1010) and their names in `InvalidTransaction`.
const TEXTS: [(&str, &str); 6] = [
    ("Inability to pay some fees", "Payment"),
    ("Transaction is outdated", "Stale"),
    ("Transaction has a bad signature", "BadProof"),
    ("ancient birth block", "AncientBirthBlock"),
    ("exhaust the block limits", "ExhaustsResources"),
    ("Transaction call is not expected", "CallFiltered"),
];

/// A failure in a block, by name.
pub(super) fn in_block(call: &str, pallet: &str, name: &str, docs: &str, block: BlockNumber) -> Refusal {
    explain(call, pallet, name, docs, Some(block))
}

/// A refusal of the pool: JSON-RPC code and the text of message and data. `None` when it is no refusal.
pub(super) fn in_pool(call: &str, code: i32, text: &str) -> Option<Refusal> {
    let name = match code {
        1010 => match text.split("Custom error: ").nth(1) {
            Some(number) => {
                let digits: String = number.chars().take_while(char::is_ascii_digit).collect();
                match digits.parse().ok().and_then(custom_name) {
                    Some(name) => return Some(explain(call, "SubtensorModule", name, text, None)),
                    None => return Some(unknown(call, "pool", &format!("Custom error {digits}"), text, None)),
                }
            }
            None => TEXTS.iter().find(|(part, _)| text.contains(part)).map_or("Invalid", |(_, name)| name),
        },
        1012 => "Banned",
        1014 => "PriorityTooLow",
        1016 => "ImmediatelyDropped",
        1001 | 1002 | 1011 | 1018 | 1021 => "Invalid",
        _ => return None,
    };
    Some(explain(call, "pool", name, text, None))
}

fn custom_name(number: u8) -> Option<&'static str> {
    CUSTOM.iter().find(|(n, _)| *n == number).map(|(_, name)| *name)
}

fn explain(call: &str, pallet: &str, name: &str, docs: &str, block: Option<BlockNumber>) -> Refusal {
    let Some(row) = ROWS.iter().find(|row| row.name == name) else { return unknown(call, pallet, name, docs, block) };
    Refusal {
        call: call.to_owned(),
        pallet: pallet.to_owned(),
        name: name.to_owned(),
        docs: docs.into(),
        cause: row.cause.into(),
        next_step: row.next_step.to_owned(),
        block,
        retry: row.retry,
    }
}

/// One that the table does not know: the chain's own words are the best there is.
fn unknown(call: &str, pallet: &str, name: &str, docs: &str, block: Option<BlockNumber>) -> Refusal {
    let cause = if docs.trim().is_empty() { "the chain gives no explanation" } else { docs.trim() };
    Refusal {
        call: call.to_owned(),
        pallet: pallet.to_owned(),
        name: name.to_owned(),
        docs: docs.into(),
        cause: cause.into(),
        next_step: "look for the name in the chain's documentation".to_owned(),
        block,
        retry: Retry::No,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_names_each_error_once_and_every_number_has_a_row() {
        for (index, row) in ROWS.iter().enumerate() {
            assert!(ROWS.iter().skip(index + 1).all(|other| other.name != row.name), "{} twice", row.name);
        }
        for name in CUSTOM.iter().map(|(_, name)| name).chain(TEXTS.iter().map(|(_, name)| name)) {
            assert!(ROWS.iter().any(|row| row.name == *name), "{name} has no row");
        }
    }

    #[test]
    fn the_pool_and_the_block_say_the_same() {
        let pool = in_pool("serve_axon", 1010, "Invalid Transaction: Custom error: 12").unwrap();
        let block = in_block("serve_axon", "SubtensorModule", "ServingRateLimitExceeded", "", 7);
        assert_eq!((pool.name.as_str(), &pool.cause), ("ServingRateLimitExceeded", &block.cause));
        assert!(block.to_string().contains("block 7") && block.to_string().contains("SubtensorModule.Serving"));
    }

    #[test]
    fn the_pools_texts_are_understood() {
        let text = "Invalid Transaction: Inability to pay some fees (e.g. account balance too low)";
        assert_eq!(in_pool("add_stake", 1010, text).unwrap().name, "Payment");
        assert_eq!(in_pool("x", 1010, "Invalid Transaction: Transaction is outdated").unwrap().name, "Stale");
        assert_eq!(in_pool("x", 1014, "Priority is too low: (1 vs 1)").unwrap().name, "PriorityTooLow");
        assert_eq!(in_pool("x", -32603, "Internal error"), None);
    }

    #[test]
    fn an_unknown_refusal_keeps_the_chains_words() {
        let custom = in_pool("x", 1010, "Invalid Transaction: Custom error: 77").unwrap();
        assert_eq!(custom.name, "Custom error 77");
        let module = in_block("x", "Basket", "NewRule", "A rule of next year.", 1);
        assert!(module.to_string().contains("A rule of next year."));
        assert_eq!(module.retry, Retry::No);
    }
}
