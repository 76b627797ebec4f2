//! The command line: definitions and thin handlers.
