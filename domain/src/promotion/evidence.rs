//! What a gate asks of evidence: each path green for exactly these artifacts, each check shown, and the version not
//! worse than the champions in force.

use std::collections::BTreeSet;

use super::{CHAMPION_RULE, Question, Requirement, Topic};
use crate::{
    account::Role,
    evidence::{Check, Criteria, Evidence, EvidenceKind, EvidencePath, Verdict},
    id::Market,
    policy::Gate,
    registry::Champion,
};

/// Failures of one file that a requirement repeats; the evidence has all.
const NAMED: usize = 3;
/// Features that a requirement names.
const FEATURES_NAMED: usize = 10;

impl Question<'_> {
    /// The requirement of one path.
    pub(super) fn evidence(&self, gate: &Gate, path: EvidencePath) -> Requirement {
        let artifact = path.artifact();
        let mut details = Vec::new();
        let mut met = false;
        if artifact.value_in(&self.version.lineage).is_none() {
            details.push(format!("The lineage states no {}, so no evidence can be bound to it.", artifact.title()));
        } else {
            let mut latest = self.counting_evidence(path);
            // The comparison with the champion has its own requirement, which knows which champion serves.
            latest.retain(|e| !gate.champion || e.facts.kind != EvidenceKind::ChampionChallenger);
            let (current, outdated): (Vec<&Evidence>, Vec<&Evidence>) =
                latest.iter().partition(|e| self.is_judged_by_policy(e));
            let green = current.iter().any(|e| e.facts.verdict == Verdict::Green);
            if latest.is_empty() {
                details.push(self.nothing_counts(path));
            } else if !green && current.iter().all(|e| e.facts.verdict == Verdict::Neutral) && outdated.is_empty() {
                details.push(format!("The {path}-path evidence makes no claim that can be judged."));
            }
            details.extend(current.iter().filter(|e| e.facts.verdict == Verdict::Red).map(|e| failed(e)));
            details.extend(outdated.into_iter().map(outdated_sentence));
            if !latest.is_empty() {
                details.extend(self.unshown(gate, path, &current));
                details.extend(self.overlooked(gate, path, &current));
            }
            met = green && details.is_empty();
        }
        Requirement {
            rule: format!("evidence.{path}"),
            topic: Topic::Evidence,
            sentence: format!("Evidence of the {path} path is green for exactly this {}.", artifact.title()),
            met,
            details,
            supplier: Role::DataScientist,
            waivable_by: None,
        }
    }

    /// The checks of a path that the gate asks for, and whether green evidence that counts shows them now.
    pub fn checks(&self, gate: &Gate, path: EvidencePath) -> Vec<(Check, bool)> {
        let latest = self.counting_evidence(path);
        let shown = |check: Check| {
            latest
                .iter()
                .any(|e| self.is_judged_by_policy(e) && e.facts.verdict == Verdict::Green && self.shows(e, check))
                && self.unseen(check, latest.iter().copied().filter(|e| self.is_judged_by_policy(e))).is_empty()
        };
        gate.checks.iter().filter(|check| check.path() == path).map(|check| (*check, shown(*check))).collect()
    }

    /// The version is not worse than each champion in force where it is to serve.
    pub(super) fn champion(&self) -> Requirement {
        let mut details = Vec::new();
        let mut met = true;
        let rivals = self.rivals();
        if rivals.is_empty() {
            details.push(
                "No other version serves a market of this model yet; the thresholds of the model path decide."
                    .to_owned(),
            );
        }
        let comparisons: Vec<&Evidence> = self
            .counting_evidence(EvidencePath::Model)
            .into_iter()
            .filter(|e| e.facts.kind == EvidenceKind::ChampionChallenger)
            .collect();
        for (champion, markets) in rivals {
            let places = markets.iter().map(|market| market.as_str()).collect::<Vec<_>>().join(" and ");
            let with: Vec<&Evidence> = comparisons.iter().copied().filter(|e| names(e, champion)).collect();
            let current = latest_by_metric(with.iter().copied().filter(|e| self.is_judged_by_policy(e)));
            if with.is_empty() {
                met = false;
                let unnamed = comparisons.iter().filter(|e| is_unnamed(e)).count();
                let hint = if unnamed > 0 { " A file that names no champion does not count." } else { "" };
                details.push(format!(
                    "No comparison with version {}, the champion of {places}, is attached for these weights.{hint}",
                    champion.version
                ));
            } else if current.is_empty() {
                met = false;
                details.extend(with.first().map(|e| outdated_sentence(e)));
            }
            // The worst counts: what one metric shows, no file by another metric takes back.
            for evidence in current {
                if evidence.facts.verdict == Verdict::Green {
                    details.push(format!(
                        "Not worse than version {}, the champion of {places}: evidence {}.",
                        champion.version, evidence.number
                    ));
                    continue;
                }
                met = false;
                let reasons = &evidence.facts.failures;
                if reasons.is_empty() {
                    details.push(failed(evidence));
                }
                details.extend(reasons.iter().map(|reason| {
                    format!("Against version {}, the champion of {places}: {reason}.", champion.version)
                }));
            }
        }
        Requirement {
            rule: CHAMPION_RULE.into(),
            topic: Topic::Evidence,
            sentence: "On the same cases the version is not worse than the champion by more than the margin, overall and in each segment.".into(),
            met,
            details,
            supplier: Role::DataScientist,
            waivable_by: None,
        }
    }

    /// The champions, other than the version itself, of the market asked about, or of all markets of the model; each
    /// with the markets that it serves.
    fn rivals(&self) -> Vec<(&Champion, Vec<&Market>)> {
        let mut rivals: Vec<(&Champion, Vec<&Market>)> = Vec::new();
        for (market, champion) in &self.model.champions {
            if champion.version == self.version.id.number || self.market.is_some_and(|asked| asked != market) {
                continue;
            }
            match rivals.iter_mut().find(|(known, _)| known.version == champion.version) {
                Some((_, markets)) => markets.push(market),
                None => rivals.push((champion, vec![market])),
            }
        }
        rivals
    }

    /// Whether the thresholds that evidence was judged by are those in force; of rows, too, whether they were judged for
    /// the version's present stay in the stage.
    fn is_judged_by_policy(&self, evidence: &Evidence) -> bool {
        let Some(profile) = self.policy.policy.profiles.get(&self.model.profile) else { return false };
        let (Some(market), EvidenceKind::ShadowPairs | EvidenceKind::CanaryLog) =
            (&evidence.market, evidence.facts.kind)
        else {
            return profile.thresholds.judged(&evidence.facts, evidence.path);
        };
        let recorded = evidence.facts.criteria.as_ref();
        let entered = self.version.entered(evidence.path, market).or_else(|| recorded.and_then(Criteria::entered));
        Criteria::of_market(&self.policy.policy, profile, evidence.path, &self.version.id, market)
            .is_ok_and(|in_force| in_force.map(|criteria| criteria.since(entered)).as_ref() == recorded)
    }

    /// What is said of each check of a path that the gate asks for and no green or red evidence shows.
    fn unshown(&self, gate: &Gate, path: EvidencePath, current: &[&Evidence]) -> Vec<String> {
        let all_neutral = current.iter().all(|e| e.facts.verdict == Verdict::Neutral);
        let mut said = Vec::new();
        for check in gate.checks.iter().filter(|check| check.path() == path) {
            let showing: Vec<&&Evidence> = current.iter().filter(|e| self.shows(e, *check)).collect();
            match showing.first() {
                None => said.push(format!("The {path} path lacks {}.", check.title())),
                Some(first) if !all_neutral && showing.iter().all(|e| e.facts.verdict == Verdict::Neutral) => {
                    let (number, name) = (first.number, &first.file_name);
                    said.push(format!("Evidence {number} ({name}) is not judged: {}", first.facts.summary));
                }
                Some(_) => {}
            }
        }
        said
    }

    /// The features of the lineage at which no green evidence of the check looks, where policy asks for each of them.
    fn unseen<'e>(&self, check: Check, evidence: impl Iterator<Item = &'e Evidence>) -> Vec<&str> {
        let Some(profile) = self.policy.policy.profiles.get(&self.model.profile) else { return Vec::new() };
        let asked = match check {
            Check::Drift => profile.thresholds.drift.as_ref().is_some_and(|limits| limits.every_feature),
            Check::Expectations => profile.thresholds.expectations.is_some_and(|limits| limits.every_feature),
            _ => false,
        };
        if !asked {
            return Vec::new();
        }
        let showing = evidence.filter(|e| e.facts.verdict == Verdict::Green && self.shows(e, check));
        let seen: BTreeSet<&str> = showing.flat_map(|e| &e.facts.features).map(String::as_str).collect();
        let named = self.version.lineage.features.names.iter().map(String::as_str);
        named.filter(|name| !seen.contains(name)).collect()
    }

    /// What is said of each check of a path that is shown, and not of every feature.
    fn overlooked(&self, gate: &Gate, path: EvidencePath, current: &[&Evidence]) -> Vec<String> {
        let asked = gate.checks.iter().filter(|check| check.path() == path);
        let shown =
            asked.filter(|check| current.iter().any(|e| e.facts.verdict == Verdict::Green && self.shows(e, **check)));
        let told = shown.filter_map(|check| {
            let unseen = self.unseen(*check, current.iter().copied());
            let rest = unseen.len().saturating_sub(FEATURES_NAMED);
            let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
            let names = unseen.iter().take(FEATURES_NAMED).copied().collect::<Vec<_>>().join(", ");
            (!unseen.is_empty()).then(|| {
                format!(
                    "The evidence for {check} does not look at each feature of the lineage; missing: {names}{more}. Attach a file that names them as the lineage does."
                )
            })
        });
        told.collect()
    }

    /// Whether evidence shows what is asked. Where policy bounds metrics, only a file that holds metrics does; where it
    /// bounds statistics of drift, only a report that tells them column by column.
    fn shows(&self, evidence: &Evidence, check: Check) -> bool {
        let profile = self.policy.policy.profiles.get(&self.model.profile);
        let bounded = profile.is_some_and(|profile| profile.thresholds.evaluation.is_some());
        let holds_metrics = evidence.facts.kind == EvidenceKind::Evaluation;
        let by_column = profile
            .and_then(|profile| profile.thresholds.drift.as_ref())
            .is_some_and(|limits| !limits.bounds.is_empty());
        let tells_columns = !by_column || !evidence.facts.features.is_empty();
        evidence.facts.kind.shows(evidence.path) == Some(check)
            && (check != Check::Evaluation || !bounded || holds_metrics)
            && (check != Check::Drift || tells_columns)
    }

    fn nothing_counts(&self, path: EvidencePath) -> String {
        let elsewhere = self.version.evidence.iter().filter(|e| e.path == path).count();
        let place = if path.is_per_market() {
            self.market.map(|market| format!(" for {market}")).unwrap_or_default()
        } else {
            String::new()
        };
        if elsewhere == 0 {
            return format!("No {path}-path evidence{place} is attached.");
        }
        // The same label, and other data or another repository behind it.
        let other = self.version.evidence.iter().rev().find_map(|e| {
            let same = e.path == path && e.artifact().value_in(&self.version.lineage).as_ref() == Some(&e.bound_to);
            let changed = e.changed_in(&self.version.lineage);
            (same && !changed.is_empty()).then_some((e, changed))
        });
        if let Some((evidence, changed)) = other {
            return format!(
                "Evidence {} ({}) was made from another {}; evidence for another artifact does not count.",
                evidence.number,
                evidence.file_name,
                changed.join(", ")
            );
        }
        format!(
            "{elsewhere} attached, but none{place} of this {} within the last {} days.",
            path.artifact().title(),
            self.policy.policy.limits.evidence_days
        )
    }

    /// The latest evidence of each kind and file name on a path that speaks of the present artifacts and is fresh: its
    /// age counts from its making, so that attaching an old result anew does not make it young.
    fn counting_evidence(&self, path: EvidencePath) -> Vec<&Evidence> {
        let oldest = self.now.plus_days(-i64::from(self.policy.policy.limits.evidence_days));
        let mut latest: Vec<&Evidence> = Vec::new();
        for evidence in self.version.evidence.iter().rev() {
            let counts = evidence.path == path
                && evidence.speaks_of(&self.version.lineage)
                && evidence.produced_at.min(evidence.attached_at) >= oldest
                && (!path.is_per_market() || evidence.market.as_ref() == self.market);
            let superseded = latest.iter().any(|later| later.replaces(evidence));
            if counts && !superseded {
                latest.push(evidence);
            }
        }
        latest
    }
}

/// Whether a comparison is one with `champion`: by the digest of its weights, and by its number only where the ledger
/// does not know the digest.
fn names(evidence: &Evidence, champion: &Champion) -> bool {
    evidence.facts.compared.is_some_and(|compared| match champion.weights {
        Some(weights) => compared.weights == Some(weights) && compared.version.is_none_or(|v| v == champion.version),
        None => compared.version == Some(champion.version),
    })
}

/// The newest of each metric, of comparisons from the newest on.
fn latest_by_metric<'e>(newest_first: impl Iterator<Item = &'e Evidence>) -> Vec<&'e Evidence> {
    let mut latest: Vec<&Evidence> = Vec::new();
    for evidence in newest_first {
        if latest.iter().all(|later| later.facts.metric() != evidence.facts.metric()) {
            latest.push(evidence);
        }
    }
    latest
}

fn is_unnamed(evidence: &Evidence) -> bool {
    evidence.facts.compared.is_none_or(|compared| compared.weights.is_none() && compared.version.is_none())
}

fn failed(evidence: &Evidence) -> String {
    let failures = &evidence.facts.failures;
    let named = failures.iter().take(NAMED).map(|failure| format!("{}.", failure.trim_end_matches('.')));
    let summary = format!("Evidence {} ({}) failed: {}", evidence.number, evidence.file_name, evidence.facts.summary);
    let mut said: Vec<String> = std::iter::once(summary).chain(named).collect();
    if failures.len() > NAMED {
        said.push(format!("And {} more.", failures.len() - NAMED));
    }
    said.join(" ")
}

fn outdated_sentence(evidence: &Evidence) -> String {
    format!(
        "Evidence {} ({}) was judged by thresholds that policy has changed since{}; attach the file again.",
        evidence.number,
        evidence.file_name,
        if evidence.path.is_per_market() { ", or for an earlier stay in the stage" } else { "" }
    )
}
