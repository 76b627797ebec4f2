//! Durable state in SQLite: events, prices, submissions as sufficient statistics, scores.
