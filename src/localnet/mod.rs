//! A development chain: a FRAME runtime executed natively in this process, served over JSON-RPC.
