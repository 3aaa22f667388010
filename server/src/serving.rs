//! What serves: reading deployments, following their routing, and the kill switch over all markets of a model.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use domain::{
    Aggregate, AggregateId, Command, Market, ModelName,
    account::Role,
    deployment::{Deployment, Routing, ServingCommand, command::Kill},
    refusal::{Missing, Refusal},
    registry::Model,
};
use futures_util::future::join_all;
use tokio::sync::broadcast::{self, error::RecvError};

use crate::{
    seal::{Caller, Order, Receipt, SealError, Sealed},
    service::Service,
    storage::StoreError,
};

/// How often a follower asks the database for what another server sealed.
const POLL: Duration = Duration::from_secs(1);

/// What came of the kill switch in one market.
pub struct Killed {
    /// The market.
    pub market: Market,
    /// The receipt, or why it was not used there.
    pub outcome: Result<Receipt, SealError>,
}

impl Service {
    /// What serves a model's users in a market; `None` before any version saw its traffic.
    ///
    /// # Errors
    /// The storage failed.
    pub async fn deployment(&self, model: &ModelName, market: &Market) -> Result<Option<Arc<Deployment>>, StoreError> {
        let id = AggregateId::Deployment(model.clone(), market.clone());
        Ok(match self.store.aggregate(&id).await? {
            Some(Aggregate::Deployment(deployment)) => Some(deployment),
            _ => None,
        })
    }

    /// What serves a model's users in each market that it is registered for, as far as any version saw traffic there.
    ///
    /// # Errors
    /// The storage failed.
    pub async fn deployments(&self, model: &Model) -> Result<BTreeMap<Market, Arc<Deployment>>, StoreError> {
        let ids: Vec<AggregateId> =
            model.markets.iter().map(|market| AggregateId::Deployment(model.name.clone(), market.clone())).collect();
        let found = self.store.aggregates(&ids).await?.into_iter();
        Ok(found
            .filter_map(|(_, state)| match state {
                Aggregate::Deployment(deployment) => Some((deployment.market.clone(), deployment)),
                _ => None,
            })
            .collect())
    }

    /// The markets that the kill switch of a whole model covers: those that it is registered for and those in which
    /// anything of it ever served. Asks for no more than can be read.
    ///
    /// # Errors
    /// Nothing tells of any market.
    pub async fn markets_of(&self, model: &ModelName) -> Result<Vec<Market>, SealError> {
        let registered = self.model(model).await.ok().flatten().map(|model| model.markets.clone());
        let mut markets = registered.unwrap_or_default();
        markets.extend(self.store.deployed_markets(model).await.unwrap_or_default());
        markets.sort();
        markets.dedup();
        if markets.is_empty() {
            let message = format!("No market of {model} is known; name the market.");
            return Err(Refusal::invalid(vec![Missing::field("market", message)]).into());
        }
        Ok(markets)
    }

    /// Uses the kill switch in one market, or in every market of the model. All of them are sealed together.
    ///
    /// # Errors
    /// No market is known. What came of each market stands in the answer.
    pub async fn kill(
        &self,
        caller: &Caller,
        model: &ModelName,
        market: Option<Market>,
        body: &Kill,
    ) -> Result<Vec<Killed>, SealError> {
        let markets = match market {
            Some(market) => {
                self.check_known(model, &market).await?;
                vec![market]
            }
            None => self.markets_of(model).await?,
        };
        let seals = markets.into_iter().map(|market| async move {
            let command = Command::Serve(model.clone(), market.clone(), ServingCommand::Kill(body.clone()));
            Killed { outcome: self.sealer.seal(Order::new(caller.clone(), command)).await, market }
        });
        Ok(join_all(seals).await)
    }

    /// Refuses a name that nothing stands behind, where that can be read; where it cannot, the kill switch goes on.
    ///
    /// # Errors
    /// There is no such model, or it neither is registered for the market nor serves there.
    pub async fn check_known(&self, model: &ModelName, market: &Market) -> Result<(), SealError> {
        let (Ok(registered), Ok(deployment)) = (self.model(model).await, self.deployment(model, market).await) else {
            return Ok(());
        };
        let serves_there = registered.as_ref().is_some_and(|known| known.markets.contains(market));
        if serves_there || deployment.is_some() {
            return Ok(());
        }
        let message = match registered {
            None => {
                format!("No model {model} is registered, and nothing of that name serves in {market}. Check the name.")
            }
            Some(_) => format!("{model} is not registered for {market}, and nothing of it serves there."),
        };
        Err(Refusal::not_found(
            message,
            Missing::from(
                "model",
                "Register the model for the market, or name one that is registered for it.",
                Role::DataScientist,
            ),
        )
        .into())
    }

    /// Follows the routing of a model in a market, from now on.
    pub fn follow(self: &Arc<Self>, model: ModelName, market: Market) -> Follower {
        Follower { news: self.sealer.subscribe(), app: self.clone(), model, market }
    }
}

/// See [`Service::follow`].
pub struct Follower {
    app: Arc<Service>,
    news: broadcast::Receiver<Sealed>,
    model: ModelName,
    market: Market,
}

impl Follower {
    /// The document as it stands; `None` before anything served.
    ///
    /// # Errors
    /// The storage failed.
    pub async fn now(&self) -> Result<Option<Routing>, StoreError> {
        let deployment = self.app.deployment(&self.model, &self.market).await?;
        Ok(deployment.map(|deployment| Routing::of(&deployment)))
    }

    /// The document once its revision is beyond `after`. Ends only when it is, or with the program.
    ///
    /// # Errors
    /// The storage failed.
    pub async fn beyond(&mut self, after: u64) -> Result<Option<Routing>, StoreError> {
        loop {
            if let Some(routing) = self.now().await?.filter(|routing| routing.revision > after) {
                return Ok(Some(routing));
            }
            if !self.woken().await {
                return Ok(None);
            }
        }
    }

    /// Waits for an entry that concerns the model, or until it is time to look for those of other servers.
    async fn woken(&mut self) -> bool {
        let ours = async {
            loop {
                match self.news.recv().await {
                    Ok(sealed) if concerns(&sealed.subject, &self.model) => return true,
                    Ok(_) => {}
                    Err(RecvError::Lagged(_)) => return true,
                    Err(RecvError::Closed) => return false,
                }
            }
        };
        tokio::time::timeout(POLL, ours).await.unwrap_or(true)
    }
}

fn concerns(subject: &AggregateId, model: &ModelName) -> bool {
    match subject {
        AggregateId::Deployment(name, _) => name == model,
        AggregateId::Version(id) => id.model == *model,
        _ => false,
    }
}
