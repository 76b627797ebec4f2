//! Strategies that answer.
