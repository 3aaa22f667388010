//! The program `countersign`: HTTP and API, pages, storage, accounts, reports, integrations, command line. `docs/` says
//! how it is used; `main.rs` only calls [`cli::main`].

pub mod accounts;
pub mod as_of;
pub mod attach;
pub mod blobs;
pub mod cli;
pub mod clock;
pub mod clockwork;
pub mod config;
pub mod demo;
pub mod dossier;
pub mod export;
pub mod figures;
pub mod fsck;
pub mod http;
pub mod impact;
pub mod import;
pub mod inventory;
pub mod istio;
pub mod keys;
pub mod maturity;
pub mod narrate;
pub mod privacy;
pub mod recompute;
pub mod report;
pub mod reports;
pub mod rows;
pub mod seal;
pub mod secrets;
pub mod service;
pub mod serving;
pub mod storage;
pub mod vault;
pub mod views;
pub mod webhooks;
