//! The kept blocks and their states. A chain without forks: every block that is there will be final.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use codec::{Decode, Encode};
use sp_core::H256;
use sp_runtime::traits::Header as _;

use super::runtime::{BlockNumber, Header};
use super::state::{Next, State};
use super::trie::{Changes, Trie, Value};

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

/// Kept blocks, oldest first, numbers consecutive. A copy shares blocks and states.
#[derive(Clone)]
pub(crate) struct Chain {
    genesis: H256,
    window: Window,
    head: (H256, Arc<Block>),
    /// The head is the last of them.
    blocks: VecDeque<(H256, Arc<Block>)>,
    numbers: HashMap<H256, BlockNumber>,
    /// The kept states, each with what made it from the one before; the last is the head's.
    states: VecDeque<(Trie, Changes)>,
    bytes: usize,
}

/// All of a chain, as it is written to disk.
#[derive(Encode, Decode)]
pub(crate) struct Snapshot {
    /// Hash of block 0, which may have left the window.
    pub(crate) genesis: H256,
    /// Kept blocks, oldest first.
    pub(crate) blocks: Vec<Block>,
    /// The oldest kept state.
    pub(crate) state: Vec<(Vec<u8>, Value)>,
    /// What the blocks behind it changed.
    pub(crate) changes: Vec<Changes>,
}

impl Chain {
    /// A chain of one block.
    pub(crate) fn new(genesis: Block, state: Next, window: Window) -> Self {
        let hash = genesis.hash();
        let mut chain = Self {
            genesis: hash,
            window: Window { states: window.states.max(1), blocks: window.blocks.max(window.states).max(1), ..window },
            head: (hash, Arc::new(genesis.clone())),
            blocks: VecDeque::new(),
            numbers: HashMap::new(),
            states: VecDeque::new(),
            bytes: 0,
        };
        chain.push(genesis, state);
        chain
    }

    /// The chain that a snapshot describes; `None` when it holds no block, or its states are not those of the blocks.
    pub(crate) fn restore(snapshot: Snapshot, window: Window) -> Option<Self> {
        let mut trie = Trie::default();
        trie.apply(&snapshot.state.into_iter().map(|(key, value)| (key, Some(value))).collect());
        let mut blocks = snapshot.blocks.into_iter();
        let first = Next { trie: trie.clone(), changes: Changes::new() };
        let mut chain = Self::new(blocks.next()?, first, window);
        for block in blocks {
            chain.add(block);
        }
        for changes in snapshot.changes {
            trie.apply(&changes);
            chain.states.push_back((trie.clone(), changes));
        }
        chain.genesis = snapshot.genesis;
        let is_whole = chain.states.len() <= chain.blocks.len() && trie.root() == *chain.head.1.header.state_root();
        chain.prune();
        is_whole.then_some(chain)
    }

    /// What [`Chain::restore`] takes.
    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot {
            genesis: self.genesis,
            blocks: self.blocks.iter().map(|(_, block)| Block::clone(block)).collect(),
            state: self.states.front().map(|(trie, _)| trie.all()).unwrap_or_default(),
            changes: self.states.iter().skip(1).map(|(_, changes)| changes.clone()).collect(),
        }
    }

    /// Makes `block` the head, and drops what leaves the window.
    pub(crate) fn push(&mut self, block: Block, state: Next) {
        self.states.push_back((state.trie, state.changes));
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
        while self.states.len() > self.window.states {
            self.states.pop_front();
        }
        // Nobody asks how the oldest was made.
        if let Some((_, changes)) = self.states.front_mut() {
            *changes = Changes::new();
        }
        while self.blocks.len() > self.window.blocks
            || (self.bytes > self.window.bytes && self.blocks.len() > self.states.len())
        {
            let Some((hash, block)) = self.blocks.pop_front() else { break };
            self.bytes -= block.weight();
            self.numbers.remove(&hash);
        }
    }

    /// Hash of block 0.
    pub(crate) const fn genesis(&self) -> H256 {
        self.genesis
    }

    /// The state after the newest block.
    pub(crate) fn head_trie(&self) -> Trie {
        self.states.back().map(|(trie, _)| trie.clone()).unwrap_or_default()
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

    /// The state after a block. It stays readable for who has it.
    pub(crate) fn state(&self, hash: H256) -> Result<State, StateError> {
        let block = match self.by_hash(&hash) {
            Some(block) => block,
            None if hash == self.genesis => return Err(StateError::Discarded(hash)),
            None => return Err(StateError::UnknownBlock(hash)),
        };
        let behind = usize::try_from(self.height() - block.number()).unwrap_or(usize::MAX);
        let state = self.states.iter().nth_back(behind).ok_or(StateError::Discarded(hash))?;
        Ok(state.0.clone().into())
    }
}

#[cfg(test)]
mod tests {
    use sp_runtime::Digest;
    use sp_state_machine::Backend;

    use super::*;
    use crate::localnet::state::{self, Overlay};

    const WINDOW: Window = Window { states: 3, blocks: 5, bytes: 100 };

    /// A block that writes its own number under a key of its own and under a common one.
    fn next(state: &State, parent: Option<&Block>) -> (Block, Next) {
        let number = parent.map_or(0, |parent| parent.number() + 1);
        let mut overlay = Overlay::default();
        state::enter(state, &mut overlay, || {
            sp_io::storage::set(b"head", &[number as u8; 40]);
            sp_io::storage::set(&[number as u8 % 4], &[number as u8; 40]);
        })
        .unwrap();
        let (root, next) = state::settle(state, &mut overlay).unwrap();
        let parent = parent.map(Block::hash).unwrap_or_default();
        let header = Header::new(number, H256::zero(), root, parent, Digest::default());
        (Block { header, extrinsics: vec![vec![0; 10]] }, next)
    }

    fn grow(chain: &mut Chain, to: BlockNumber) {
        while chain.height() < to {
            let head = Arc::clone(&chain.head().1);
            let (block, next) = next(&chain.head_trie().into(), Some(&head));
            chain.push(block, next);
        }
    }

    fn grown(to: BlockNumber, window: Window) -> Chain {
        let (block, state) = next(&State::default(), None);
        let mut chain = Chain::new(block, state, window);
        grow(&mut chain, to);
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
        // It goes on as if nothing had been.
        grow(&mut again, 40);
        assert_eq!(again.head().0, grown(40, WINDOW).head().0);
        // A state that is not the head's is no state of it.
        let mut broken = chain.snapshot();
        broken.changes.pop();
        assert!(Chain::restore(broken, WINDOW).is_none());
        // A smaller window on restart prunes at once.
        let small = Chain::restore(chain.snapshot(), Window { states: 1, blocks: 2, bytes: 100 }).unwrap();
        assert_eq!(small.oldest(), 19);
        assert!(readable(&small, 20).is_some() && readable(&small, 19).is_none());
    }
}
