//! What the sealer remembers between transactions: recent states and the right edge of the tree. It counts only
//! while nobody else has sealed, which the head of the chain tells at the start of each transaction.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use domain::{Aggregate, AggregateId, aggregate::World};
use ledger::{
    Digest, TreeHead,
    tiles::{TileId, TileSource},
};

use super::{Caller, Order};
use crate::storage::{StoreError, Write, log::Head};

/// States kept at most, some 10 KB each; beyond that all are forgotten and read again as needed.
const MAX_STATES: usize = 2_000;
/// Ids kept at most of what is not there, some 100 bytes each.
const MAX_ABSENT: usize = 20_000;

/// See the module.
#[derive(Default)]
pub(super) struct Cache {
    pub(super) head: Option<Head>,
    pub(super) tree: TreeHead,
    pub(super) states: HashMap<AggregateId, Aggregate>,
    /// What was asked for and is not there, so that it is not asked for again.
    pub(super) absent: HashSet<AggregateId>,
}

/// What a batch leaves behind once it is durable.
pub(super) struct End {
    pub(super) head: Head,
    pub(super) tree: TreeHead,
    pub(super) states: HashMap<AggregateId, Aggregate>,
}

/// Tiles read beforehand, for loading the tree's right edge.
struct Loaded(HashMap<TileId, Vec<Digest>>);

impl TileSource for Loaded {
    type Error = std::convert::Infallible;
    fn tile(&self, id: TileId) -> Result<Vec<Digest>, Self::Error> {
        Ok(self.0.get(&id).cloned().unwrap_or_default())
    }
}

/// The tree's right edge at `size`, read from the tiles.
pub(crate) async fn load_tree(write: &mut Write, size: u64) -> Result<TreeHead, StoreError> {
    let mut tiles = HashMap::new();
    let mut width = size;
    let mut level = 0;
    while width > 0 {
        let id = TileId { level, index: width / 256 };
        tiles.insert(id, write.tile(id).await?);
        width /= 256;
        level += 1;
    }
    for id in ledger::tiles::tiles_for_root(size) {
        tiles.insert(id, write.tile(id).await?);
    }
    TreeHead::load(size, &Loaded(tiles))
        .map_err(|error| StoreError::Inconsistent(format!("the tree cannot be read: {error}")))
}

impl Cache {
    /// Forgets everything.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Makes sure that what is remembered is what is stored.
    pub(super) async fn catch_up(&mut self, write: &mut Write) -> Result<(), StoreError> {
        let head = write.head().await?;
        if self.head.as_ref() == Some(&head) {
            return Ok(());
        }
        self.states.clear();
        self.absent.clear();
        self.tree = load_tree(write, head.size).await?;
        self.head = Some(head);
        Ok(())
    }

    /// Reads the states that the orders concern and that are not remembered: those that the commands name in one go, and
    /// those that follow from them in another.
    pub(super) async fn load<'o>(
        &mut self,
        write: &mut Write,
        orders: impl Iterator<Item = &'o Order>,
    ) -> Result<(), StoreError> {
        if self.states.len() > MAX_STATES || self.absent.len() > MAX_ABSENT {
            self.states.clear();
            self.absent.clear();
        }
        let mut wanted: Vec<AggregateId> = vec![AggregateId::Policy];
        let mut only_kills = true;
        let orders: Vec<&Order> = orders.collect();
        for order in &orders {
            only_kills &= order.is_kill();
            wanted.extend(order.command.reads());
            if let Caller::Account(id) | Caller::Token(id, _) = &order.caller {
                wanted.push(AggregateId::Account(id.clone()));
            }
        }
        if only_kills {
            // What cannot be read must not stand in the way of the kill switch, which needs none of it.
            let wanted = self.unknown(wanted);
            self.states.extend(write.readable(&wanted).await?);
            return Ok(());
        }
        self.read(write, wanted).await?;
        let follows = orders.iter().flat_map(|order| {
            let mut world = World::default();
            for state in order.command.reads().iter().filter_map(|id| self.states.get(id)) {
                world.put(state);
            }
            order.command.also_reads(&world)
        });
        let follows = follows.collect();
        self.read(write, follows).await
    }

    /// Those of which nothing is remembered, each once.
    fn unknown(&self, mut wanted: Vec<AggregateId>) -> Vec<AggregateId> {
        wanted.retain(|id| !self.states.contains_key(id) && !self.absent.contains(id));
        wanted.sort();
        wanted.dedup();
        wanted
    }

    async fn read(&mut self, write: &mut Write, wanted: Vec<AggregateId>) -> Result<(), StoreError> {
        let wanted = self.unknown(wanted);
        if wanted.is_empty() {
            return Ok(());
        }
        self.states.extend(write.aggregates(&wanted).await?);
        self.absent.extend(wanted.into_iter().filter(|id| !self.states.contains_key(id)));
        Ok(())
    }

    /// Takes over what a durable batch left.
    pub(super) fn advance(&mut self, end: End) {
        self.head = Some(end.head);
        self.tree = end.tree;
        for id in end.states.keys() {
            self.absent.remove(id);
        }
        self.states.extend(end.states);
    }
}

/// A clone of the states' handle for the batch's working copy.
pub(super) fn state<'c>(
    own: &'c HashMap<AggregateId, Aggregate>,
    cache: &'c Cache,
    id: &AggregateId,
) -> Option<&'c Aggregate> {
    own.get(id).or_else(|| cache.states.get(id))
}

/// The account behind a state.
pub(super) fn account(state: Option<&Aggregate>) -> Option<Arc<domain::account::Account>> {
    match state {
        Some(Aggregate::Account(account)) => Some(account.clone()),
        _ => None,
    }
}
