//! Taking over what other systems know. An importer reads a foreign registry over its own API, maps what it finds to
//! commands, and sends these to Countersign's API like any other client. It never invents a value: what the foreign
//! system does not say stays missing, and is listed.

pub mod mlflow;
