//! The chain, read and written through subxt's dynamic interface with the metadata that the node serves.
