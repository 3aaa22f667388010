//! The clockwork: gives time its turn. It reads which states are due and has each of them looked at through the same
//! door as everything else, so a rule of time is decided once however many servers run over one database.

use std::{sync::Arc, time::Duration};

use domain::{AggregateId, Command};
use futures_util::future::join_all;

use crate::{
    seal::{Caller, Order, SealError},
    service::Service,
};

/// How often it looks what is due.
const PERIOD: Duration = Duration::from_secs(1);
/// States looked at together, sealed as one group.
const TOGETHER: u32 = 128;

/// Looks at everything that is due by the service's clock, and answers how many entries came of it.
///
/// # Errors
/// The storage failed. What could not be judged is looked at again later and is no error.
pub async fn turn(app: &Service) -> Result<usize, SealError> {
    let mut entries = 0;
    loop {
        let due = app.store.due(app.clock.now(), TOGETHER).await?;
        if due.is_empty() {
            return Ok(entries);
        }
        let looks: Vec<_> = due.into_iter().map(|id| look(app, id)).collect();
        let outcomes = join_all(looks).await;
        for outcome in outcomes {
            entries += outcome?;
        }
    }
}

async fn look(app: &Service, id: AggregateId) -> Result<usize, SealError> {
    match app.sealer.seal(Order::new(Caller::System, Command::Tick(id.clone()))).await {
        Ok(receipt) => Ok(receipt.entries.len()),
        Err(SealError::Refused(refusal)) => {
            tracing::warn!(%refusal, "what is due on {id} could not be judged");
            Ok(0)
        }
        Err(error) => Err(error),
    }
}

/// Turns for as long as the program runs.
pub async fn run(app: Arc<Service>) {
    let mut every = tokio::time::interval(PERIOD);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        if let Err(error) = turn(&app).await {
            tracing::warn!(%error, "the clockwork could not turn");
        }
    }
}
