//! What readers of one ledger remember from one look to the next, so that a look costs what has changed and not all there is.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Values of a kind of work's own, one of each type. Clones share them; they must be right for one ledger only.
#[derive(Clone, Default)]
pub struct Memo(Arc<Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>>);

impl std::fmt::Debug for Memo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Memo").finish_non_exhaustive()
    }
}

impl Memo {
    /// The value of this type, made when there was none.
    #[must_use]
    pub fn of<T: Default + Send + 'static>(&self) -> Arc<Mutex<T>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = all.entry(TypeId::of::<T>()).or_insert_with(|| Arc::new(Mutex::new(T::default())));
        // The key is the value's own type: it is never another one.
        Arc::clone(kept).downcast::<Mutex<T>>().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_share_one_value_of_each_type() {
        let memo = Memo::default();
        *memo.of::<u32>().lock().unwrap() = 7;
        memo.of::<Vec<u8>>().lock().unwrap().push(1);
        let other = memo.clone();
        assert_eq!(*other.of::<u32>().lock().unwrap(), 7);
        assert_eq!(*other.of::<Vec<u8>>().lock().unwrap(), [1]);
        assert_eq!(*Memo::default().of::<u32>().lock().unwrap(), 0);
    }
}
