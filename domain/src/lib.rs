//! Countersign's rules, pure: no clock, no database, no randomness but what is handed in.
//!
//! A [`Command`] says what somebody wants. [`decide`] looks at the [`World`] that the command touches and answers
//! with the [`Event`]s that become ledger entries, or with a [`Refusal`] that names the rule, what is missing and who
//! can supply it. Folding the events again ([`Aggregate::fold`]) gives the state that every page shows.
//!
//! One module per concept of the field: [`stage`], [`lineage`], [`evidence`], [`policy`], [`registry`],
//! [`promotion`], [`deployment`], [`validation`], [`approval`], [`account`], [`access`], [`clock`].

pub mod access;
pub mod account;
pub mod aggregate;
pub mod approval;
pub mod as_of;
pub mod clock;
pub mod command;
pub mod decide;
pub mod deployment;
pub mod event;
pub mod evidence;
pub mod id;
pub mod lineage;
pub mod materiality;
pub mod policy;
pub mod promotion;
pub mod refusal;
pub mod registry;
pub mod stage;
pub mod validation;

pub use aggregate::{Aggregate, AggregateId, World};
pub use command::Command;
pub use decide::{Context, decide};
pub use event::{Event, Recorded};
pub use id::{AccountId, Market, ModelName, ProfileName, VersionId, VersionNumber};
pub use refusal::{Refusal, RefusalKind};
pub use stage::Stage;
