//! The wire format: header names, Python text, body hashes, signatures, tensors, statuses.
