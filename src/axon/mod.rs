//! Serving signed requests.
