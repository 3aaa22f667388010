//! Maturity of a model's operation, 0 to 3, from what the ledger shows and nothing else: automated training, automated
//! promotion with a staged rollout, drift monitoring and a loop that heals itself. Each criterion names the entries that
//! prove it, or what is missing.

use std::collections::BTreeSet;

use ledger::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    id::{AccountId, Market},
    promotion::RequestState,
    registry::Version,
    stage::Stage,
    trigger::{Cause, Firing, Triggers},
};

/// Policy's numbers for maturity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct MaturityPolicy {
    /// Days back in which something must have happened to count.
    pub window_days: u32,
    /// Days within which the features must have been looked at for drift to count as monitored.
    pub monitored_days: u32,
}

/// Entries that one criterion names at most.
const MAX_EVIDENCE: usize = 6;

/// What is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The model's versions, in any order; those of the window at least.
    pub versions: &'a [&'a Version],
    /// Its triggers.
    pub triggers: Option<&'a Triggers>,
    /// Which accounts are services.
    pub services: &'a BTreeSet<AccountId>,
    /// Policy's numbers.
    pub policy: MaturityPolicy,
    /// The present instant.
    pub now: Timestamp,
}

/// One thing that a level asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Criterion {
    /// The level that asks for it, from 1.
    pub level: u8,
    /// Its stable id, such as `maturity.automated_training`.
    pub rule: String,
    /// What is asked, in a sentence.
    pub sentence: String,
    /// Whether the ledger shows it.
    pub met: bool,
    /// The entries that show it, the latest first.
    pub evidence: Vec<u64>,
    /// What would show it, where nothing does.
    pub missing: Option<String>,
}

/// A model's maturity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Maturity {
    /// 0 to 3.
    pub level: u8,
    /// The level in words.
    pub title: String,
    /// Every criterion of every level.
    pub criteria: Vec<Criterion>,
}

/// The levels' names.
pub fn title(level: u8) -> &'static str {
    match level {
        0 => "Manual",
        1 => "Automated training",
        2 => "Automated promotion",
        _ => "Self-healing",
    }
}

impl Subject<'_> {
    /// The model's maturity: the highest level of which, and of all below it, every criterion is met.
    pub fn assess(&self) -> Maturity {
        let criteria = vec![self.training(), self.promotion(), self.monitoring(), self.healing()];
        let holds = |level: u8| criteria.iter().filter(|c| c.level <= level).all(|c| c.met);
        let level = (1..=3).rev().find(|level| holds(*level)).unwrap_or(0);
        Maturity { level, title: title(level).to_owned(), criteria }
    }

    fn in_window(&self, time: Timestamp) -> bool {
        time >= self.now.plus_days(-i64::from(self.policy.window_days))
    }

    fn firings(&self) -> impl Iterator<Item = &Firing> {
        let firings = self.triggers.map(|triggers| triggers.firings.as_slice()).unwrap_or_default();
        firings.iter().rev().filter(|firing| self.in_window(firing.mark.at))
    }

    fn version(&self, number: crate::id::VersionNumber) -> Option<&Version> {
        self.versions.iter().copied().find(|version| version.id.number == number)
    }

    fn training(&self) -> Criterion {
        let mut evidence = Vec::new();
        for firing in self.firings().filter(|firing| firing.about.cause != Cause::Manual) {
            for answer in &firing.answers {
                let by_service = |version: &Version| self.services.contains(&version.registered_by);
                if self.version(answer.version).is_some_and(by_service) {
                    evidence.extend([firing.mark.entry, answer.entry]);
                }
            }
        }
        let sentence = format!(
            "Within {} days a pipeline registered a version in answer to a trigger that fired by itself.",
            self.policy.window_days
        );
        criterion(
            1,
            "automated_training",
            sentence,
            evidence,
            "Configure a schedule or drift, send the firing to the pipeline by webhook, and have it register the version with a service account's token.",
        )
    }

    /// The entries of a version's way to Production in a market, if a pipeline asked for every step of it.
    fn automated_way(&self, version: &Version, market: &Market) -> Option<Vec<u64>> {
        [Stage::Shadow, Stage::Canary, Stage::Production]
            .into_iter()
            .map(|stage| {
                version.requests.iter().find_map(|request| match &request.state {
                    RequestState::Granted { entry, .. }
                        if request.to == stage
                            && request.market.as_ref() == Some(market)
                            && self.services.contains(&request.requested_by) =>
                    {
                        Some(*entry)
                    }
                    _ => None,
                })
            })
            .collect()
    }

    fn promotion(&self) -> Criterion {
        let arrived = self.versions.iter().flat_map(|version| {
            let tracks = version.tracks.iter();
            tracks
                .filter(|(_, track)| track.stage == Stage::Production && self.in_window(track.since))
                .filter_map(|(market, _)| self.automated_way(version, market))
        });
        let evidence = arrived.flatten().collect();
        let sentence = format!(
            "Within {} days a version went through Shadow and Canary to Production, each step asked for by a pipeline and granted by the gates.",
            self.policy.window_days
        );
        criterion(
            2,
            "automated_promotion",
            sentence,
            evidence,
            "Have the pipeline ask for Shadow, Canary and Production with a service account's token as soon as the evidence is there.",
        )
    }

    fn monitoring(&self) -> Criterion {
        let oldest = self.now.plus_days(-i64::from(self.policy.monitored_days));
        let seen = self.triggers.and_then(|triggers| triggers.drift.as_ref()).filter(|seen| seen.mark.at >= oldest);
        let armed = self.triggers.is_some_and(|triggers| triggers.configuration.drift.is_some());
        let evidence = seen.filter(|_| armed).map(|seen| seen.mark.entry).into_iter().collect();
        let sentence =
            format!("Drift fires, and the features were looked at within {} days.", self.policy.monitored_days);
        criterion(
            3,
            "drift_monitoring",
            sentence,
            evidence,
            "Let drift fire and have a job tell the features' PSI every day.",
        )
    }

    fn healing(&self) -> Criterion {
        let mut evidence = Vec::new();
        let by_itself = |firing: &&Firing| matches!(firing.about.cause, Cause::Drift | Cause::Performance);
        for firing in self.firings().filter(by_itself) {
            for answer in &firing.answers {
                let Some(version) = self.version(answer.version) else { continue };
                for track in version.tracks.values().filter(|track| track.stage == Stage::Production) {
                    evidence.extend([firing.mark.entry, answer.entry, track.entry]);
                }
            }
        }
        let sentence = format!(
            "Within {} days drift or a lost metric led to a new version that reached Production.",
            self.policy.window_days
        );
        criterion(
            3,
            "self_healing",
            sentence,
            evidence,
            "Nothing more to set up: it is shown once a firing for drift or performance has been answered by a version in Production.",
        )
    }
}

/// A criterion that is met if there is any evidence.
fn criterion(level: u8, rule: &str, sentence: String, mut evidence: Vec<u64>, missing: &str) -> Criterion {
    evidence.sort_unstable_by(|a, b| b.cmp(a));
    evidence.dedup();
    evidence.truncate(MAX_EVIDENCE);
    let met = !evidence.is_empty();
    Criterion {
        level,
        rule: format!("maturity.{rule}"),
        sentence,
        met,
        evidence,
        missing: (!met).then(|| missing.to_owned()),
    }
}
