//! The kept blocks and their states. A chain without forks: every block that is there will be final.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use codec::{Decode, Encode};
use sp_core::H256;
use sp_runtime::traits::Header as _;

use super::runtime::{BlockNumber, Header};
use super::state::{Delta, NodeKey, Nodes, State};

/// A block as clients see it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Block {
    /// The header; its hash is blake2-256 of its SCALE bytes.
    pub(crate) header: Header,
    /// The extrinsics byte for byte as they were submitted, length prefix included; the first is the timestamp.
    pub(crate) extrinsics: Vec<Vec<u8>>,
}

impl Block {
    /// The block's hash.
    pub(crate) fn hash(&self) -> H256 {
        self.header.hash()
    }

    /// The block's height.
    pub(crate) fn number(&self) -> BlockNumber {
        self.header.number
    }

    fn weight(&self) -> usize {
        self.extrinsics.iter().map(Vec::len).sum()
    }
}

/// How much of the past is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    /// States, the head's included; at least 1.
    pub(crate) states: usize,
    /// Headers and bodies; at least as many as states.
    pub(crate) blocks: usize,
    /// Bytes of extrinsics in those bodies. Blocks whose state is kept are never dropped for their size.
    pub(crate) bytes: usize,
}

/// Why a state cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StateError {
    /// The hash is of no kept block.
    #[error("UnknownBlock: Header was not found in the database: {0:?}")]
    UnknownBlock(H256),
    /// The block is known, its state left the window.
    #[error("Api called for an unknown Block: State already discarded for {0:?}")]
    Discarded(H256),
}

/// Kept blocks, oldest first, numbers consecutive.
pub(crate) struct Chain {
    nodes: Nodes,
    genesis: H256,
    window: Window,
    head: (H256, Arc<Block>),
    /// The head is the last of them.
    blocks: VecDeque<(H256, Arc<Block>)>,
    numbers: HashMap<H256, BlockNumber>,
    /// What each block whose state is kept gave up; the last is the head's.
    deaths: VecDeque<Vec<(NodeKey, i32)>>,
    bytes: usize,
}

/// All of a chain, as it is written to disk.
#[derive(Clone, Encode, Decode)]
pub(crate) struct Snapshot {
    /// Hash of block 0, which may have left the window.
    pub(crate) genesis: H256,
    /// Kept blocks, oldest first.
    pub(crate) blocks: Vec<Block>,
    /// Deaths of the last blocks: those whose state is kept.
    pub(crate) deaths: Vec<Vec<(NodeKey, i32)>>,
    /// All trie nodes.
    pub(crate) nodes: Vec<(NodeKey, Vec<u8>, i32)>,
}

impl Chain {
    /// A chain of one block.
    pub(crate) fn new(genesis: Block, delta: Delta, window: Window) -> Self {
        let hash = genesis.hash();
        let mut chain = Self {
            nodes: Nodes::default(),
            genesis: hash,
            window: Window { states: window.states.max(1), blocks: window.blocks.max(window.states).max(1), ..window },
            head: (hash, Arc::new(genesis.clone())),
            blocks: VecDeque::new(),
            numbers: HashMap::new(),
            deaths: VecDeque::new(),
            bytes: 0,
        };
        chain.push(genesis, delta);
        chain
    }

    /// The chain that a snapshot describes; `None` when it holds no block or no state.
    pub(crate) fn restore(snapshot: Snapshot, window: Window) -> Option<Self> {
        let mut blocks = snapshot.blocks.into_iter();
        let mut deaths = snapshot.deaths;
        let first = Delta { births: snapshot.nodes, deaths: deaths.pop()? };
        let mut chain = Self::new(blocks.next()?, first, window);
        for block in blocks {
            chain.add(block);
        }
        let of_the_head = chain.deaths.drain(..);
        deaths.extend(of_the_head);
        chain.deaths = deaths.into();
        chain.genesis = snapshot.genesis;
        chain.prune();
        Some(chain)
    }

    /// What [`Chain::restore`] takes.
    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot {
            genesis: self.genesis,
            blocks: self.blocks.iter().map(|(_, block)| Block::clone(block)).collect(),
            deaths: self.deaths.iter().cloned().collect(),
            nodes: self.nodes.all(),
        }
    }

    /// Makes `block` the head, and drops what leaves the window.
    pub(crate) fn push(&mut self, block: Block, delta: Delta) {
        self.nodes.insert(&delta.births);
        self.deaths.push_back(delta.deaths);
        self.add(block);
        self.prune();
    }

    fn add(&mut self, block: Block) {
        let hash = block.hash();
        self.bytes += block.weight();
        self.numbers.insert(hash, block.number());
        self.head = (hash, Arc::new(block));
        self.blocks.push_back(self.head.clone());
    }

    fn prune(&mut self) {
        while self.deaths.len() > self.window.states {
            // The oldest kept state's own deaths took effect when its parent went; now it goes itself, and with it
            // everything that only its child made superfluous.
            self.deaths.pop_front();
            if let Some(of_the_child) = self.deaths.front_mut() {
                let deaths = std::mem::take(of_the_child);
                self.nodes.forget(&deaths);
            }
        }
        while self.blocks.len() > self.window.blocks
            || (self.bytes > self.window.bytes && self.blocks.len() > self.deaths.len())
        {
            let Some((hash, block)) = self.blocks.pop_front() else { break };
            self.bytes -= block.weight();
            self.numbers.remove(&hash);
        }
    }

    /// How much of the past is kept.
    pub(crate) const fn window(&self) -> Window {
        self.window
    }

    /// Hash of block 0.
    pub(crate) const fn genesis(&self) -> H256 {
        self.genesis
    }

    /// The trie nodes of all kept states.
    #[cfg(test)]
    pub(crate) const fn nodes(&self) -> &Nodes {
        &self.nodes
    }

    /// The newest block and its hash.
    pub(crate) const fn head(&self) -> &(H256, Arc<Block>) {
        &self.head
    }

    /// The number of the newest block.
    pub(crate) fn height(&self) -> BlockNumber {
        self.head.1.number()
    }

    /// The number of the oldest kept block.
    pub(crate) fn oldest(&self) -> BlockNumber {
        self.blocks.front().map_or(0, |(_, block)| block.number())
    }

    /// The block of that height, if it is kept.
    pub(crate) fn by_number(&self, number: BlockNumber) -> Option<&(H256, Arc<Block>)> {
        self.blocks.get(usize::try_from(number.checked_sub(self.oldest())?).ok()?)
    }

    /// The block of that hash, if it is kept.
    pub(crate) fn by_hash(&self, hash: &H256) -> Option<&Arc<Block>> {
        self.by_number(*self.numbers.get(hash)?).map(|(_, block)| block)
    }

    /// The hash of the block of that height: of the kept ones and of genesis.
    pub(crate) fn hash_of(&self, number: BlockNumber) -> Option<H256> {
        match number {
            0 => Some(self.genesis),
            _ => self.by_number(number).map(|(hash, _)| *hash),
        }
    }

    /// The state after a block. It may be pruned while it is being read; ask again when a read fails.
    pub(crate) fn state(&self, hash: H256) -> Result<State, StateError> {
        let block = match self.by_hash(&hash) {
            Some(block) => block,
            None if hash == self.genesis => return Err(StateError::Discarded(hash)),
            None => return Err(StateError::UnknownBlock(hash)),
        };
        let behind = usize::try_from(self.height() - block.number()).unwrap_or(usize::MAX);
        if behind >= self.deaths.len() {
            return Err(StateError::Discarded(hash));
        }
        Ok(self.nodes.at(*block.header.state_root()))
    }
}

#[cfg(test)]
mod tests {
    use sp_runtime::{Digest, StateVersion};
    use sp_state_machine::Backend;

    use super::*;
    use crate::localnet::state::{Overlay, enter};

    const WINDOW: Window = Window { states: 3, blocks: 5, bytes: 100 };

    /// A block that writes its own number under a key of its own and under a common one.
    fn next(nodes: &Nodes, parent: Option<&Block>) -> (Block, Delta) {
        let number = parent.map_or(0, |parent| parent.number() + 1);
        let state = parent.map_or_else(|| nodes.empty(), |parent| nodes.at(parent.header.state_root));
        let mut overlay = Overlay::default();
        enter(&state, &mut overlay, || {
            sp_io::storage::set(b"head", &[number as u8; 40]);
            sp_io::storage::set(&[number as u8 % 4], &[number as u8; 40]);
        })
        .unwrap();
        let changes = overlay.drain_storage_changes(&state, StateVersion::V1).unwrap();
        let parent = parent.map(Block::hash).unwrap_or_default();
        let header = Header::new(number, H256::zero(), changes.transaction_storage_root, parent, Digest::default());
        (Block { header, extrinsics: vec![vec![0; 10]] }, Delta::of(changes.transaction))
    }

    fn grown(to: BlockNumber, window: Window) -> Chain {
        let (block, delta) = next(&Nodes::default(), None);
        let mut chain = Chain::new(block, delta, window);
        while chain.height() < to {
            let head = Arc::clone(&chain.head().1);
            let (block, delta) = next(chain.nodes(), Some(&head));
            chain.push(block, delta);
        }
        chain
    }

    fn readable(chain: &Chain, number: BlockNumber) -> Option<Vec<u8>> {
        let state = chain.state(chain.hash_of(number)?).ok()?;
        state.storage(b"head").unwrap()
    }

    #[test]
    fn the_window_of_states_is_readable_and_the_rest_is_discarded() {
        let chain = grown(20, WINDOW);
        for number in 18..=20 {
            assert_eq!(readable(&chain, number), Some(vec![number as u8; 40]));
        }
        let old = chain.hash_of(17).unwrap();
        assert_eq!(chain.state(old).err(), Some(StateError::Discarded(old)));
        assert!(chain.by_hash(&chain.hash_of(16).unwrap()).is_some());
        assert_eq!(chain.hash_of(15), None);
        assert_eq!(chain.hash_of(0), Some(chain.genesis()));
        let unknown = H256::repeat_byte(7);
        assert_eq!(chain.state(unknown).err(), Some(StateError::UnknownBlock(unknown)));
    }

    #[test]
    fn the_table_of_nodes_stops_growing() {
        let sizes: Vec<usize> = [20, 40, 80].map(|to| grown(to, WINDOW).nodes().len()).into();
        assert_eq!(sizes[0], sizes[1]);
        assert_eq!(sizes[1], sizes[2]);
    }

    #[test]
    fn heavy_bodies_leave_early_but_never_a_kept_state() {
        let chain = grown(20, Window { states: 3, blocks: 5, bytes: 1 });
        assert_eq!(chain.oldest(), 18);
        assert!(readable(&chain, 18).is_some());
    }

    #[test]
    fn a_snapshot_restores_every_kept_block_and_state() {
        let chain = grown(20, WINDOW);
        let bytes = chain.snapshot().encode();
        let mut again = Chain::restore(Snapshot::decode(&mut &bytes[..]).unwrap(), WINDOW).unwrap();
        assert_eq!((again.oldest(), again.height(), again.genesis()), (16, 20, chain.genesis()));
        for number in 16..=20 {
            assert_eq!(readable(&again, number), readable(&chain, number));
        }
        // It goes on, and the table still is pruned exactly.
        while again.height() < 40 {
            let head = Arc::clone(&again.head().1);
            let (block, delta) = next(again.nodes(), Some(&head));
            again.push(block, delta);
        }
        assert_eq!(again.nodes().len(), grown(40, WINDOW).nodes().len());
        // A smaller window on restart prunes at once.
        let small = Chain::restore(chain.snapshot(), Window { states: 1, blocks: 2, bytes: 100 }).unwrap();
        assert_eq!(small.oldest(), 19);
        assert!(readable(&small, 20).is_some() && readable(&small, 19).is_none());
    }
}
