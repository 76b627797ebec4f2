//! A state as a tree in memory that never changes: a new one shares with the old one all that is the same in both.
//!
//! It is the base-16 Patricia tree of the Polkadot host (its specification, "General Structure of the State Trie"), with
//! values above 32 bytes stored by their hash (state version 1), and has the same root as `sp-trie` makes: a test compares them.
//! There a node is bytes in a table under its hash, and each read and each write decodes its way down; here it is a pointer, and
//! its hash is made once, when somebody asks for a root.

use std::sync::{Arc, OnceLock};

use codec::{Decode, Encode};
use sp_core::H256;
use sp_io::hashing::blake2_256;
use sp_trie::MerkleValue;

/// Values that are longer are stored by their hash.
const INLINE_VALUE: usize = 32;
/// Nodes that are encoded in fewer bytes stand in their parent as they are.
const HASH: usize = 32;
/// Choices at a branch.
const WIDTH: usize = 16;
/// Nibbles of a key that are taken apart without asking for memory: nearly all keys of a runtime.
const SHORT: usize = 256;

/// A stored value. Copies share it.
#[derive(Debug, Clone)]
pub(crate) struct Value {
    bytes: Arc<[u8]>,
    hash: OnceLock<[u8; 32]>,
}

impl Value {
    /// Its bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether one is a copy of the other.
    pub(crate) fn is_same(one: &Self, other: &Self) -> bool {
        Arc::ptr_eq(&one.bytes, &other.bytes)
    }

    /// blake2-256 of them.
    pub(crate) fn hash(&self) -> [u8; 32] {
        *self.hash.get_or_init(|| blake2_256(&self.bytes))
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self { bytes: bytes.into(), hash: OnceLock::new() }
    }
}

impl Encode for Value {
    fn encode_to<T: codec::Output + ?Sized>(&self, output: &mut T) {
        self.bytes.encode_to(output);
    }
}

impl Decode for Value {
    fn decode<I: codec::Input>(input: &mut I) -> Result<Self, codec::Error> {
        Vec::<u8>::decode(input).map(|bytes| bytes.as_slice().into())
    }
}

/// Keys with their new values, `None` where there is none any more.
pub(crate) type Changes = Vec<(Vec<u8>, Option<Value>)>;

/// See the module. Clones are free.
#[derive(Clone, Default)]
pub(crate) struct Trie(Slot);

/// Where a node may be.
type Slot = Option<Arc<Node>>;

#[derive(Clone)]
struct Node {
    /// The nibbles between the place where its parent has it and its own.
    path: Box<[u8]>,
    value: Option<Value>,
    children: Option<Box<[Slot; WIDTH]>>,
    merkle: OnceLock<Merkle>,
}

/// What stands for a node in its parent.
#[derive(Clone)]
enum Merkle {
    Hash([u8; HASH]),
    Whole(Box<[u8]>),
}

impl Trie {
    /// What is stored under a key.
    pub(crate) fn get(&self, key: &[u8]) -> Option<&Value> {
        with_nibbles(key, |nibbles| {
            let (mut node, mut rest) = (self.0.as_deref()?, nibbles);
            loop {
                rest = rest.strip_prefix(&*node.path)?;
                let Some((at, below)) = rest.split_first() else { return node.value.as_ref() };
                (node, rest) = (node.child(*at)?, below);
            }
        })
    }

    /// Stores a value under a key, or takes away what is there.
    pub(crate) fn change(&mut self, key: &[u8], value: Option<&[u8]>) {
        // What is the same already keeps all hashes above it.
        if self.get(key).map(Value::bytes) != value {
            self.apply_one(key, value.map(Value::from));
        }
    }

    /// Makes the state before these changes the one after them.
    pub(crate) fn apply(&mut self, changes: &Changes) {
        for (key, value) in changes {
            self.apply_one(key, value.clone());
        }
    }

    fn apply_one(&mut self, key: &[u8], value: Option<Value>) {
        with_nibbles(key, |nibbles| match value {
            Some(value) => put(&mut self.0, nibbles, value),
            None => remove(&mut self.0, nibbles),
        });
    }

    /// The hash that stands for all of it.
    pub(crate) fn root(&self) -> H256 {
        let Some(root) = &self.0 else { return H256(blake2_256(&[0])) };
        match root.merkle() {
            Merkle::Hash(hash) => H256(*hash),
            Merkle::Whole(bytes) => H256(blake2_256(bytes)),
        }
    }

    /// What stands in the tree for all keys that begin with `key`; `None` when there are none.
    pub(crate) fn closest_merkle_value(&self, key: &[u8]) -> Option<MerkleValue<H256>> {
        with_nibbles(key, |nibbles| {
            let (mut node, mut rest, mut is_root) = (self.0.as_deref()?, nibbles, true);
            loop {
                if node.path.starts_with(rest) {
                    return Some(match node.merkle() {
                        _ if is_root => MerkleValue::Hash(self.root()),
                        Merkle::Hash(hash) => MerkleValue::Hash(H256(*hash)),
                        Merkle::Whole(bytes) => MerkleValue::Node(bytes.to_vec()),
                    });
                }
                let (at, below) = rest.strip_prefix(&*node.path)?.split_first()?;
                (node, rest, is_root) = (node.child(*at)?, below, false);
            }
        })
    }

    /// The first key behind `key`, in the order of bytes.
    pub(crate) fn after(&self, key: &[u8]) -> Option<Vec<u8>> {
        with_nibbles(key, |nibbles| {
            let mut path = Vec::with_capacity(nibbles.len());
            self.0.as_deref()?.after(nibbles, &mut path).then(|| bytes_of(&path))
        })
    }

    /// Every key with its value, in the order of bytes.
    pub(crate) fn all(&self) -> Vec<(Vec<u8>, Value)> {
        let mut all = Vec::new();
        if let Some(root) = &self.0 {
            root.collect(&mut Vec::new(), &mut all);
        }
        all
    }
}

impl Node {
    fn leaf(path: &[u8], value: Value) -> Slot {
        Some(Arc::new(Self { path: path.into(), value: Some(value), children: None, merkle: OnceLock::new() }))
    }

    fn child(&self, at: u8) -> Option<&Self> {
        self.children.as_ref()?.get(usize::from(at))?.as_deref()
    }

    /// Its children, with where they are.
    fn children(&self) -> impl Iterator<Item = (u8, &Self)> {
        let slots = self.children.iter().flat_map(|slots| slots.iter());
        (0..).zip(slots).filter_map(|(at, slot)| Some((at, slot.as_deref()?)))
    }

    /// The place of a child, which may be empty.
    #[expect(clippy::indexing_slicing, reason = "the remainder is below the width")]
    fn slot(&mut self, at: u8) -> &mut Slot {
        &mut self.children.get_or_insert_default()[usize::from(at) % WIDTH]
    }

    /// Goes on to the first key behind `rest` under this node; `path` leads there. Without one `path` is as it was.
    fn after(&self, rest: &[u8], path: &mut Vec<u8>) -> bool {
        let length = path.len();
        let Some(rest) = rest.strip_prefix(&*self.path) else {
            // All keys here are on the same side of it.
            let behind = *self.path > *rest;
            if behind {
                self.first(path);
            }
            return behind;
        };
        path.extend_from_slice(&self.path);
        let (at, below) = rest.split_first().map_or((None, rest), |(at, below)| (Some(*at), below));
        for (place, child) in self.children().skip_while(|(place, _)| at.is_some_and(|at| *place < at)) {
            path.push(place);
            if at != Some(place) {
                child.first(path);
                return true;
            }
            if child.after(below, path) {
                return true;
            }
            path.pop();
        }
        path.truncate(length);
        false
    }

    /// Goes on to the first key under this node; each has one.
    fn first(&self, path: &mut Vec<u8>) {
        path.extend_from_slice(&self.path);
        if self.value.is_none()
            && let Some((place, child)) = self.children().next()
        {
            path.push(place);
            child.first(path);
        }
    }

    fn collect(&self, path: &mut Vec<u8>, all: &mut Vec<(Vec<u8>, Value)>) {
        let length = path.len();
        path.extend_from_slice(&self.path);
        if let Some(value) = &self.value {
            all.push((bytes_of(path), value.clone()));
        }
        for (place, child) in self.children() {
            path.push(place);
            child.collect(path, all);
            path.pop();
        }
        path.truncate(length);
    }

    fn merkle(&self) -> &Merkle {
        self.merkle.get_or_init(|| {
            let mut bytes = Vec::with_capacity(128);
            self.encode_to(&mut bytes);
            if bytes.len() < HASH { Merkle::Whole(bytes.into()) } else { Merkle::Hash(blake2_256(&bytes)) }
        })
    }

    /// As the host specifies it: a header with the number of nibbles, the nibbles, which children there are, the value, the children.
    fn encode_to(&self, bytes: &mut Vec<u8>) {
        let is_hashed = self.value.as_ref().is_some_and(|value| value.bytes.len() > INLINE_VALUE);
        let (kind, bits) = match (&self.children, &self.value, is_hashed) {
            (None, _, false) => (0b0100_0000, 6),
            (None, _, true) => (0b0010_0000, 5),
            (Some(_), None, _) => (0b1000_0000, 6),
            (Some(_), Some(_), false) => (0b1100_0000, 6),
            (Some(_), Some(_), true) => (0b0001_0000, 4),
        };
        header(kind, bits, self.path.len(), bytes);
        let (odd, pairs) = self.path.as_rchunks::<2>();
        bytes.extend(odd);
        bytes.extend(pairs.iter().map(|[high, low]| high << 4 | low));
        if self.children.is_some() {
            bytes.extend(self.children().fold(0_u16, |map, (place, _)| map | 1 << place).to_le_bytes());
        }
        match &self.value {
            Some(value) if is_hashed => bytes.extend(value.hash()),
            Some(value) => value.bytes.encode_to(bytes),
            None => {}
        }
        for (_, child) in self.children() {
            match child.merkle() {
                Merkle::Hash(hash) => hash.as_slice().encode_to(bytes),
                Merkle::Whole(whole) => whole.encode_to(bytes),
            }
        }
    }
}

/// The head of an encoded node: its kind, and in the `bits` behind it and the bytes that follow the number of its nibbles.
fn header(kind: u8, bits: u32, nibbles: usize, bytes: &mut Vec<u8>) {
    let most = (1 << bits) - 1;
    if nibbles < most {
        bytes.push(kind | nibbles as u8);
        return;
    }
    bytes.push(kind | most as u8);
    let mut left = nibbles - (most - 1);
    // Each byte adds 255 and says that there is another one, or what is left less one.
    while left > 255 {
        bytes.push(255);
        left -= 255;
    }
    bytes.push((left - 1) as u8);
}

fn put(slot: &mut Slot, rest: &[u8], value: Value) {
    let Some(shared) = slot else {
        *slot = Node::leaf(rest, value);
        return;
    };
    let node = owned(shared);
    let common = node.path.iter().zip(rest).take_while(|(one, other)| one == other).count();
    let below = rest.get(common..).unwrap_or_default();
    if let Some((at, path)) = node.path.get(common..).and_then(<[u8]>::split_first) {
        // It goes below a new branch, where the two part.
        let (at, path) = (*at, Box::from(path));
        let head = node.path.iter().copied().take(common).collect();
        let branch = Node { path: head, value: None, children: None, merkle: OnceLock::new() };
        let mut lower = std::mem::replace(node, branch);
        lower.path = path;
        *node.slot(at) = Some(Arc::new(lower));
    }
    match below.split_first() {
        None => node.value = Some(value),
        Some((at, below)) => put(node.slot(*at), below, value),
    }
}

/// Takes away a value, which may be missing.
fn remove(slot: &mut Slot, rest: &[u8]) {
    let Some(shared) = slot else { return };
    let node = owned(shared);
    let Some(rest) = rest.strip_prefix(&*node.path) else { return };
    match rest.split_first() {
        None => node.value = None,
        Some((at, below)) => remove(node.slot(*at), below),
    }
    let (only, more) = {
        let mut left = node.children().map(|(place, _)| place);
        (left.next(), left.next().is_some())
    };
    match (only, &node.value) {
        (None, None) => *slot = None,
        (None, Some(_)) => node.children = None,
        // A branch with one way is none.
        (Some(only), None) if !more => {
            let Some(mut child) = node.slot(only).take() else { return };
            let lower = owned(&mut child);
            lower.path = [&node.path, &[only][..], &lower.path].concat().into();
            *slot = Some(child);
        }
        _ => {}
    }
}

/// The node for changes: a copy where others have it too. It is another one from now on.
fn owned(shared: &mut Arc<Node>) -> &mut Node {
    let node = Arc::make_mut(shared);
    node.merkle.take();
    node
}

/// Calls with the nibbles of a key, the higher of each byte first.
fn with_nibbles<R>(key: &[u8], code: impl FnOnce(&[u8]) -> R) -> R {
    let mut short = [0; SHORT];
    let mut long = Vec::new();
    let nibbles = match short.get_mut(..2 * key.len()) {
        Some(nibbles) => nibbles,
        None => {
            long.resize(2 * key.len(), 0);
            &mut long[..]
        }
    };
    for (pair, byte) in nibbles.as_chunks_mut::<2>().0.iter_mut().zip(key) {
        *pair = [byte >> 4, byte & 0x0f];
    }
    code(nibbles)
}

/// The bytes of a key; all keys have whole ones.
fn bytes_of(nibbles: &[u8]) -> Vec<u8> {
    nibbles.as_chunks::<2>().0.iter().map(|[high, low]| high << 4 | low).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::collection::vec;
    use proptest::prelude::*;
    use sp_runtime::traits::BlakeTwo256;
    use sp_trie::{LayoutV1, PrefixedMemoryDB, TrieConfiguration as _};

    use super::*;

    type Model = BTreeMap<Vec<u8>, Vec<u8>>;

    /// Keys that share beginnings, some being the beginning of others; few and short, so that they meet again.
    fn keys() -> impl Strategy<Value = Vec<u8>> {
        vec(prop_oneof![Just(0x00), Just(0x01), Just(0x10), Just(0x11), Just(0xff)], 0..5)
            .prop_flat_map(|key| (Just(key), prop_oneof![4 => Just(0), 1 => 30..300_usize]))
            .prop_map(|(mut key, more)| {
                key.resize(key.len() + more, 0x5a);
                key
            })
    }

    /// Values around the lengths at which the encoding changes, and no value.
    fn values() -> impl Strategy<Value = Option<Vec<u8>>> {
        let length = prop_oneof![0..5_usize, 25..40_usize, 60..70_usize, 250..260_usize];
        prop_oneof![
            3 => (any::<u8>(), length).prop_map(|(byte, length)| Some(vec![byte; length])),
            2 => Just(None)
        ]
    }

    fn root_of(model: &Model) -> H256 {
        LayoutV1::<BlakeTwo256>::trie_root(model)
    }

    fn filled(model: &Model) -> Trie {
        let mut trie = Trie::default();
        model.iter().for_each(|(key, value)| trie.change(key, Some(value)));
        trie
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn it_is_the_tree_of_sp_trie_after_any_changes(blocks in vec(vec((keys(), values()), 0..12), 1..8)) {
            let (mut trie, mut model) = (Trie::default(), Model::new());
            let mut past = Vec::new();
            for block in blocks {
                for (key, value) in block {
                    trie.change(&key, value.as_deref());
                    match value {
                        Some(value) => drop(model.insert(key, value)),
                        None => drop(model.remove(&key)),
                    }
                }
                prop_assert_eq!(trie.root(), root_of(&model));
                past.push((trie.clone(), model.clone()));
            }
            // What came later did not change what was before.
            for (trie, model) in past {
                prop_assert_eq!(trie.root(), root_of(&model));
                let all: Model = trie.all().into_iter().map(|(key, value)| (key, value.bytes().to_vec())).collect();
                prop_assert_eq!(&all, &model);
                prop_assert_eq!(filled(&model).root(), trie.root());
            }
        }

        #[test]
        fn it_reads_and_walks_as_a_sorted_table(entries in vec((keys(), values()), 0..30), asked in vec(keys(), 20)) {
            let model: Model = entries.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
            let trie = filled(&model);
            let mut walked: Vec<Vec<u8>> = trie.get(&[]).map(|_| Vec::new()).into_iter().collect();
            let mut last = Vec::new();
            while let Some(next) = trie.after(&last) {
                walked.push(next.clone());
                last = next;
            }
            prop_assert_eq!(walked, model.keys().cloned().collect::<Vec<_>>());
            let mut db = PrefixedMemoryDB::<BlakeTwo256>::default();
            let mut root = Default::default();
            {
                let mut other = sp_trie::trie_types::TrieDBMutBuilderV1::new(&mut db, &mut root).build();
                model.iter().for_each(|(key, value)| sp_trie::TrieMut::insert(&mut other, key, value).map(drop).unwrap());
            }
            for key in asked.iter().chain(model.keys()) {
                prop_assert_eq!(trie.get(key).map(Value::bytes), model.get(key).map(Vec::as_slice));
                let behind = model.range((std::ops::Bound::Excluded(key.clone()), std::ops::Bound::Unbounded)).next();
                prop_assert_eq!(trie.after(key), behind.map(|(key, _)| key.clone()));
                let other =
                    sp_trie::read_trie_first_descendant_value::<LayoutV1<BlakeTwo256>, _>(&db, &root, key, None, None);
                match (trie.closest_merkle_value(key), other.unwrap()) {
                    // There it is the node around it.
                    (Some(MerkleValue::Node(_)), Some(MerkleValue::Node(_))) => {}
                    (ours, theirs) => prop_assert_eq!(ours, theirs),
                }
            }
        }
    }

    #[test]
    fn a_copy_shares_what_is_the_same() {
        let mut trie = Trie::default();
        for byte in 0..=255 {
            trie.change(&[byte, 7], Some(&[byte; 40]));
        }
        let mut other = trie.clone();
        other.change(&[0, 7], Some(&[0; 40]));
        assert!(Arc::ptr_eq(trie.0.as_ref().unwrap(), other.0.as_ref().unwrap()), "nothing was changed");
        other.change(&[0, 7], Some(&[1; 40]));
        let child = |trie: &Trie, at| std::ptr::from_ref(trie.0.as_ref().unwrap().child(at).unwrap());
        assert_ne!(child(&trie, 0), child(&other, 0));
        assert_eq!(child(&trie, 1), child(&other, 1));
        assert_eq!(trie.get(&[0, 7]).unwrap().bytes(), [0; 40]);
    }
}
