//! Settings and their layers: flag > environment > file > defaults.
