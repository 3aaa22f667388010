//! A version's way through the stages, told from its own record of transitions: which stops it really passed in a
//! market, where it stands on its model's line, and what became of it.

use std::collections::BTreeSet;

use ledger::Timestamp;

use super::{Model, Standing, Version};
use crate::{
    deployment::{Deployment, Ended, Ending},
    id::Market,
    promotion::RequestState,
    stage::Stage,
};

/// How a stop on the line relates to a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Behind.
    Passed,
    /// It stands here.
    Here,
    /// The next stop.
    Next,
    /// Further ahead.
    Ahead,
    /// The way ended here.
    Left,
    /// The way ended before it.
    NotReached,
}

/// Where a version is drawn on the line of its model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place<'v> {
    /// At a stop that all markets share.
    Shared(Stage),
    /// In a market.
    In(&'v Market, Stage, Standing),
    /// Nowhere: it is archived, or its way ended in every market.
    Nowhere,
}

/// What became of a version in a market.
#[derive(Debug, Clone, PartialEq)]
pub enum Fate<'d> {
    /// Still on its way, or not there yet.
    OnItsWay,
    /// Serves the market.
    Champion(Timestamp),
    /// Served it and is kept ready.
    WarmStandby,
    /// Served it and does no more.
    Served,
    /// Taken out on its way in; it never was champion.
    RolledBack(&'d Ended),
    /// Its way ended; nothing kept says how.
    Left,
}

impl Version {
    /// The stages that it entered, by its granted requests: those of a market, or the shared ones.
    pub fn walked(&self, market: Option<&Market>) -> BTreeSet<Stage> {
        let granted = self.requests.iter().filter(|request| matches!(request.state, RequestState::Granted { .. }));
        let here = granted.filter(|request| request.market.as_ref() == market).map(|request| request.to);
        here.chain(market.is_none().then_some(Stage::None)).collect()
    }

    /// How a stop relates to the version; `market` is that of the stop, if it is a market's.
    pub fn stop(&self, model: &Model, stage: Stage, market: Option<&Market>) -> Stop {
        let at = match market {
            Some(_) => self.stage_in(market),
            None if self.stage == Stage::Archived => Stage::Archived,
            None if self.stands_at_shared(model) => self.stage,
            // All that is shared lies behind.
            None => return Stop::Passed,
        };
        if at == Stage::Archived {
            let walked = self.walked(market);
            let went_on = market.is_none() && model.markets.iter().any(|market| !self.walked(Some(market)).is_empty());
            return match walked.contains(&stage) {
                true if walked.last() == Some(&stage) && !went_on => Stop::Left,
                true => Stop::Passed,
                false => Stop::NotReached,
            };
        }
        match stage {
            stage if stage == at => Stop::Here,
            stage if stage < at => Stop::Passed,
            stage if at.next() == Some(stage) => Stop::Next,
            _ => Stop::Ahead,
        }
    }

    /// Whether it has gone on in no market and still can in one: then it stands at the stage that all share.
    fn stands_at_shared(&self, model: &Model) -> bool {
        let goes_on = self.tracks.iter().any(|(market, track)| {
            let replaced =
                track.stage == Stage::Production && model.standing(self.id.number, market) == Standing::Other;
            track.stage != Stage::Archived && !replaced
        });
        let waits = self.tracks.is_empty() || model.markets.iter().any(|market| !self.tracks.contains_key(market));
        self.stage != Stage::Archived && !goes_on && waits
    }

    /// Where the line of its model shows it; never an empty list.
    pub fn places<'v>(&'v self, model: &Model) -> Vec<Place<'v>> {
        if self.stage == Stage::Archived {
            return vec![Place::Nowhere];
        }
        if self.stands_at_shared(model) {
            return vec![Place::Shared(self.stage)];
        }
        let seats: Vec<Place<'v>> = self
            .tracks
            .iter()
            .map(|(market, track)| (market, track.stage, model.standing(self.id.number, market)))
            // Who was replaced stands at Production no more.
            .filter(|(_, stage, standing)| {
                *stage != Stage::Archived && (*stage, *standing) != (Stage::Production, Standing::Other)
            })
            .map(|(market, stage, standing)| Place::In(market, stage, standing))
            .collect();
        if seats.is_empty() { vec![Place::Nowhere] } else { seats }
    }

    /// What became of it in a market; `deployment` is that of the model there, if there is one.
    pub fn fate<'d>(&self, model: &Model, market: &Market, deployment: Option<&'d Deployment>) -> Fate<'d> {
        match model.standing(self.id.number, market) {
            Standing::Champion => {
                let since = model.champions.get(market).map_or(self.updated_at, |champion| champion.since);
                return Fate::Champion(since);
            }
            Standing::WarmStandby => return Fate::WarmStandby,
            Standing::RollingOut => return Fate::OnItsWay,
            Standing::Other => {}
        }
        let Some(track) = self.tracks.get(market) else {
            return if self.stage == Stage::Archived { Fate::Left } else { Fate::OnItsWay };
        };
        let at_once = |request: &crate::promotion::Request| {
            request.to == Stage::Production
                && request.market.as_ref() == Some(market)
                && request.blue_green.is_some()
                && matches!(request.state, RequestState::Granted { .. })
        };
        let ended = deployment.and_then(|deployment| deployment.ended_of(self.id.number));
        match (ended, track.stage) {
            (Some(ended), _) if ended.ending == Ending::RolledBack => Fate::RolledBack(ended),
            (Some(_), _) | (None, Stage::Production) => Fate::Served,
            (None, Stage::Archived) if self.requests.iter().any(at_once) => Fate::Served,
            (None, Stage::Archived) => Fate::Left,
            (None, _) if self.stage == Stage::Archived => Fate::Left,
            (None, _) => Fate::OnItsWay,
        }
    }
}

#[cfg(test)]
mod tests {
    use ledger::Digest;

    use super::*;
    use crate::{
        deployment::{Artifact, Cause, Rollout, Strategy},
        id::{VersionId, VersionNumber},
        promotion::Request,
        registry::{Champion, Standby, Track},
    };

    fn market(code: &str) -> Market {
        code.parse().unwrap()
    }

    fn model() -> Model {
        serde_json::from_value(serde_json::json!({
            "name": "credit", "title": "", "purpose": "", "owner": "ana", "team": "", "tier": "1", "profile": "p",
            "markets": ["EU", "US"], "registered_at": Timestamp::EPOCH, "next_version": 3, "champions": {}, "standbys": {},
        }))
        .unwrap()
    }

    fn version(stage: Stage) -> Version {
        let id = VersionId { model: "credit".parse().unwrap(), number: VersionNumber::FIRST };
        serde_json::from_value(serde_json::json!({
            "id": id, "registered_by": "ana", "developers": ["ana"], "team": "", "registered_at": Timestamp::EPOCH,
            "note": "", "origin": null, "lineage": crate::lineage::Lineage::default(), "stage": stage, "stage_entry": 1,
            "tracks": {}, "evidence": [], "requests": [], "report": null, "findings": [], "sign_offs": [],
            "archived": null, "lineage_digest": Digest::of(b""), "revision": 1, "updated_at": Timestamp::EPOCH,
        }))
        .unwrap()
    }

    fn granted(to: Stage, market: Option<&str>) -> Request {
        serde_json::from_value(serde_json::json!({
            "number": 1, "to": to, "market": market, "requested_by": "ana", "requested_at": Timestamp::EPOCH,
            "due_at": Timestamp::EPOCH, "note": "", "entry": 1,
            "state": {"state": "granted", "at": Timestamp::EPOCH, "entry": 2},
        }))
        .unwrap()
    }

    fn track(stage: Stage) -> Track {
        Track { stage, since: Timestamp::EPOCH, entry: 3 }
    }

    fn ended(ending: Ending) -> Ended {
        let artifact = Artifact::unknown(VersionNumber::FIRST);
        let rollout = Rollout {
            artifact,
            steps: vec![5, 25, 100],
            strategy: Strategy::default(),
            strategy_reason: None,
            promoted: true,
            step: 1,
            since: Timestamp::EPOCH,
            sample: 0,
            observations: Vec::new(),
            strikes: Vec::new(),
            held: None,
            moves: Vec::new(),
            started_at: Timestamp::EPOCH,
            entry: 2,
        };
        let cause = Some(Cause::Strikes);
        Ended { rollout, ending, cause, reason: String::new(), at: Timestamp::EPOCH, entry: 4 }
    }

    #[test]
    fn a_version_taken_out_in_canary_did_not_reach_production() {
        let (model, eu) = (model(), market("EU"));
        let mut version = version(Stage::Staging);
        version.requests =
            vec![granted(Stage::Staging, None), granted(Stage::Shadow, Some("EU")), granted(Stage::Canary, Some("EU"))];
        version.tracks.insert(eu.clone(), track(Stage::Archived));
        let stops =
            [Stage::Shadow, Stage::Canary, Stage::Production].map(|stage| version.stop(&model, stage, Some(&eu)));
        assert_eq!(stops, [Stop::Passed, Stop::Left, Stop::NotReached]);
        assert_eq!(version.stop(&model, Stage::Staging, None), Stop::Here, "the US is still ahead of it");
        assert_eq!(version.stop(&model, Stage::Shadow, Some(&market("US"))), Stop::Next);

        version.stage = Stage::Archived;
        assert_eq!(version.stop(&model, Stage::Staging, None), Stop::Passed);
        assert_eq!(version.stop(&model, Stage::Shadow, Some(&market("US"))), Stop::NotReached);
    }

    #[test]
    fn archived_from_the_start_it_passed_nothing() {
        let (model, mut version) = (model(), version(Stage::Archived));
        assert_eq!(version.stop(&model, Stage::None, None), Stop::Left);
        assert_eq!(version.stop(&model, Stage::Staging, None), Stop::NotReached);
        version.requests = vec![granted(Stage::Staging, None)];
        assert_eq!(version.stop(&model, Stage::None, None), Stop::Passed);
        assert_eq!(version.stop(&model, Stage::Staging, None), Stop::Left);
    }

    #[test]
    fn who_was_champion_is_told_from_who_was_rolled_back_on_the_way_in() {
        let (model, eu) = (model(), market("EU"));
        let mut version = version(Stage::Staging);
        version.tracks.insert(eu.clone(), track(Stage::Archived));
        let mut deployment = Deployment::new(model.name.clone(), eu.clone(), Timestamp::EPOCH);
        assert_eq!(version.fate(&model, &eu, Some(&deployment)), Fate::Left, "nothing kept says how");
        deployment.ended = vec![ended(Ending::RolledBack)];
        assert!(matches!(version.fate(&model, &eu, Some(&deployment)), Fate::RolledBack(_)));
        deployment.ended = vec![ended(Ending::Completed)];
        assert_eq!(version.fate(&model, &eu, Some(&deployment)), Fate::Served);
        assert_eq!(version.fate(&model, &market("US"), None), Fate::OnItsWay);
    }

    /// Whatever its stage in each market and its standing there, a version is at a stop, or said to be at none.
    #[test]
    fn no_version_vanishes_from_the_line() {
        let tracks = [None, Some(Stage::Shadow), Some(Stage::Canary), Some(Stage::Production), Some(Stage::Archived)];
        for (eu, us) in tracks.iter().flat_map(|eu| tracks.iter().map(move |us| (*eu, *us))) {
            for standing in [Standing::Other, Standing::Champion, Standing::WarmStandby, Standing::RollingOut] {
                let (mut model, mut version) = (model(), version(Stage::Staging));
                for (code, stage) in [("EU", eu), ("US", us)] {
                    let Some(stage) = stage else { continue };
                    version.tracks.insert(market(code), track(stage));
                    let (number, since) = (version.id.number, Timestamp::EPOCH);
                    match standing {
                        _ if stage != Stage::Production => None,
                        Standing::Champion => model
                            .champions
                            .insert(market(code), Champion { version: number, since, entry: 1, weights: None })
                            .map(|_| ()),
                        Standing::WarmStandby => model
                            .standbys
                            .insert(market(code), Standby { version: number, since, until: since, weights: None })
                            .map(|_| ()),
                        Standing::RollingOut => model.rolling_out.insert(market(code), number).map(|_| ()),
                        Standing::Other => None,
                    };
                }
                let places = version.places(&model);
                let is_live = |stage: Option<Stage>| match stage {
                    Some(Stage::Production) => standing != Standing::Other,
                    Some(stage) => stage != Stage::Archived,
                    None => false,
                };
                let expected = match (is_live(eu) || is_live(us), eu.is_none() || us.is_none()) {
                    (true, _) => usize::from(is_live(eu)) + usize::from(is_live(us)),
                    (false, _) => 1,
                };
                assert_eq!(places.len(), expected, "{eu:?} {us:?} {standing:?}: {places:?}");
                let nowhere = !is_live(eu) && !is_live(us) && eu.is_some() && us.is_some();
                assert_eq!(places.contains(&Place::Nowhere), nowhere, "{eu:?} {us:?} {standing:?}: {places:?}");
            }
        }
        assert_eq!(version(Stage::None).places(&model()), [Place::Shared(Stage::None)]);
        assert_eq!(version(Stage::Archived).places(&model()), [Place::Nowhere]);
    }
}
