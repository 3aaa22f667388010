//! Which market an entry of a model bears on: the one that it names, itself or by the request, waiver or request for human
//! review that it is about; and where it names none, all of them.

use std::collections::HashMap;

use domain::{AggregateId, Event, Market, ModelName, VersionId, privacy::review::ReviewId, waiver};

use crate::{
    narrate,
    storage::{Store, StoreError, log::StoredEntry},
};

/// Entries that give a number a place.
const NAMING: [&str; 3] = ["promotion.requested", "review.received", "waiver.granted"];
/// Entries read at a time.
const PAGE: u64 = 500;

/// The markets of what other entries name by number only; `None` where it is for all.
#[derive(Debug, Default)]
pub(super) struct Places {
    requests: HashMap<(VersionId, u32), Option<Market>>,
    waivers: HashMap<(VersionId, u32), Option<Market>>,
    reviews: HashMap<ReviewId, Option<Market>>,
}

impl Places {
    /// Those of a model among the first `size` entries.
    pub(super) async fn read(store: &Store, model: &ModelName, size: u64) -> Result<Self, StoreError> {
        let mut places = Self::default();
        let mut from = 0;
        loop {
            let page = store.entries_of_types(&NAMING, Some(model.as_str()), (from, size), PAGE).await?;
            let Some(last) = page.last() else { return Ok(places) };
            from = last.seq + 1;
            for stored in &page {
                let recorded = narrate::read(&stored.bytes).map_err(StoreError::Inconsistent)?;
                match (recorded.subject, recorded.event) {
                    (AggregateId::Version(id), Event::PromotionRequested { request, market, .. }) => {
                        places.requests.insert((id, request), market);
                    }
                    (AggregateId::Version(id), Event::WaiverGranted(waiver::Granted { waiver, market, .. })) => {
                        places.waivers.insert((id, waiver), market);
                    }
                    (AggregateId::ReviewRequest(id), Event::ReviewReceived(body)) => {
                        places.reviews.insert(id, body.market);
                    }
                    _ => {}
                }
            }
        }
    }

    /// Whether an entry of the model bears on this market.
    pub(super) fn concern(&self, entry: &StoredEntry, market: &Market) -> bool {
        let Ok(read) = ledger::Entry::from_bytes(&entry.bytes) else { return false };
        let named = read.payload.get("market").and_then(|market| market.as_str());
        if let Some(named) = named.or_else(|| read.subject.get("market").map(String::as_str)) {
            return named == market.as_str();
        }
        // An assessment names the markets that it covers; one that names none yet is about all.
        let scope = read.payload.pointer("/content/scope/markets").and_then(|markets| markets.as_array());
        if let Some(markets) = scope.filter(|markets| !markets.is_empty()) {
            return markets.iter().any(|one| one.as_str() == Some(market.as_str()));
        }
        let number = |of: &str| u32::try_from(read.payload.get(of)?.as_u64()?).ok();
        let place = match AggregateId::from_subject(&read.subject) {
            Some(AggregateId::Version(id)) => match (number("request"), number("waiver")) {
                (Some(request), _) => self.requests.get(&(id, request)),
                (None, Some(waiver)) => self.waivers.get(&(id, waiver)),
                _ => None,
            },
            Some(AggregateId::ReviewRequest(id)) => self.reviews.get(&id),
            _ => None,
        };
        place.is_none_or(|place| place.as_ref().is_none_or(|place| place == market))
    }
}

#[cfg(test)]
mod tests {
    use ledger::{Actor, ActorKind, Digest, Entry, SCHEMA, Timestamp};
    use serde_json::{Value, json};

    use super::*;

    fn entry(subject: &str, event: &str, payload: Value) -> StoredEntry {
        let id: AggregateId = subject.parse().unwrap();
        let entry = Entry {
            schema: SCHEMA,
            seq: 7,
            time: Timestamp::EPOCH,
            actor: Actor { id: "ana".into(), kind: ActorKind::Human },
            event: event.into(),
            subject: id.subject(),
            payload,
            evidence: Vec::new(),
            prev: Digest::of(b""),
        };
        let bytes = entry.to_bytes().unwrap();
        StoredEntry {
            seq: 7,
            time: entry.time,
            actor: "ana".into(),
            event: event.into(),
            model: Some("credit".into()),
            version: None,
            hash: Digest::of(&bytes),
            bytes,
        }
    }

    #[test]
    fn an_entry_bears_on_the_market_that_it_or_what_it_is_about_names() {
        let version = || VersionId { model: "credit".parse().unwrap(), number: 1.try_into().unwrap() };
        let (us, eu): (Market, Market) = ("US".parse().unwrap(), "EU".parse().unwrap());
        let mut places = Places::default();
        places.requests.insert((version(), 1), None);
        places.requests.insert((version(), 2), Some(us.clone()));
        places.waivers.insert((version(), 1), Some(us.clone()));
        places.reviews.insert(ReviewId { model: version().model, number: 1 }, Some(eu.clone()));
        let one = "version/credit/1";
        for (subject, event, payload, in_us, in_eu) in [
            (one, "promotion.signed", json!({"request": 1}), true, true),
            (one, "promotion.signed", json!({"request": 2}), true, false),
            (one, "committee.voted", json!({"request": 2}), true, false),
            (one, "committee.recused", json!({"request": 2, "reason": "Mine."}), true, false),
            (one, "waiver.revoked", json!({"waiver": 1}), true, false),
            (one, "waiver.granted", json!({"waiver": 2, "market": null}), true, true),
            (one, "finding.raised", json!({"finding": 1}), true, true),
            (one, "validation.recorded", json!({}), true, true),
            (one, "evidence.attached", json!({"market": "EU"}), false, true),
            ("review/credit/1", "review.answered", json!({}), false, true),
            ("dpia/credit", "dpia.drafted", json!({"content": {"scope": {"markets": ["EU"]}}}), false, true),
            ("dpia/credit", "dpia.drafted", json!({"content": {"scope": {"markets": []}}}), true, true),
            ("dpia/credit", "dpia.approved", json!({"content": "sha256:00"}), true, true),
            ("dpia/credit", "safeguards.stated", json!({}), true, true),
            ("deployment/credit/US", "rollout.advanced", json!({}), true, false),
        ] {
            let entry = entry(subject, event, payload.clone());
            assert_eq!((places.concern(&entry, &us), places.concern(&entry, &eu)), (in_us, in_eu), "{event} {payload}");
        }
    }
}
