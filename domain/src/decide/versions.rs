//! Models, versions, lineage, evidence, archiving.

use crate::{
    account::Role,
    canary,
    command::{AmendLineage, ArchiveVersion, AttachEvidence, RegisterModel, RegisterVersion},
    event::Event,
    evidence::{Check, Criteria, EvidenceKind},
    id::{Market, VersionId},
    refusal::{InputCheck, Missing, Refusal},
    registry::{Standing, Version},
    shadow,
    stage::Stage,
};

use super::Case;

/// Evidence files that one version may gather.
const MAX_EVIDENCE: usize = 500;

impl Case<'_> {
    pub(super) fn register_model(&self, body: &RegisterModel) -> Result<Vec<Event>, Refusal> {
        let policy = &self.policy()?.policy;
        let mut check = InputCheck::default();
        check.text("title", &body.title, 200).text("purpose", &body.purpose, 4_000);
        let profiles = policy.profiles.keys().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        check.holds(
            "profile",
            policy.profiles.contains_key(&body.profile),
            format!("The policy in force has no profile {}; it has {profiles}.", body.profile),
        );
        check.holds("markets", !body.markets.is_empty(), "Name at least one market.");
        let known = policy.markets.keys().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        for (index, market) in body.markets.iter().enumerate() {
            check.holds(
                "markets",
                policy.markets.contains_key(market),
                format!("The policy in force has no market {market}; it has {known}."),
            );
            check.holds("markets", !body.markets[..index].contains(market), format!("{market} is named twice."));
        }
        check.finish()?;
        if self.world.model.is_some() {
            return Err(Refusal::conflict(
                "model.unique",
                format!(
                    "A model named {} is registered already. Register a version of it, or choose another name.",
                    body.name
                ),
                Missing::field("name", "Another name, or a version of the model that has it."),
            ));
        }
        Ok(vec![Event::ModelRegistered {
            title: body.title.trim().to_owned(),
            purpose: body.purpose.trim().to_owned(),
            team: self.context.principal.team.clone(),
            tier: body.tier,
            profile: body.profile.clone(),
            markets: body.markets.clone(),
        }])
    }

    pub(super) fn register_version(&self, body: &RegisterVersion) -> Result<Vec<Event>, Refusal> {
        let model = self.living_model()?;
        InputCheck::default().optional_text("note", &body.note, 2_000).finish()?;
        if let Some(origin) = &body.origin {
            InputCheck::default()
                .text("origin.system", &origin.system, 50)
                .text("origin.reference", &origin.reference, 500)
                .finish()?;
            if let Some(known) = &self.world.same_origin {
                return Err(Refusal::conflict(
                    "version.origin_unique",
                    format!("{} was imported before, as {known}.", origin.reference),
                    Missing::field("origin", "Nothing need be done: it is imported."),
                ));
            }
        }
        body.lineage.check(Some(model.next_version))?;
        Ok(vec![Event::VersionRegistered {
            lineage: body.lineage.normalised(),
            note: body.note.trim().to_owned(),
            team: self.context.principal.team.clone(),
            origin: body.origin.clone(),
            prompt: self.prompt(body)?,
        }])
    }

    pub(super) fn amend_lineage(&self, id: &VersionId, body: &AmendLineage) -> Result<Vec<Event>, Refusal> {
        let version = self.version(id)?;
        InputCheck::default().text("reason", &body.reason, 2_000).finish()?;
        body.lineage.check(Some(id.number))?;
        if version.stage != Stage::None {
            return Err(Refusal::rule(
                "lineage.frozen",
                format!("{id} has left None, so its lineage is fixed. Register a new version with the right lineage."),
                Missing::from("version", "A new version with the right lineage.", Role::DataScientist),
            ));
        }
        let lineage = body.lineage.normalised();
        if lineage == version.lineage {
            return Err(Refusal::conflict(
                "lineage.changed",
                "This lineage is the one in force already.",
                Missing::field("lineage", "A lineage that differs from the one in force."),
            ));
        }
        Ok(vec![Event::LineageAmended { lineage, reason: body.reason.trim().to_owned() }])
    }

    pub(super) fn attach_evidence(&self, id: &VersionId, body: &AttachEvidence) -> Result<Vec<Event>, Refusal> {
        let model = self.model()?;
        let version = self.version(id)?;
        let mut check = InputCheck::default();
        check.text("file_name", &body.file_name, 200).text("producer", &body.producer, 200);
        self.check_reported(&mut check, "produced_at", body.produced_at);
        check.holds(
            "figures",
            body.facts.figures.iter().all(|figure| figure.value.is_finite()),
            "A figure of this file is not a finite number, which no ledger entry can hold.",
        );
        match (&body.market, body.path.is_per_market()) {
            (None, true) => {
                check.holds("market", false, format!("Evidence of the {} path needs its market.", body.path));
            }
            (Some(_), false) => {
                check.holds(
                    "market",
                    false,
                    format!("Evidence of the {} path is shared by all markets: leave the market out.", body.path),
                );
            }
            (Some(market), true) => {
                check.holds(
                    "market",
                    model.markets.contains(market),
                    format!("{} is not registered for {market}.", model.name),
                );
            }
            (None, false) => {}
        }
        check.finish()?;
        if version.stage == Stage::Archived {
            return Err(Refusal::rule(
                "stage.archived",
                format!("{id} is archived; nothing more is attached to it."),
                Missing::from("version", "Register a new version and attach it there.", Role::DataScientist),
            ));
        }
        if version.evidence.len() >= MAX_EVIDENCE {
            return Err(Refusal::rule(
                "evidence.count",
                format!("{id} holds {MAX_EVIDENCE} pieces of evidence; no more are kept."),
                Missing::from("version", "Register a new version and attach it there.", Role::DataScientist),
            ));
        }
        self.check_rows(body)?;
        let expected = bound_artifact(version, body)?;
        self.check_criteria(id, body)?;
        // The same file is judged anew only where policy has other thresholds by now.
        if let Some(known) = version.evidence.iter().find(|e| {
            e.file == body.file
                && e.path == body.path
                && e.bound_to == expected
                && e.speaks_of(&version.lineage)
                && e.market == body.market
                && e.facts.criteria == body.facts.criteria
        }) {
            return Err(Refusal::conflict(
                "evidence.unique",
                format!("The same file is attached already, as evidence {} (entry {}).", known.number, known.entry),
                Missing::field("file", "Nothing need be done, or another file."),
            ));
        }
        let made_from = body.facts.kind.made_from(body.path, &version.lineage);
        Ok(vec![Event::EvidenceAttached(Box::new(AttachEvidence { made_from, ..body.clone() }))])
    }

    /// Refuses a summary where a gate of the model's profile asks for the rows themselves: whoever writes a summary writes
    /// its figures and what they are held against.
    fn check_rows(&self, body: &AttachEvidence) -> Result<(), Refusal> {
        let kind = body.facts.kind;
        if !kind.paths().contains(&body.path) {
            let natural = kind.paths().iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ");
            return Err(Refusal::rule(
                "evidence.path",
                format!("A file of this kind ({}) belongs on the {natural} path, not on {}.", kind.title(), body.path),
                Missing::field("path", format!("The path {natural}.")),
            ));
        }
        let profile = self.policy()?.policy.profiles.get(&self.model()?.profile);
        let (Some(check), Some(profile)) = (Check::by_rows(body.path), profile) else { return Ok(()) };
        if kind.shows(body.path) == Some(check) || !profile.asks(check) {
            return Ok(());
        }
        let columns = match check {
            Check::Canary => &canary::COLUMNS[..],
            _ => &shadow::COLUMNS[..],
        };
        let required = columns.iter().filter(|column| column.required).map(|column| column.name);
        Err(Refusal::rule(
            "evidence.rows",
            format!(
                "{} states its own figures; policy asks on the {} path for the rows that they are computed from.",
                kind.title(),
                body.path
            ),
            vec![Missing::from(
                "file",
                format!("Attach {}, with the columns {}.", check.title(), required.collect::<Vec<_>>().join(", ")),
                Role::DataScientist,
            )],
        ))
    }

    /// What policy judges was judged by the thresholds in force now.
    fn check_criteria(&self, id: &VersionId, body: &AttachEvidence) -> Result<(), Refusal> {
        let is_current = if matches!(body.facts.kind, EvidenceKind::ShadowPairs | EvidenceKind::CanaryLog) {
            self.is_judged_for_market(id, body)?
        } else {
            let profile = self.policy()?.policy.profiles.get(&self.model()?.profile);
            profile.is_none_or(|profile| profile.thresholds.judged(&body.facts, body.path))
        };
        if is_current {
            return Ok(());
        }
        Err(Refusal::conflict(
            "evidence.criteria",
            "The policy changed while this file was judged. Nothing was attached: send it again.",
            Missing::field("criteria", "Send the file again; it is judged by the policy in force."),
        ))
    }

    /// Whether a file with rows was judged by the market's thresholds in force now, for the stage that the version is in.
    fn is_judged_for_market(&self, id: &VersionId, body: &AttachEvidence) -> Result<bool, Refusal> {
        let policy = &self.policy()?.policy;
        let version = self.version(id)?;
        let entered = body.market.as_ref().and_then(|market| version.entered(body.path, market));
        if entered.is_none() {
            return Err(Refusal::rule(
                "evidence.stage",
                format!(
                    "{id} is not in the {} stage there, so no request can be of that trial. Promote it first.",
                    body.path
                ),
                Missing::from("stage", format!("The version in {} there.", body.path), Role::DataScientist),
            ));
        }
        let name = &self.model()?.profile;
        let in_force = match (&body.market, policy.profiles.get(name)) {
            (Some(market), Some(profile)) => Criteria::of_market(policy, profile, body.path, id, market),
            _ => Ok(None),
        };
        if in_force == Ok(None) {
            let section = format!("profiles.{name}.thresholds.{}", body.path);
            let adopt =
                Missing::from(section.as_str(), format!("Adopt a policy with [{section}]."), Role::Administrator);
            return Err(Refusal::rule("policy.thresholds", Criteria::missing_for(name, body.path), adopt));
        }
        let in_force = in_force.map(|criteria| criteria.map(|criteria| criteria.since(entered)));
        Ok(in_force.is_ok_and(|criteria| criteria.is_some() && criteria == body.facts.criteria))
    }

    pub(super) fn archive_version(&self, id: &VersionId, body: &ArchiveVersion) -> Result<Vec<Event>, Refusal> {
        let model = self.model()?;
        let version = self.version(id)?;
        InputCheck::default().text("reason", &body.reason, 2_000).finish()?;
        if version.stage == Stage::Archived {
            return Err(Refusal::conflict(
                "stage.archived",
                format!("{id} is archived already."),
                Missing::field("version", "Nothing need be done: it is archived."),
            ));
        }
        self.check_own_side(version, None, "archive it")?;
        for market in &model.markets {
            match model.standing(id.number, market) {
                Standing::RollingOut => {
                    return Err(Refusal::rule(
                        "rollout.ended",
                        format!("{id} answers users of {market} on its way in. Roll it back there first."),
                        Missing::from("rollback", format!("Roll {id} back in {market} first."), Role::DataScientist),
                    ));
                }
                Standing::Champion => {
                    return Err(Refusal::rule(
                        "champion.kept",
                        format!(
                            "{id} serves {market}. Promote another version to Production there first; a champion is never archived."
                        ),
                        Missing::from(
                            "champion",
                            format!("Another version in Production in {market}; or retire the model."),
                            Role::DataScientist,
                        ),
                    ));
                }
                Standing::WarmStandby => {
                    if let Some(standby) = model.standbys.get(market).filter(|standby| standby.until > self.context.now)
                    {
                        return Err(Refusal::rule(
                            "standby.kept",
                            format!(
                                "{id} is the warm standby of {market} until {}; it is the way back and is kept till then.",
                                standby.until
                            ),
                            Missing::field(
                                "standby",
                                format!("Wait until {}: then it is released by itself.", standby.until.minute()),
                            ),
                        ));
                    }
                }
                Standing::Other => {}
            }
        }
        let seen = |market: &&Market| {
            self.world.deployments.get(*market).is_some_and(|deployment| {
                let shadow = deployment.shadows.iter().any(|shadow| shadow.version == id.number);
                shadow || deployment.standby.as_ref().is_some_and(|standby| standby.artifact.version == id.number)
            })
        };
        let markets = model.markets.iter().filter(seen).cloned().collect();
        Ok(vec![Event::VersionArchived { reason: body.reason.trim().to_owned(), markets }])
    }
}

/// The artifact that evidence must speak of, if the lineage states it and the file speaks of no other.
fn bound_artifact(version: &Version, body: &AttachEvidence) -> Result<String, Refusal> {
    let id = &version.id;
    let artifact = body.facts.kind.artifact(body.path);
    let Some(expected) = artifact.value_in(&version.lineage) else {
        return Err(Refusal::rule(
            "evidence.binding",
            format!("The lineage of {id} states no {}, so evidence cannot be bound to it.", artifact.title()),
            vec![Missing::from(
                format!("lineage ({})", artifact.title()),
                format!("Amend the lineage with the {} first.", artifact.title()),
                Role::DataScientist,
            )],
        ));
    };
    for value in [Some(&body.bound_to), body.names.as_ref()].into_iter().flatten() {
        if *value != expected {
            let shown: String = value.chars().take(80).collect();
            return Err(Refusal::rule(
                "evidence.binding",
                format!(
                    "This evidence speaks of {} {shown}, but {id} was made from {expected}. Evidence for another artifact does not count.",
                    artifact.title()
                ),
                bound_elsewhere(artifact.title()),
            ));
        }
    }
    for claim in &body.claims {
        let stated = claim.artifact.value_in(&version.lineage);
        if !stated.as_ref().is_some_and(|stated| claim.any_of.contains(stated)) {
            return Err(Refusal::rule(
                "evidence.binding",
                format!(
                    "This file speaks of {} {}, but the lineage of {id} states {}. Evidence for another artifact does not count.",
                    claim.artifact.title(),
                    claim
                        .any_of
                        .iter()
                        .map(|value| value.chars().take(80).collect::<String>())
                        .take(3)
                        .collect::<Vec<_>>()
                        .join(" or "),
                    stated.as_deref().unwrap_or("none"),
                ),
                bound_elsewhere(claim.artifact.title()),
            ));
        }
    }
    Ok(expected)
}

fn bound_elsewhere(artifact: &str) -> Vec<Missing> {
    let message = format!("Evidence that was made from this version\u{2019}s {artifact}.");
    Missing::of("evidence", &message, [Role::DataScientist, Role::Service])
}
