//! What each entry makes of a model, a version, an account and the policy. The other aggregates fold in the modules of
//! their concepts.

use std::collections::{BTreeMap, BTreeSet};

use ledger::{Digest, canonical_json};

use crate::{
    account::{Account, Token},
    aggregate::AggregateId,
    approval::SignOff,
    committee::{self, Committee},
    deployment,
    event::{Event, Recorded},
    evidence::Evidence,
    id::{AccountId, ModelName, VersionId, VersionNumber},
    inventory,
    lineage::Lineage,
    materiality::{self, Baselines},
    policy::{AdoptedPolicy, Policy},
    privacy,
    promotion::{Request, RequestState},
    registry::{Model, Track, Version},
    stage::Stage,
    trigger::DriftApproval,
    validation::{Closure, Finding, Remediation, Report},
    waiver,
};

pub(super) fn new_model(name: &ModelName, recorded: &Recorded) -> Option<Model> {
    let Event::ModelRegistered { title, purpose, team, tier, profile, markets } = &recorded.event else { return None };
    Some(Model {
        name: name.clone(),
        title: title.clone(),
        purpose: purpose.clone(),
        owner: recorded.actor.clone(),
        team: team.clone(),
        tier: *tier,
        profile: profile.clone(),
        markets: markets.clone(),
        registered_at: recorded.time,
        next_version: VersionNumber::FIRST,
        champions: BTreeMap::new(),
        standbys: BTreeMap::new(),
        baselines: Baselines::default(),
        last_validation: None,
        tier_basis: None,
        card: inventory::Card::default(),
        retired: None,
        rolling_out: BTreeMap::new(),
        promoted_weights: BTreeMap::new(),
    })
}

pub(super) fn apply_to_model(model: &mut Model, recorded: &Recorded) -> Option<()> {
    if matches!(recorded.subject, AggregateId::Model(_)) {
        return inventory::apply(model, recorded);
    }
    if let AggregateId::Deployment(_, market) = &recorded.subject {
        return deployment::apply_to_model(model, market, recorded);
    }
    let AggregateId::Version(VersionId { number, .. }) = &recorded.subject else { return None };
    if let Event::StageTransitioned { to, market, materiality: Some(verdict), .. } = &recorded.event
        && materiality::is_milestone(*to)
    {
        model.baselines.passed(*number, market.as_ref(), *verdict, (recorded.time, recorded.seq));
    }
    match &recorded.event {
        Event::VersionRegistered { .. } => model.next_version = number.next(),
        Event::StageTransitioned { market: None, .. } => {}
        Event::ReportRecorded { outcome, depth: Some(depth), .. } => {
            inventory::note_validation(model, (*number, *depth, *outcome), recorded);
        }
        Event::StageTransitioned { market: Some(market), standby_until, serving, to, weights, .. } => {
            if let Some(weights) = weights {
                model.promoted_weights.insert(*number, *weights);
            }
            // Where policy has no steps, and before there were any, entering Production is succeeding the champion.
            if *to == Stage::Production && serving.as_ref().is_none_or(|serving| serving.steps.is_empty()) {
                model.rolling_out.remove(market);
                deployment::succeed(model, market, recorded, *number, *standby_until);
            } else {
                model.rolling_out.insert(market.clone(), *number);
            }
        }
        Event::VersionArchived { .. } => model.standbys.retain(|_, standby| standby.version != *number),
        _ => return None,
    }
    Some(())
}

fn lineage_digest(lineage: &Lineage) -> Digest {
    Digest::of(&canonical_json(lineage).unwrap_or_default())
}

pub(super) fn new_version(id: &VersionId, recorded: &Recorded) -> Option<Version> {
    let Event::VersionRegistered { lineage, note, team, origin, prompt } = &recorded.event else { return None };
    Some(Version {
        id: id.clone(),
        registered_by: recorded.actor.clone(),
        developers: BTreeSet::from([recorded.actor.clone()]),
        team: team.clone(),
        registered_at: recorded.time,
        note: note.clone(),
        origin: origin.clone(),
        prompt: prompt.clone(),
        drift_approvals: BTreeMap::new(),
        strikes: BTreeMap::new(),
        lineage_digest: lineage_digest(lineage),
        lineage: lineage.clone(),
        stage: Stage::None,
        stage_entry: recorded.seq,
        tracks: BTreeMap::new(),
        evidence: Vec::new(),
        requests: Vec::new(),
        report: None,
        authors: BTreeMap::new(),
        findings: Vec::new(),
        sign_offs: Vec::new(),
        archived: None,
        materiality: Vec::new(),
        waivers: Vec::new(),
        revision: 1,
        updated_at: recorded.time,
    })
}

#[expect(clippy::too_many_lines, reason = "one arm for each event, none of them long")]
pub(super) fn apply_to_version(version: &mut Version, recorded: &Recorded) -> Option<()> {
    let Recorded { seq, time, actor, event, .. } = recorded;
    let (seq, time) = (*seq, *time);
    version.revision += 1;
    version.updated_at = time;
    if let AggregateId::Deployment(_, market) = &recorded.subject {
        deployment::apply_to_version(version, market, recorded);
        return Some(());
    }
    match event {
        Event::LineageAmended { lineage, .. } => {
            version.developers.insert(actor.clone());
            version.lineage_digest = lineage_digest(lineage);
            version.lineage = lineage.clone();
        }
        Event::EvidenceAttached(body) => version.evidence.push(Evidence {
            number: u32::try_from(version.evidence.len()).ok()? + 1,
            path: body.path,
            market: body.market.clone(),
            file_name: body.file_name.clone(),
            file: body.file,
            size_bytes: body.size_bytes,
            bound_to: body.bound_to.clone(),
            made_from: body.made_from.clone(),
            facts: body.facts.clone(),
            producer: body.producer.clone(),
            produced_at: body.produced_at,
            attached_by: actor.clone(),
            attached_at: time,
            entry: seq,
        }),
        Event::PromotionRequested { request, to, market, note, due_at, assessed, committee, blue_green } => {
            version.requests.push(Request {
                number: *request,
                to: *to,
                market: market.clone(),
                requested_by: actor.clone(),
                requested_at: time,
                due_at: *due_at,
                note: note.clone(),
                blue_green: blue_green.clone(),
                entry: seq,
                state: RequestState::Open,
                assessed: assessed.as_deref().cloned(),
                committee: committee.as_ref().map(Committee::from),
            });
        }
        Event::PromotionWithdrawn { request } => {
            request_mut(version, *request)?.state = RequestState::Withdrawn { at: time, by: actor.clone(), entry: seq };
        }
        Event::PromotionDeclined { request, reason } => {
            request_mut(version, *request)?.state =
                RequestState::Declined { at: time, by: actor.clone(), reason: reason.clone(), entry: seq };
        }
        Event::PromotionSigned { request, role, meaning, comment, package, parts } => version.sign_offs.push(SignOff {
            request: *request,
            role: *role,
            signer: actor.clone(),
            meaning: meaning.clone(),
            comment: comment.clone(),
            package: *package,
            parts: parts.clone(),
            signed_at: time,
            entry: seq,
        }),
        Event::StageTransitioned { request, to, market, .. } => {
            request_mut(version, *request)?.state = RequestState::Granted { at: time, entry: seq };
            match market {
                None => {
                    version.stage = *to;
                    version.stage_entry = seq;
                }
                Some(market) => {
                    version.tracks.insert(market.clone(), Track { stage: *to, since: time, entry: seq });
                }
            }
        }
        Event::ReportRecorded { sections, outcome, .. } => {
            version.authors.insert(actor.clone(), seq);
            version.report = Some(Report {
                sections: sections.clone(),
                outcome: *outcome,
                author: actor.clone(),
                recorded_at: time,
                entry: seq,
            });
        }
        Event::FindingRaised { finding, severity, title, description, owner, due_at } => {
            version.findings.push(Finding {
                number: *finding,
                severity: *severity,
                title: title.clone(),
                description: description.clone(),
                owner: owner.clone(),
                due_at: *due_at,
                raised_by: actor.clone(),
                raised_at: time,
                remediation: None,
                closure: None,
                entries: vec![seq],
                reopened: 0,
            });
        }
        Event::FindingRemediated { finding, note } => {
            let finding = finding_mut(version, *finding)?;
            finding.remediation = Some(Remediation { note: note.clone(), by: actor.clone(), at: time });
            finding.entries.push(seq);
        }
        Event::FindingClosed { finding, note } => {
            let finding = finding_mut(version, *finding)?;
            finding.closure = Some(Closure { note: note.clone(), by: actor.clone(), at: time });
            finding.entries.push(seq);
        }
        Event::FindingReopened(body) => {
            let finding = finding_mut(version, body.finding)?;
            finding.remediation = None;
            finding.closure = None;
            finding.reopened += 1;
            finding.entries.push(seq);
        }
        Event::MaterialitySet(body) => version.materiality.push(materiality::SetBy {
            market: body.market.clone(),
            from: body.from,
            to: body.to,
            reason: body.reason.clone(),
            lineage: body.lineage,
            by: actor.clone(),
            at: time,
            entry: seq,
        }),
        Event::CommitteeVoted(_) | Event::CommitteeRecused(_) => committee::apply(version, recorded)?,
        Event::WaiverGranted(_) | Event::WaiverRevoked(_) => waiver::apply(version, recorded)?,
        Event::DriftApproved(body) => {
            version.drift_approvals.insert(body.market.clone(), DriftApproval::of(body, recorded));
        }
        Event::VersionArchived { reason, .. } => {
            version.stage = Stage::Archived;
            version.stage_entry = seq;
            version.archived = Some(reason.clone());
            for request in version.requests.iter_mut().filter(|request| request.is_open()) {
                request.state = RequestState::Withdrawn { at: time, by: actor.clone(), entry: seq };
            }
        }
        _ => return None,
    }
    Some(())
}

fn request_mut(version: &mut Version, number: u32) -> Option<&mut Request> {
    version.requests.iter_mut().find(|request| request.number == number)
}

fn finding_mut(version: &mut Version, number: u32) -> Option<&mut Finding> {
    version.findings.iter_mut().find(|finding| finding.number == number)
}

pub(super) fn new_account(id: &AccountId, recorded: &Recorded) -> Option<Account> {
    let Event::AccountCreated { kind, roles, team, commitments } = &recorded.event else { return None };
    Some(Account {
        id: id.clone(),
        kind: *kind,
        roles: roles.clone(),
        team: team.clone(),
        commitments: commitments.clone(),
        created_at: recorded.time,
        disabled: false,
        tokens: BTreeMap::new(),
        holds: Vec::new(),
        erased: None,
    })
}

pub(super) fn apply_to_account(account: &mut Account, recorded: &Recorded) -> Option<()> {
    match &recorded.event {
        Event::RolesChanged { roles, team } => {
            account.roles.clone_from(roles);
            account.team.clone_from(team);
        }
        Event::AccountDisabled {} => account.disabled = true,
        Event::AccountEnabled {} => account.disabled = false,
        Event::TokenIssued { token, label, scopes, expires_at } => {
            let issued = Token {
                label: label.clone(),
                scopes: scopes.clone(),
                issued_at: recorded.time,
                expires_at: *expires_at,
                revoked: false,
            };
            account.tokens.insert(token.clone(), issued);
        }
        Event::TokenRevoked { token } => account.tokens.get_mut(token)?.revoked = true,
        Event::HoldPlaced { .. } | Event::HoldReleased { .. } => privacy::fold_hold(&mut account.holds, recorded)?,
        Event::ErasurePerformed { .. } => account.erased = privacy::fold_erasure(account.erased.as_ref(), recorded),
        Event::ErasureRefused { .. } => {}
        _ => return None,
    }
    Some(())
}

pub(super) fn adopted(earlier: u32, recorded: &Recorded) -> Result<AdoptedPolicy, String> {
    let Event::PolicyAdopted { toml, digest } = &recorded.event else {
        return Err("only policies are adopted".into());
    };
    if Digest::of(toml.as_bytes()) != *digest {
        return Err("the digest is not that of the policy's text".into());
    }
    Ok(AdoptedPolicy {
        version: earlier + 1,
        adopted_at: recorded.time,
        entry: recorded.seq,
        digest: *digest,
        toml: toml.clone(),
        policy: Policy::read(toml).map_err(|error| error.to_string())?,
    })
}
