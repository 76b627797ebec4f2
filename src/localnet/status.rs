//! How a running development chain stands: `dev_status`, and `neuron localnet status`.

use std::fmt;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::banner::{self, OpenSubnet};
use super::node::{Node, ReadError};
use super::powers::BlockMode;
use super::runtime::System;
use super::state;

/// What a person wants to know of a chain that runs.
#[derive(Debug, Clone, PartialEq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChainStatus {
    /// The newest block.
    pub block: u32,
    /// The last final block.
    pub finalized: u32,
    /// Hash of block 0.
    pub genesis_hash: String,
    /// Version of the runtime.
    pub spec_version: u32,
    /// When blocks are made.
    pub blocks: BlockMode,
    /// Real time between blocks made by interval, in milliseconds.
    pub block_time_ms: u64,
    /// Are blocks held?
    pub frozen: bool,
    /// How long after a block was made it is final, in milliseconds.
    pub finality_ms: u64,
    /// Extrinsics that wait for the next block.
    pub pool: usize,
    /// Moments that the chain can be put back to.
    pub snapshots: Vec<u64>,
    /// Neurons of all subnets.
    pub neurons: u64,
    /// The subnets, root left out.
    pub subnets: Vec<OpenSubnet>,
}

impl ChainStatus {
    /// Reads it.
    pub(crate) fn of(node: &Node) -> Result<Self, ReadError> {
        let (head, block, genesis) = {
            let chain = node.chain();
            (chain.head().0, chain.height(), chain.genesis())
        };
        let (subnets, spec_version) = node.read(head, |state| {
            state::peek(state, || (banner::subnets(), System::runtime_version().spec_version))
                .map_err(|panic| ReadError::Panicked(panic.0))
        })?;
        let pace = *node.powers.pace().borrow();
        Ok(Self {
            block,
            finalized: *node.finals().borrow(),
            genesis_hash: format!("{genesis:?}"),
            spec_version,
            blocks: pace.mode,
            block_time_ms: milliseconds(pace.block_time),
            frozen: node.powers.frozen(),
            finality_ms: milliseconds(*node.finality().borrow()),
            pool: node.waiting(),
            snapshots: node.marked(),
            neurons: subnets.iter().map(|subnet| u64::from(subnet.neurons)).sum(),
            subnets,
        })
    }
}

/// The same in milliseconds.
pub(crate) fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl fmt::Display for ChainStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let held = if self.frozen { ", held" } else { "" };
        let every = match self.blocks {
            BlockMode::Interval => format!(" of {} ms", self.block_time_ms),
            BlockMode::Manual | BlockMode::Extrinsic => String::new(),
        };
        writeln!(f, "Block      {}, final {}", self.block, self.finalized)?;
        writeln!(f, "Blocks     {}{every}{held}; final after {} ms", self.blocks.name(), self.finality_ms)?;
        writeln!(f, "Runtime    node-subtensor {}", self.spec_version)?;
        writeln!(f, "Genesis    {}", self.genesis_hash)?;
        writeln!(f, "Pool       {} waiting", self.pool)?;
        if !self.snapshots.is_empty() {
            let numbers: Vec<String> = self.snapshots.iter().map(ToString::to_string).collect();
            writeln!(f, "Snapshots  {}", numbers.join(", "))?;
        }
        write!(f, "Neurons    {} in {} subnets", self.neurons, self.subnets.len())?;
        for OpenSubnet { netuid, name, tempo, neurons, max_neurons, burn_rao } in &self.subnets {
            let name = crate::units::Foreign::from(name.as_str());
            write!(
                f,
                "\n  {netuid:<5} {name:<12} tempo {tempo}, neurons {neurons}/{max_neurons}, registration {burn_rao}"
            )?;
        }
        Ok(())
    }
}
