//! What was decided and on what grounds: gates, validation, requests, signatures, timeline, and the outcome in short.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    Event, Market, Stage,
    approval::{self, Act, Package},
    promotion::{self, Request, RequestState, Topic},
    validation::{self as validated, Outcome, Severity},
};
use ledger::Digest;

use super::{
    attention, bad, capitalised, good, neutral,
    reading::{MAX_REQUESTS, MAX_TIMELINE, Reading, Sealed},
};
use crate::report::dossier::{
    Decision, Finding, Gate, Input, Missing, PromotionRequest, Requirement, Section, Signature, Status, TimelineEntry,
    Validation,
};

impl Reading {
    pub(super) fn gates(&self) -> Vec<Gate> {
        self.transitions.iter().filter_map(|sealed| self.gate(sealed)).collect()
    }

    fn gate(&self, sealed: &Sealed) -> Option<Gate> {
        let Event::StageTransitioned { from, to, market, package, policy, .. } = &sealed.recorded.event else {
            return None;
        };
        let entry = sealed.recorded.seq;
        let known = self.policy_at(*policy, entry);
        Some(Gate {
            name: format!("{from} → {to}"),
            market: market.as_ref().map(Market::to_string),
            verdict: good("Passed"),
            policy: known.map_or_else(
                || "not known to this program".to_owned(),
                |known| format!("{}, version {}, adopted by entry {}", known.policy.title, known.version, known.entry),
            ),
            time: sealed.recorded.time,
            entry,
            rules: self.rules_checked(sealed),
            figures: Vec::new(),
            inputs: [("Package", *package), ("Policy text", *policy)]
                .map(|(name, digest)| Input { name: name.to_owned(), digest })
                .into(),
        })
    }

    /// The rules that a transition found to hold, in the words of the policy that was in force then.
    fn rules_checked(&self, sealed: &Sealed) -> Vec<Requirement> {
        let Event::StageTransitioned { request, from, to, market, policy, requirements, .. } = &sealed.recorded.event
        else {
            return Vec::new();
        };
        let entry = sealed.recorded.seq;
        let policy = self.policy_at(*policy, entry);
        let worded = policy
            .and_then(|policy| self.question(*to, market.as_ref(), policy).requirements().ok())
            .unwrap_or_default();
        requirements
            .iter()
            .map(|rule| {
                let sentence = worded.iter().find(|worded| worded.rule == *rule).map(|worded| worded.sentence.clone());
                let text = match (rule.as_str(), market) {
                    ("stage.minimum_time", Some(market)) => {
                        let rules = policy.and_then(|policy| policy.policy.markets.get(market));
                        let days = rules.map(|rules| match to {
                            Stage::Canary => rules.min_shadow_days,
                            _ => rules.min_canary_days,
                        });
                        days.map(|days| format!("At least {days} days were spent in {from} in {market}."))
                    }
                    _ => sentence,
                };
                let signature = self.shelf.version.sign_offs.iter().rev().find(|signature| {
                    signature.request == *request && rule.strip_prefix("sign_off.") == Some(signature.role.id())
                });
                let by = signature.map_or_else(
                    || format!("Checked by entry {entry}"),
                    |signature| format!("Signed by {}, entry {}", self.name(&signature.signer), signature.entry),
                );
                Requirement { text: text.unwrap_or_else(|| rule.clone()), status: good("Met"), by }
            })
            .collect()
    }

    pub(super) fn validations(&self) -> Vec<Validation> {
        let mut reports: Vec<Validation> = self.reports.iter().filter_map(|sealed| self.report(sealed)).collect();
        let findings: Vec<Finding> = self.shelf.version.findings.iter().map(|finding| self.finding(finding)).collect();
        match reports.first_mut() {
            Some(latest) => latest.findings = findings,
            None if findings.is_empty() => {}
            // Findings may come before the report.
            None => reports.push(Validation {
                title: "Validation without a report so far".to_owned(),
                scope: String::new(),
                validator: String::new(),
                team: String::new(),
                outcome: neutral("Open"),
                submitted_at: None,
                digest: None,
                sections: Vec::new(),
                findings,
            }),
        }
        reports
    }

    /// A report; one that another has replaced without its text, which stays in its entry.
    fn report(&self, sealed: &Sealed) -> Option<Validation> {
        let Event::ReportRecorded { sections, outcome, .. } = &sealed.recorded.event else { return None };
        let author = &sealed.recorded.actor;
        let entry = sealed.recorded.seq;
        let in_force = self.shelf.version.report.as_ref().is_some_and(|report| report.entry == entry);
        Some(Validation {
            title: if in_force {
                format!("Report of entry {entry}")
            } else {
                format!("Report of entry {entry}, replaced by a later one; its text is in that entry")
            },
            scope: String::new(),
            validator: self.name(author),
            team: self.teams.get(author).cloned().unwrap_or_default(),
            outcome: match outcome {
                Outcome::Approved => good(outcome.title()),
                Outcome::ApprovedWithConditions => attention(outcome.title()),
                Outcome::Rejected => bad(outcome.title()),
            },
            submitted_at: Some(sealed.recorded.time),
            digest: Some(sealed.hash),
            sections: sections
                .iter()
                .filter(|_| in_force)
                .map(|(section, text)| Section { title: section.title().to_owned(), text: text.clone() })
                .collect(),
            findings: Vec::new(),
        })
    }

    fn finding(&self, finding: &validated::Finding) -> Finding {
        let overdue = finding.is_open() && finding.due_at < self.head.time;
        let entry = |place: Option<&u64>| place.map(|entry| format!(" (entry {entry})")).unwrap_or_default();
        let severity = capitalised(finding.severity.id());
        Finding {
            id: format!("F-{}", finding.number),
            title: finding.title.clone(),
            description: format!(
                "{}\nRaised by {} on {}{}.",
                finding.description,
                self.name(&finding.raised_by),
                finding.raised_at.date(),
                entry(finding.entries.first())
            ),
            severity: match finding.severity {
                Severity::Critical | Severity::High => bad(severity),
                Severity::Medium => attention(severity),
                Severity::Low => neutral(severity),
            },
            owner: self.name(&finding.owner),
            due: Some(finding.due_at),
            status: match (finding.is_open(), overdue) {
                (false, _) => good("Closed"),
                (true, true) => bad("Overdue"),
                (true, false) => attention(capitalised(finding.state())),
            },
            remediation: finding
                .remediation
                .as_ref()
                .map(|done| format!("{}\nBy {} on {}.", done.note, self.name(&done.by), done.at.date()))
                .unwrap_or_default(),
            closure: finding
                .closure
                .as_ref()
                .map(|closed| {
                    let place = entry(finding.entries.last());
                    format!("{}\nVerified by {} on {}{place}.", closed.note, self.name(&closed.by), closed.at.date())
                })
                .unwrap_or_default(),
        }
    }

    pub(super) fn requests(&self) -> Vec<PromotionRequest> {
        self.shelf.version.requests.iter().rev().take(MAX_REQUESTS).map(|request| self.request(request)).collect()
    }

    fn request(&self, request: &Request) -> PromotionRequest {
        let question = self.question_of(request);
        let transition = self.transition_of(request.number);
        let (package, requirements) = match (&request.state, transition.map(|sealed| &sealed.recorded.event)) {
            (RequestState::Open, _) => {
                let requirements = question.requirements().unwrap_or_default();
                let checklist = requirements.iter().map(|requirement| self.requirement(requirement)).collect();
                (Some(Package::of(&question).digest()), Some(checklist))
            }
            (_, Some(Event::StageTransitioned { package, .. })) => {
                (Some(*package), transition.map(|sealed| self.rules_checked(sealed)))
            }
            _ => (None, None),
        };
        PromotionRequest {
            entry: request.entry,
            step: format!("{}, request {}", step(request.to), request.number),
            market: request.market.as_ref().map(Market::to_string),
            requested_by: self.name(&request.requested_by),
            requested_at: request.requested_at,
            reason: request.note.clone(),
            status: match &request.state {
                RequestState::Open if request.due_at < self.head.time => attention("Overdue"),
                RequestState::Open => attention("Open"),
                RequestState::Granted { .. } => good("Granted"),
                RequestState::Declined { .. } => bad("Declined"),
                RequestState::Withdrawn { .. } => neutral("Withdrawn"),
            },
            outcome: self.outcome(request),
            package,
            requirements,
        }
    }

    /// What became of a request, in a sentence; empty while it is open.
    fn outcome(&self, request: &Request) -> String {
        match &request.state {
            RequestState::Open => String::new(),
            RequestState::Granted { at, entry } => {
                let signers = self.signers(request);
                let signed = if signers.is_empty() {
                    "The gate asked for no signature.".to_owned()
                } else {
                    format!("Signed by {}.", signers.join(" and "))
                };
                format!("Granted on {} by entry {entry}. {signed}", at.date())
            }
            RequestState::Declined { at, by, reason, entry } => {
                format!("Declined by {} on {} (entry {entry}): {reason}", self.name(by), at.date())
            }
            RequestState::Withdrawn { at, by, entry } => {
                format!("Withdrawn by {} on {} (entry {entry}).", self.name(by), at.date())
            }
        }
    }

    /// Name and role of those whose latest signature on a request counts, in the order of signing.
    fn signers(&self, request: &Request) -> Vec<String> {
        let signatures = self.shelf.version.sign_offs.iter();
        let acts = self.shelf.version.acts();
        let replaced: Vec<u64> = acts.iter().filter(|act| act.replaced_by.is_some()).map(|act| act.entry).collect();
        let votes = request
            .committee
            .iter()
            .flat_map(|committee| committee.votes.iter().filter(|vote| committee.vote_of(&vote.member) == Some(vote)));
        signatures
            .filter(|signature| signature.request == request.number && !replaced.contains(&signature.entry))
            .map(|signature| format!("{} ({})", self.name(&signature.signer), signature.role))
            .chain(votes.map(|vote| {
                format!("{} (Risk committee, {}, entry {})", self.name(&vote.member), vote.voice.id(), vote.entry)
            }))
            .collect()
    }

    fn requirement(&self, requirement: &promotion::Requirement) -> Requirement {
        let details = requirement.details.join(" ");
        let by = match (requirement.met, requirement.topic) {
            (false, Topic::Time | Topic::SignOff | Topic::Committee | Topic::Approval) => details,
            (false, _) => format!("{} {details}", requirement.who()),
            (true, _) if !details.is_empty() => details,
            (true, Topic::Lineage) => "Section 2".to_owned(),
            (true, Topic::Evidence) => "Section 3".to_owned(),
            (true, Topic::Validation) => {
                let report = self.shelf.version.report.as_ref();
                report.map(|report| format!("Report of entry {}", report.entry)).unwrap_or_default()
            }
            (true, Topic::Findings) => "Section 4".to_owned(),
            (true, Topic::Time | Topic::SignOff | Topic::Committee | Topic::Approval | Topic::Privacy) => String::new(),
        };
        let status = if requirement.met { good("Met") } else { attention("Missing") };
        Requirement { text: requirement.sentence.clone(), status, by }
    }

    /// Signatures, votes of the committee and approvals of the drift that the version was trained on, oldest first.
    pub(super) fn signatures(&self) -> Vec<Signature> {
        self.shelf.version.acts().iter().map(|act| self.signature(act)).collect()
    }

    fn signature(&self, act: &Act<'_>) -> Signature {
        let request = act.request.and_then(|number| self.shelf.version.request(number));
        let subject = match (request, act.request, act.market) {
            (Some(request), ..) => {
                format!("{}{}, request {}", step(request.to), place(request.market.as_ref()), request.number)
            }
            (None, Some(number), _) => format!("Request {number}"),
            (None, None, market) => format!("The drift behind its training{}", place(market)),
        };
        let (state, changed) = self.state(act, request);
        Signature {
            printed_name: self.name(act.by),
            role: act.role.title().to_owned(),
            time: act.at,
            meaning: act.meaning.clone(),
            comment: act.comment.to_owned(),
            subject,
            package: act.package.map(|(package, _)| *package),
            entry: act.entry,
            state,
            changed: changed.iter().map(|part| capitalised(part)).collect(),
        }
    }

    /// How a signature or vote stands, and which parts of the package differ from what was signed.
    fn state(&self, act: &Act<'_>, request: Option<&Request>) -> (Status, Vec<String>) {
        let acts = self.shelf.version.acts();
        let later = act.replaced_by.and_then(|entry| acts.iter().find(|other| other.entry == entry)?.package);
        if let (Some((_, before)), Some((_, after))) = (act.package, later) {
            return (neutral("Superseded"), differing(before, after));
        }
        let (Some(request), Some((package, parts))) = (request, act.package) else {
            return (neutral("Recorded"), Vec::new());
        };
        match &request.state {
            RequestState::Open => {
                let changed = approval::changed_parts(parts, &Package::of(&self.question_of(request)));
                (if changed.is_empty() { good("Current") } else { attention("Stale") }, changed)
            }
            RequestState::Granted { .. } => {
                let granted = self.transition_of(request.number).map(|sealed| &sealed.recorded.event);
                let covers = matches!(granted, Some(Event::StageTransitioned { package: of, .. }) if of == package);
                let state = if covers { good("As granted") } else { attention("Not of the package granted") };
                (state, Vec::new())
            }
            RequestState::Declined { .. } => (neutral("Request declined"), Vec::new()),
            RequestState::Withdrawn { .. } => (neutral("Request withdrawn"), Vec::new()),
        }
    }

    pub(super) fn decision(&self) -> Decision {
        let mut missing = Vec::new();
        for step in self.next_steps() {
            let goal = format!("{}{}", step.to, place(step.market));
            if let Err(refusal) = &step.requirements {
                missing.push(Missing {
                    what: format!("{goal}: {}", refusal.message),
                    rule: refusal.rule.clone(),
                    who: domain::account::Role::Administrator.title().to_owned(),
                });
            }
            for requirement in step.unmet() {
                let details = match requirement.details.as_slice() {
                    [] => std::slice::from_ref(&requirement.sentence),
                    details => details,
                };
                missing.extend(details.iter().map(|detail| Missing {
                    what: format!("{goal}: {detail}"),
                    rule: requirement.rule.clone(),
                    who: match requirement.topic {
                        Topic::Time => "Nobody; time passes".to_owned(),
                        _ => requirement.supplier.title().to_owned(),
                    },
                }));
            }
        }
        let (outcome, summary) = self.outcome_in_short();
        Decision { outcome, summary, missing }
    }

    fn outcome_in_short(&self) -> (Status, String) {
        let version = &self.shelf.version;
        if let Some(reason) = &version.archived {
            let summary = format!("Archived on {} by entry {}: {reason}", self.stage_since.date(), version.stage_entry);
            return (neutral("Archived"), summary);
        }
        let open: Vec<&Request> = version.requests.iter().filter(|request| request.is_open()).collect();
        let closed =
            version.requests.iter().filter_map(|request| Some((closed_by(request)?, request))).max_by_key(|c| c.0);
        let mut summary: Vec<String> = open.iter().map(|request| self.waiting(request)).collect();
        if let Some((_, request)) = closed {
            summary.push(format!("{}: {}", goal(request), self.outcome(request)));
        }
        let outcome = match (open.as_slice(), closed.map(|(_, request)| request)) {
            ([], None) => {
                summary.push("No promotion was asked for so far.".to_owned());
                neutral("Not requested")
            }
            ([], Some(request)) => match request.state {
                RequestState::Granted { .. } => {
                    good(format!("Promoted to {}{}", request.to, place(request.market.as_ref())))
                }
                RequestState::Declined { .. } => bad("Declined"),
                _ => neutral("Withdrawn"),
            },
            (open, _) => {
                let waits_for_signatures = open.iter().all(|request| {
                    let requirements = self.question_of(request).requirements();
                    requirements.is_ok_and(|all| all.iter().all(|one| one.met || one.topic == Topic::SignOff))
                });
                attention(if waits_for_signatures { "Awaiting signature" } else { "Incomplete" })
            }
        };
        (outcome, summary.join("\n"))
    }

    /// Who asked for what, and for what the request still waits.
    fn waiting(&self, request: &Request) -> String {
        let unmet = match self.question_of(request).requirements() {
            Err(refusal) => refusal.message,
            Ok(requirements) => {
                let unmet = requirements.into_iter().filter(|requirement| !requirement.met);
                unmet.map(|requirement| requirement.sentence).collect::<Vec<_>>().join(" ")
            }
        };
        let unmet = if unmet.is_empty() { "Nothing is missing.".to_owned() } else { format!("Not yet met: {unmet}") };
        format!(
            "{} was asked for by {} on {} (entry {}). {unmet}",
            goal(request),
            self.name(&request.requested_by),
            request.requested_at.date(),
            request.entry
        )
    }

    pub(super) fn timeline(&self) -> Vec<TimelineEntry> {
        self.lines
            .iter()
            .map(|line| TimelineEntry {
                sequence: line.seq,
                time: line.time,
                actor: self.names.of(&line.actor),
                event: capitalised(&line.sentence),
                hash: line.hash,
            })
            .collect()
    }

    pub(super) fn omissions(&self) -> Vec<String> {
        let mut omissions = Vec::new();
        let older = self.shelf.version.requests.len().saturating_sub(MAX_REQUESTS);
        if older > 0 {
            omissions.push(format!(
                "Section 5 shows the {MAX_REQUESTS} latest requests; {older} older ones are in the ledger\u{2019}s export."
            ));
        }
        if self.has_earlier {
            omissions.push(format!(
                "Section 7 shows the {MAX_TIMELINE} newest entries about this version; all of them are in the ledger\u{2019}s export."
            ));
        }
        omissions
    }
}

/// The entry that closed a request.
fn closed_by(request: &Request) -> Option<u64> {
    match request.state {
        RequestState::Open => None,
        RequestState::Granted { entry, .. }
        | RequestState::Declined { entry, .. }
        | RequestState::Withdrawn { entry, .. } => Some(entry),
    }
}

/// `Promotion to Canary in EU (request 3)`.
fn goal(request: &Request) -> String {
    format!("Promotion to {}{} (request {})", request.to, place(request.market.as_ref()), request.number)
}

fn place(market: Option<&Market>) -> String {
    market.map(|market| format!(" in {market}")).unwrap_or_default()
}

/// The one step that leads into a stage, such as `None → Staging`.
fn step(to: Stage) -> String {
    let from = Stage::ALL.into_iter().find(|from| from.next() == Some(to));
    from.map_or_else(|| to.to_string(), |from| format!("{from} → {to}"))
}

/// Names of the parts that are not the same in both packages.
fn differing(before: &BTreeMap<String, Digest>, after: &BTreeMap<String, Digest>) -> Vec<String> {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    names.into_iter().filter(|name| before.get(*name) != after.get(*name)).cloned().collect()
}
