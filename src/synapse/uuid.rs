//! Names for nonce sequences.

use std::hash::{BuildHasher, RandomState};

/// A random version-4 UUID. Unique, not secret: it travels in the clear.
#[must_use]
pub fn new_uuid() -> String {
    // Each `RandomState` has its own random keys.
    let [high, low] = [0, 1].map(|n: u8| RandomState::new().hash_one(n));
    format!(
        "{:08x}-{:04x}-4{:03x}-{:x}{:03x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        8 + (low >> 62),
        (low >> 48) & 0xfff,
        low & 0xffff_ffff_ffff
    )
}

#[cfg(test)]
mod tests {
    use super::new_uuid;

    #[test]
    fn uuids_have_the_shape_and_differ() {
        let (a, b) = (new_uuid(), new_uuid());
        assert_ne!(a, b);
        let groups: Vec<usize> = a.split('-').map(str::len).collect();
        assert_eq!(groups, [8, 4, 4, 4, 12]);
        assert_eq!(a.as_bytes()[14], b'4');
    }
}
