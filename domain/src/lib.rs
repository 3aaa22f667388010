//! Countersign's rules, pure: no clock, no database, no randomness but what is handed in.
//!
//! A [`Command`] says what somebody wants. [`decide`] looks at the [`World`] that the command touches and answers
//! with the [`Event`]s that become ledger entries, or with a [`Refusal`] that names the rule, what is missing and who
//! can supply it. Folding the events again ([`Aggregate::fold`]) gives the state that every page shows.
//!
//! One module per concept of the field: [`stage`], [`lineage`], [`evidence`], [`policy`], [`registry`],
//! [`promotion`], [`deployment`], [`materiality`], [`validation`], [`committee`], [`waiver`], [`approval`], [`inventory`],
//! [`campaign`], [`privacy`], [`account`], [`access`], [`clock`], [`trigger`], [`calendar`], [`maturity`], [`webhook`],
//! [`shadow`], [`canary`], [`split`], [`strategy`], [`statistics`], [`recompute`].

pub mod access;
pub mod account;
pub mod aggregate;
pub mod approval;
pub mod as_of;
pub mod calendar;
pub mod campaign;
pub mod canary;
pub mod clock;
pub mod command;
pub mod committee;
pub mod decide;
pub mod deployment;
pub mod event;
pub mod evidence;
pub mod id;
pub mod impact;
pub mod inventory;
pub mod lineage;
pub mod materiality;
pub mod maturity;
pub mod policy;
pub mod privacy;
pub mod promotion;
pub mod recompute;
pub mod refusal;
pub mod registry;
pub mod shadow;
pub mod split;
pub mod stage;
pub mod statistics;
pub mod strategy;
pub mod trigger;
pub mod validation;
pub mod waiver;
pub mod webhook;

pub use aggregate::{Aggregate, AggregateId, World};
pub use command::Command;
pub use decide::{Context, decide};
pub use event::{Event, Recorded};
pub use id::{AccountId, Market, ModelName, ProfileName, VersionId, VersionNumber};
pub use refusal::{Refusal, RefusalKind};
pub use stage::Stage;
