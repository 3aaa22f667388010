//! Validation reports and findings.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    access::Action,
    account::{Account, Role},
    command::{FindingNote, RaiseFinding, RecordReport},
    event::Event,
    id::VersionId,
    materiality::Materiality,
    refusal::{InputCheck, Missing, Refusal},
    registry::Version,
    stage::Stage,
    validation::{self, Depth, Finding, Reopened, Section, unwritten},
};

use super::{Case, four_eyes::Part};

/// Findings that one version may gather.
const MAX_FINDINGS: usize = 200;

/// Whether somebody can be given a finding to mend.
fn can_mend(owner: &Account) -> bool {
    !owner.disabled && Action::RemediateFinding.roles().iter().any(|role| owner.roles.contains(role))
}

impl Case<'_> {
    /// Validation is not done by whoever registered the version, nor for an archived one.
    pub(super) fn check_validator(&self, version: &Version) -> Result<(), Refusal> {
        if version.stage == Stage::Archived {
            return Err(Refusal::rule(
                "stage.archived",
                format!("{} is archived; it is validated no more.", version.id),
                Missing::from("version", "Register a new version and walk it from the start.", Role::DataScientist),
            ));
        }
        if version.developers.contains(self.actor()) {
            return Err(Refusal::forbidden(
                "validation.independent",
                "You registered this version or amended its lineage; somebody independent of its development validates it.",
                Missing::from("validator", "A validator who did not build the version.", Role::MrmValidator),
            ));
        }
        self.check_independence(version)
    }

    pub(super) fn record_report(&self, id: &VersionId, body: &RecordReport) -> Result<Vec<Event>, Refusal> {
        let version = self.version(id)?;
        let mut check = InputCheck::default();
        let wanted = self.sections_wanted(version)?;
        for section in Section::ALL {
            let text = body.sections.get(&section).map_or("", String::as_str);
            if wanted.contains(&section) {
                check.text(section.id(), text, 5_000);
            } else {
                check.optional_text(section.id(), text, 5_000);
            }
        }
        if let Err(refusal) = check.finish() {
            return Err(match self.why_not_abbreviated(version, &body.sections, &wanted)? {
                Some(message) => Refusal { message, ..refusal },
                None => refusal,
            });
        }
        self.check_validator(version)?;
        self.check_part(version, Part::Author)?;
        Ok(vec![Event::ReportRecorded {
            depth: Some(validation::depth_of(&body.sections)),
            sections: body.sections.clone(),
            outcome: body.outcome,
        }])
    }

    fn sections_wanted(&self, version: &Version) -> Result<BTreeSet<Section>, Refusal> {
        validation::sections_wanted(version, |request| {
            Ok(self.question(version, request.to, request.market.as_ref())?.sections())
        })
    }

    /// Where the report would do on the abbreviated track: why it is not taken, and how that is mended.
    fn why_not_abbreviated(
        &self,
        version: &Version,
        written: &BTreeMap<Section, String>,
        wanted: &BTreeSet<Section>,
    ) -> Result<Option<String>, Refusal> {
        let Some(rules) = self.materiality_rules()? else { return Ok(None) };
        let tier = self.model()?.judged_tier();
        let would_do = unwritten(written, &rules.abbreviated_sections).is_empty()
            && !unwritten(written, wanted).is_empty()
            && rules.depth(tier, Materiality::NonMaterial) == Depth::Abbreviated;
        if !would_do {
            return Ok(None);
        }
        let open = version.requests.iter().rev().filter(|request| request.is_open());
        let mut asked = open.chain(version.requests.last());
        let full = asked.find(|request| {
            let question = self.question(version, request.to, request.market.as_ref());
            question.is_ok_and(|question| question.depth() == Depth::Full)
        });
        Ok(Some(match full {
            None => "Before promotion is asked for, a report holds every section: how material the change is, is judged with the request. Ask for promotion first; if the change is judged to be non-material, these sections are enough. Or write the others, too.".to_owned(),
            Some(request) => {
                let place = request.market.as_ref().map(|market| format!(" in {market}")).unwrap_or_default();
                format!(
                    "Request {} to {}{place} counts as material, so its report holds every section. Write the others, too; or an MRM validator who had no part in it lowers the materiality, with a reason.",
                    request.number, request.to
                )
            }
        }))
    }

    pub(super) fn raise_finding(&self, id: &VersionId, body: &RaiseFinding) -> Result<Vec<Event>, Refusal> {
        let version = self.version(id)?;
        InputCheck::default()
            .text("title", &body.title, 200)
            .text("description", &body.description, 4_000)
            .holds(
                "owner",
                body.owner.is_none() || self.world.account.as_ref().is_some_and(|owner| can_mend(owner)),
                "The owner is no active account that may record what was mended; choose a data scientist.",
            )
            .holds("due_at", body.due_at > self.context.now, "due_at must lie in the future.")
            .finish()?;
        self.check_validator(version)?;
        if version.findings.len() >= MAX_FINDINGS {
            return Err(Refusal::rule(
                "finding.count",
                format!("{id} holds {MAX_FINDINGS} findings; no more are kept."),
                Missing::from(
                    "version",
                    "Register a new version: this one has too much against it.",
                    Role::DataScientist,
                ),
            ));
        }
        Ok(vec![Event::FindingRaised {
            finding: version.findings.iter().map(|finding| finding.number).max().unwrap_or(0) + 1,
            severity: body.severity,
            title: body.title.trim().to_owned(),
            description: body.description.trim().to_owned(),
            owner: body.owner.clone().unwrap_or_else(|| version.registered_by.clone()),
            due_at: body.due_at,
        }])
    }

    pub(super) fn reopen_finding(
        &self,
        id: &VersionId,
        number: u32,
        body: &FindingNote,
    ) -> Result<Vec<Event>, Refusal> {
        let version = self.version(id)?;
        InputCheck::default().text("note", &body.note, 4_000).finish()?;
        let finding = version.finding(number).ok_or_else(|| {
            Refusal::not_found(
                format!("{id} has no finding {number}."),
                Missing::field("finding", "Name a finding of this version."),
            )
        })?;
        self.check_validator(version)?;
        if finding.is_open() {
            return Err(Refusal::conflict(
                "finding.closed",
                format!("Finding {number} is open."),
                Missing::field("finding", "Nothing need be done: the finding is open."),
            ));
        }
        if finding.remediation.as_ref().is_some_and(|remediation| remediation.by == *self.actor()) {
            return Err(Refusal::forbidden(
                "finding.verified_by_another",
                "You mended this finding; somebody else judges whether it is mended.",
                Missing::from("validator", "A validator who did not mend it.", Role::MrmValidator),
            ));
        }
        Ok(vec![Event::FindingReopened(Reopened { finding: number, reason: body.note.trim().to_owned() })])
    }

    pub(super) fn open_finding(version: &Version, number: u32) -> Result<&Finding, Refusal> {
        let finding = version.finding(number).ok_or_else(|| {
            Refusal::not_found(
                format!("{} has no finding {number}.", version.id),
                Missing::field("finding", "Name a finding of this version."),
            )
        })?;
        if finding.is_open() {
            Ok(finding)
        } else {
            Err(Refusal::conflict(
                "finding.open",
                format!("Finding {number} is closed already."),
                Missing::field("finding", "Nothing need be done, or reopen the finding."),
            ))
        }
    }

    pub(super) fn remediate_finding(
        &self,
        id: &VersionId,
        number: u32,
        body: &FindingNote,
    ) -> Result<Vec<Event>, Refusal> {
        let version = self.version(id)?;
        InputCheck::default().text("note", &body.note, 4_000).finish()?;
        let finding = Self::open_finding(version, number)?;
        if finding.owner != *self.actor() && !version.developers.contains(self.actor()) {
            return Err(Refusal::forbidden(
                "finding.owner",
                format!("Finding {number} is another's to mend: its owner, or who built {id}, records what was done."),
                vec![Missing::from("remediation", "The owner of the finding mends it.", Role::DataScientist)],
            ));
        }
        Ok(vec![Event::FindingRemediated { finding: number, note: body.note.trim().to_owned() }])
    }

    pub(super) fn close_finding(&self, id: &VersionId, number: u32, body: &FindingNote) -> Result<Vec<Event>, Refusal> {
        let version = self.version(id)?;
        InputCheck::default().text("note", &body.note, 4_000).finish()?;
        let finding = Self::open_finding(version, number)?;
        self.check_validator(version)?;
        let Some(remediation) = &finding.remediation else {
            return Err(Refusal::rule(
                "finding.remediated",
                format!("Finding {number} is not mended yet; its owner first records what was done."),
                Missing::from(
                    "remediation",
                    "The finding\u{2019}s owner, or who built the version, records what was done.",
                    Role::DataScientist,
                ),
            ));
        };
        if remediation.by == *self.actor() || finding.owner == *self.actor() {
            return Err(Refusal::forbidden(
                "finding.verified_by_another",
                "You mended this finding, or it was yours to mend; somebody else verifies and closes it.",
                Missing::from("validator", "A validator who neither owns nor mended it.", Role::MrmValidator),
            ));
        }
        Ok(vec![Event::FindingClosed { finding: number, note: body.note.trim().to_owned() }])
    }
}
