//! Which protocol an axon is spoken to in.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::synapse::reply::ReplyHead;
use crate::units::Account;

/// A protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dialect {
    /// The headers of SDK 6 to 10; the signature covers the hash fields of the body only.
    Headers,
    /// `btauth/1` of SDK 11; the signature covers the whole body.
    BtAuth,
}

impl Dialect {
    /// The dialect called so.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        [Self::Headers, Self::BtAuth].into_iter().find(|dialect| dialect.name() == name)
    }

    /// The name in metrics and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Headers => "sdk",
            Self::BtAuth => "btauth",
        }
    }
}

/// More axons than any subnet has; beyond, all is forgotten and learned again.
const MOST_REMEMBERED: usize = 4096;

/// What axons have said about themselves.
#[derive(Debug)]
pub(super) struct Dialects {
    fixed: HashMap<Account, Dialect>,
    /// Axons that understand `btauth/1`.
    learned: Mutex<HashMap<Account, Dialect>>,
    default: Option<Dialect>,
}

impl Dialects {
    /// `fixed` for some axons, `default` for all others; `None` to learn from answers.
    pub(super) fn new(fixed: HashMap<Account, Dialect>, default: Option<Dialect>) -> Self {
        Self { fixed, learned: Mutex::default(), default }
    }

    pub(super) fn of(&self, hotkey: &Account) -> Dialect {
        let set = self.fixed.get(hotkey).copied().or(self.default);
        let learned = || self.learned.lock().unwrap_or_else(PoisonError::into_inner).get(hotkey).copied();
        set.or_else(learned).unwrap_or(Dialect::Headers)
    }

    /// Learns from an answer: an axon that offers `btauth/1` is spoken to in it, until it no longer says so.
    pub(super) fn learn(&self, hotkey: Account, head: &ReplyHead) {
        let mut learned = self.learned.lock().unwrap_or_else(PoisonError::into_inner);
        if !head.offers_btauth {
            learned.remove(&hotkey);
            return;
        }
        if learned.len() >= MOST_REMEMBERED {
            learned.clear();
        }
        learned.insert(hotkey, Dialect::BtAuth);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_come_before_what_was_learned() {
        let (a, b) = (Account([1; 32]), Account([2; 32]));
        let dialects = Dialects::new([(b, Dialect::Headers)].into(), None);
        assert_eq!(dialects.of(&a), Dialect::Headers);
        let offer = ReplyHead { offers_btauth: true, ..ReplyHead::default() };
        dialects.learn(a, &offer);
        dialects.learn(b, &offer);
        assert_eq!((dialects.of(&a), dialects.of(&b)), (Dialect::BtAuth, Dialect::Headers));
        dialects.learn(a, &ReplyHead::default());
        assert_eq!(dialects.of(&a), Dialect::Headers);
        for n in 0..=MOST_REMEMBERED {
            dialects.learn(Account(std::array::from_fn(|i| if i < 8 { n.to_le_bytes()[i] } else { 7 })), &offer);
        }
        assert!(dialects.learned.lock().unwrap().len() <= MOST_REMEMBERED);
    }
}
