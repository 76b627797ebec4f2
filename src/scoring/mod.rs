//! Pure arithmetic on probabilities, prices and outcomes: no I/O, no clock, no async.
