//! Names for nonce sequences.

use uuid::Uuid;

/// A random version-4 UUID from the system's source. Unique; no secret, for it travels in the clear.
#[must_use]
pub fn new_uuid() -> String {
    Uuid::new_v4().to_string()
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
