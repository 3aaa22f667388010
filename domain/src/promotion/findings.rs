//! No grave finding stays open: which ones block, who acts on each next, and what a waiver covers for a time.

use super::{Question, Requirement, Topic};
use crate::{
    account::Role,
    validation::{Finding, Severity},
    waiver::{Covers, Waiver},
};

impl Question<'_> {
    /// The requirement that no finding of `limit` or above is open.
    pub(super) fn findings(&self, limit: Severity) -> Requirement {
        let open = self.version.findings.iter().filter(|finding| finding.is_open() && finding.severity >= limit);
        let (covered, blocking): (Vec<_>, Vec<_>) = open
            .map(|finding| (finding, self.version.waived(&Covers::Finding(finding.number), self.market, self.now)))
            .partition(|(_, waiver)| waiver.is_some());
        let told = |(finding, waiver): (&Finding, Option<&Waiver>)| match waiver {
            Some(waiver) => format!("Finding {}: {}", finding.number, waiver.sentence()),
            None => format!(
                "Finding {} ({}, {}): {}{} {}",
                finding.number,
                finding.severity.id(),
                finding.state(),
                finding.title,
                if finding.title.ends_with(['.', '!', '?']) { "" } else { "." },
                match finding.remediation {
                    None => "Its owner mends it next.",
                    Some(_) => "It is mended; another MRM validator verifies it next.",
                }
            ),
        };
        // Who acts next: a finding that nobody has mended waits for its side, not for the validators.
        let unmended = blocking.iter().any(|(finding, _)| finding.remediation.is_none());
        let met = blocking.is_empty();
        Requirement {
            rule: "findings.closed".into(),
            topic: Topic::Findings,
            sentence: format!("No finding of severity {} or above is open.", limit.id()),
            met,
            details: if met { covered } else { blocking }.into_iter().map(told).collect(),
            supplier: if unmended { Role::DataScientist } else { Role::MrmValidator },
            waivable_by: self.waivers().map(|rules| rules.approver).filter(|_| !met),
        }
    }
}
