//! Lists of the storage, read as they lie there: items of one size behind their count. What needs one item of thousands, or all
//! of them at once, does not decode each by itself.

use codec::{Compact, Decode};
use frame_support::storage::unhashed;

/// A stored list of items of one size; nothing where none is stored, or where it does not begin with a count.
pub(super) struct RawList {
    bytes: Vec<u8>,
    /// Where the first item begins.
    start: usize,
}

impl RawList {
    /// The list at `key`.
    pub(super) fn at(key: &[u8]) -> Self {
        let bytes = unhashed::get_raw(key).unwrap_or_default();
        let mut rest = bytes.as_slice();
        let start = match Compact::<u32>::decode(&mut rest) {
            Ok(_) => bytes.len() - rest.len(),
            Err(_) => bytes.len(),
        };
        Self { bytes, start }
    }

    /// The items, each as its `N` bytes.
    pub(super) fn items<const N: usize>(&self) -> &[[u8; N]] {
        self.bytes.get(self.start..).unwrap_or_default().as_chunks().0
    }

    /// One item; the others are not decoded.
    pub(super) fn item<V: Decode>(&self, index: u16) -> Option<V> {
        let before = usize::from(index).checked_mul(V::encoded_fixed_size()?)?;
        V::decode(&mut self.bytes.get(self.start.checked_add(before)?..)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use codec::Encode;

    use super::*;

    fn stored(bytes: &[u8], look: impl FnOnce(&RawList)) {
        sp_io::TestExternalities::default().execute_with(|| {
            unhashed::put_raw(b"list", bytes);
            look(&RawList::at(b"list"));
        });
    }

    #[test]
    fn items_are_those_that_were_stored_however_long_the_count_is() {
        // Counts of one, two and four bytes.
        for count in [0_u64, 1, 63, 64, 16_383, 16_384] {
            let items: Vec<u64> = (0..count).map(|n| n * 3).collect();
            stored(&items.encode(), |list| {
                assert!(list.items::<8>().iter().map(|item| u64::from_le_bytes(*item)).eq(items.iter().copied()));
                let last = items.len().saturating_sub(1) as u16;
                assert_eq!(list.item::<u64>(last), items.last().copied());
                assert_eq!(list.item::<u64>(last + 1), items.get(1).copied().filter(|_| count == 0));
            });
        }
    }

    #[test]
    fn what_is_no_list_has_no_items() {
        for bytes in [&[][..], &[0x03], &[0x02, 0x00]] {
            stored(bytes, |list| {
                assert!(list.items::<8>().is_empty());
                assert_eq!(list.item::<u64>(0), None);
            });
        }
        sp_io::TestExternalities::default().execute_with(|| assert_eq!(RawList::at(b"nothing").item::<u8>(0), None));
    }
}
