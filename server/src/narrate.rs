//! Entries as people read them: what happened, in a sentence. Pages, reports and the timeline share these words.

mod privacy;
mod serving;
mod triggers;

pub use triggers::{cause as trigger_cause, reason as suppression_reason};

use std::{cell::Cell, collections::BTreeSet};

use domain::{
    Event, Market, Recorded, Stage,
    account::{AccountKind, Role},
    committee::Voice,
    evidence::EvidenceKind,
    materiality::Materiality,
    policy::Policy,
    validation::Depth,
};
use ledger::Timestamp;

/// Characters of somebody's own words that a sentence quotes at most; the entry holds them in full.
const MAX_QUOTED: usize = 160;

/// `1 risk` or `3 risks`; the number may be grouped already.
pub fn count(number: impl std::fmt::Display, one: &str, many: &str) -> String {
    match number.to_string() {
        only if only == "1" => format!("1 {one}"),
        number => format!("{number} {many}"),
    }
}

/// What an entry did, as a sentence that names the version it is about: for the timeline of a market, where entries of many
/// versions follow each other.
pub fn told(recorded: &Recorded) -> String {
    let told = sentence(&recorded.event);
    let domain::AggregateId::Version(id) = &recorded.subject else { return told };
    let number = format!("version {}", id.number);
    match &recorded.event {
        Event::VersionRegistered { .. } | Event::StageTransitioned { .. } | Event::VersionArchived { .. } => {
            told.replacen("the version", &number, 1)
        }
        _ => format!("{number}: {told}"),
    }
}

thread_local! {
    /// How much the sentence that is being written quotes; a page's list is what most are for.
    static QUOTED: Cell<usize> = const { Cell::new(MAX_QUOTED) };
}

/// The same as [`sentence`] with everybody's words in full, for papers.
pub fn in_full(event: &Event) -> String {
    QUOTED.set(usize::MAX);
    let told = sentence(event);
    QUOTED.set(MAX_QUOTED);
    told
}

/// What the event did, as a sentence without its actor, such as "asked for promotion to Staging"; long words are cut.
#[expect(clippy::too_many_lines, reason = "one arm for each event, none of them long")]
pub fn sentence(event: &Event) -> String {
    match event {
        Event::ModelRegistered { title, tier, profile, markets, .. } => {
            let markets: Vec<&str> = markets.iter().map(Market::as_str).collect();
            let title = cut(title);
            format!("registered the model “{title}” (tier {}, profile {profile}) for {}", tier.id(), markets.join(", "))
        }
        Event::VersionRegistered { note, origin, prompt, .. } => {
            let origin = origin
                .as_ref()
                .map(|origin| format!(", imported from {}", cut(&format!("{} {}", origin.system, origin.reference))));
            let prompt = prompt.as_ref().map(triggers::prompted).unwrap_or_default();
            with_words(format!("registered the version{}{prompt}", origin.unwrap_or_default()), note)
        }
        Event::LineageAmended { reason, .. } => with_words("changed the lineage".to_owned(), reason),
        Event::EvidenceAttached(body) => {
            let place = in_market("for", body.market.as_ref());
            let file = cut(&body.file_name);
            let kind = match body.facts.kind {
                EvidenceKind::Junit => "JUnit test results",
                EvidenceKind::GreatExpectations => "a Great Expectations result",
                EvidenceKind::Evaluation => "an evaluation result",
                EvidenceKind::Lint => "lint results",
                EvidenceKind::Image => "image facts",
                EvidenceKind::Evidently => "an Evidently report",
                EvidenceKind::Columns => "raw columns of the features",
                EvidenceKind::Contract => "data contract checks",
                EvidenceKind::Deepchecks => "a Deepchecks result",
                EvidenceKind::Behaviour => "behavioural tests",
                EvidenceKind::ChampionChallenger => "a comparison with the champion",
                EvidenceKind::ShadowPairs => "a shadow evaluation",
                EvidenceKind::CanaryLog => "a canary evaluation",
                EvidenceKind::Attachment => "a file",
            };
            let failed = match body.facts.failures.split_first() {
                Some((first, [])) => format!(" {first}."),
                Some((first, rest)) => format!(" {first}, and {} more.", rest.len()),
                None => String::new(),
            };
            with_words(format!("attached {kind} ({file}){place}"), &format!("{}{failed}", body.facts.summary))
        }
        Event::PromotionRequested { request, to, market, .. } => {
            format!("asked for promotion to {to}{} (request {request})", in_market("in", market.as_ref()))
        }
        Event::PromotionWithdrawn { request } => format!("withdrew request {request}"),
        Event::PromotionDeclined { request, reason } => with_words(format!("declined request {request}"), reason),
        Event::PromotionSigned { request, role, meaning, .. } => {
            format!("signed request {request} as {role}: “{}”", cut(meaning))
        }
        Event::StageTransitioned { from, to, market, standby_until, serving, .. } => {
            let told = transition(*from, *to, market.as_ref(), *standby_until);
            serving.as_ref().map_or_else(|| told.clone(), |serving| serving::entered(&told, *to, serving))
        }
        Event::ReportRecorded { outcome, depth, .. } => {
            let depth = if *depth == Some(Depth::Abbreviated) { "abbreviated " } else { "" };
            format!("recorded the {depth}validation report: {}", outcome.title().to_lowercase())
        }
        Event::FindingRaised { finding, severity, title, due_at, .. } => {
            format!("raised finding {finding} ({}), due {}: {}", severity.id(), due_at.date(), cut(title))
        }
        Event::FindingRemediated { finding, note } => with_words(format!("mended finding {finding}"), note),
        Event::FindingClosed { finding, note } => with_words(format!("verified and closed finding {finding}"), note),
        Event::FindingReopened(_)
        | Event::MaterialitySet(_)
        | Event::CommitteeVoted(_)
        | Event::CommitteeRecused(_)
        | Event::WaiverGranted(_)
        | Event::WaiverRevoked(_) => of_oversight(event),
        Event::TierAssessed(_)
        | Event::InventoryAmended(_)
        | Event::MarketAdded(_)
        | Event::OwnerChanged(_)
        | Event::ModelRetired(_)
        | Event::CampaignOpened(_)
        | Event::CampaignCalled(_)
        | Event::AttestationGiven(_) => of_inventory(event),
        Event::VersionArchived { reason, .. } => with_words("archived the version".to_owned(), reason),
        Event::PolicyAdopted { toml, digest } => match Policy::read(toml) {
            Ok(policy) => format!("adopted the policy “{}” ({})", cut(&policy.title), digest.short()),
            Err(_) => format!("adopted a policy ({})", digest.short()),
        },
        Event::AccountCreated { kind, roles, team, .. } => {
            let holder = match kind {
                AccountKind::Human => "a person",
                AccountKind::Service => "a service",
            };
            format!("made an account for {holder}: {}", roles_in_team(roles, team))
        }
        Event::RolesChanged { roles, team } => {
            format!("changed the account\u{2019}s roles: {}", roles_in_team(roles, team))
        }
        Event::AccountDisabled {} => "disabled the account".to_owned(),
        Event::AccountEnabled {} => "enabled the account again".to_owned(),
        Event::TokenIssued { token, label, scopes, expires_at } => {
            let scopes: Vec<&str> = scopes.iter().map(|scope| scope.id()).collect();
            let until = expires_at.date();
            format!("issued the token “{}” ({}) until {until}: {}", cut(label), cut(token), scopes.join(", "))
        }
        Event::TokenRevoked { token } => format!("revoked the token {}", cut(token)),
        Event::DpiaDrafted(_)
        | Event::DpiaAdvised(_)
        | Event::DpiaConsulted(_)
        | Event::DpiaApproved(_)
        | Event::DpiaReopened(_)
        | Event::SafeguardsStated(_)
        | Event::SafeguardsConfirmed { .. }
        | Event::SafeguardsLapsed(_)
        | Event::ReviewReceived(_)
        | Event::ReviewAssigned { .. }
        | Event::ReviewExtended(_)
        | Event::ReviewAnswered { .. }
        | Event::HoldPlaced { .. }
        | Event::HoldReleased { .. }
        | Event::ErasurePerformed { .. }
        | Event::ErasureRefused { .. } => privacy::sentence(event),
        Event::TriggersConfigured(body) => triggers::configured(&body.configuration),
        Event::DriftObserved(body) => triggers::drift_observed(body),
        Event::PerformanceObserved(body) => triggers::performance_observed(body),
        Event::TriggerFired(body) => triggers::fired(body),
        Event::TriggerSuppressed(body) => triggers::suppressed(body),
        Event::DriftApproved(body) => with_words(
            format!("approved, as {}, the drift behind firing {} for {}", body.role, body.firing, body.market),
            &body.statement,
        ),
        Event::WebhookRegistered(body) => {
            let which =
                if body.filter.events.is_empty() { "every event".to_owned() } else { body.filter.events.join(", ") };
            let model = body.filter.model.as_ref().map(|model| format!(" of {model}")).unwrap_or_default();
            format!("has {}{model} sent to “{}” at {}", cut(&which), cut(&body.label), cut(&body.host))
        }
        Event::WebhookRotated(body) => {
            let overlap = match body.overlap_until {
                Some(until) => format!("the one before signs too until {}", until.minute()),
                None => "the one before ended at once".to_owned(),
            };
            format!("changed the secret of the webhook {}; {overlap}", cut(&body.webhook))
        }
        Event::WebhookRemoved(body) => format!("stopped sending news to the webhook {}", cut(&body.webhook)),
        other => serving::sentence(other),
    }
}

/// The sentences of materiality, votes and waivers.
fn of_oversight(event: &Event) -> String {
    match event {
        Event::FindingReopened(body) => with_words(format!("opened finding {} again", body.finding), &body.reason),
        Event::MaterialitySet(body) => {
            let verb = if body.to == Materiality::Material { "raised" } else { "lowered" };
            let place = in_market("in", body.market.as_ref());
            with_words(format!("{verb} the change{place} to {}", body.to.title()), &body.reason)
        }
        Event::CommitteeVoted(body) => {
            let what = match body.voice {
                Voice::Approve => "voted for",
                Voice::Reject => "voted against",
                Voice::Abstain => "abstained on",
            };
            with_words(format!("{what} request {} on the risk committee", body.request), &body.comment)
        }
        Event::CommitteeRecused(body) => {
            with_words(format!("stood back from the vote on request {}", body.request), &body.reason)
        }
        Event::WaiverGranted(body) => {
            let place = in_market("in", body.market.as_ref());
            let what =
                format!("granted waiver {} on {}{place} until {}", body.waiver, body.covers, body.expires_at.date());
            with_words(what, &body.control)
        }
        Event::WaiverRevoked(body) => with_words(format!("ended waiver {}", body.waiver), &body.reason),
        other => other.kind().to_owned(),
    }
}

/// The sentences of the inventory and its campaigns.
fn of_inventory(event: &Event) -> String {
    match event {
        Event::TierAssessed(body) => {
            let (exposure, purpose) = (cut(&body.exposure), cut(&body.purpose));
            with_words(
                format!(
                    "judged the tier: {} (exposure {exposure}, purpose {purpose}; before {})",
                    body.to.id(),
                    body.from.id()
                ),
                &body.reason,
            )
        }
        Event::InventoryAmended(body) => with_words("amended the inventory".to_owned(), &body.reason),
        Event::MarketAdded(body) => with_words(format!("opened the market {} to the model", body.market), &body.reason),
        Event::OwnerChanged(body) => with_words("handed the model to another owner".to_owned(), &body.reason),
        Event::ModelRetired(body) => with_words("retired the model".to_owned(), &body.reason),
        Event::CampaignOpened(body) => {
            format!(
                "opened the attestation campaign “{}” for {}, due {}",
                cut(&body.title),
                count(body.models, "model", "models"),
                body.due_at.date()
            )
        }
        Event::CampaignCalled(body) => match body.models.len() {
            1 => "called the owner of 1 model to attest".to_owned(),
            many => format!("called the owners of {many} models to attest"),
        },
        Event::AttestationGiven(body) if body.holds => format!("attested for {}", body.model),
        Event::AttestationGiven(body) => with_words(format!("objected for {}", body.model), &body.comment),
        other => other.kind().to_owned(),
    }
}

fn transition(from: Stage, to: Stage, market: Option<&Market>, standby_until: Option<Timestamp>) -> String {
    let standby = standby_until
        .map(|until| format!("; the champion before it stays ready until {}", until.date()))
        .unwrap_or_default();
    format!("moved the version from {from} to {to}{}{standby}", in_market("in", market))
}

fn in_market(preposition: &str, market: Option<&Market>) -> String {
    market.map(|market| format!(" {preposition} {market}")).unwrap_or_default()
}

fn roles_in_team(roles: &BTreeSet<Role>, team: &str) -> String {
    let roles: Vec<&str> = roles.iter().map(|role| role.title()).collect();
    let roles = if roles.is_empty() { "no role".to_owned() } else { roles.join(", ") };
    let team = cut(team);
    if team.is_empty() { roles } else { format!("{roles}, team {team}") }
}

fn with_words(what: String, words: &str) -> String {
    let words = clause(words);
    if words.is_empty() { what } else { format!("{what}: {words}") }
}

/// Somebody's words on one line; for a list, cut to a length that it can show.
fn cut(text: &str) -> String {
    let line = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let line = line.collect::<Vec<_>>().join(" ");
    let most = QUOTED.get();
    if line.chars().count() > most { line.chars().take(most).chain(['…']).collect() } else { line }
}

/// The same, without the full stop that a sentence around it does not want.
fn clause(text: &str) -> String {
    let text = cut(text);
    text.strip_suffix('.').filter(|rest| !rest.ends_with('.')).unwrap_or(&text).to_owned()
}

/// The event that an entry holds, with what it concerns.
///
/// # Errors
/// The entry is not one that this program knows, with the reason.
pub fn recorded(entry: &ledger::Entry) -> Result<Recorded, String> {
    let subject = domain::AggregateId::from_subject(&entry.subject)
        .ok_or_else(|| format!("its subject {:?} names nothing known", entry.subject))?;
    let event = Event::from_entry(&entry.event, &entry.payload).map_err(|error| error.to_string())?;
    let actor = entry.actor.id.parse().map_err(|error| format!("{error}"))?;
    Ok(Recorded { seq: entry.seq, time: entry.time, actor, subject, event })
}

/// The event that a stored entry's bytes hold.
///
/// # Errors
/// The bytes are no entry, or not one that this program knows.
pub fn read(bytes: &[u8]) -> Result<Recorded, String> {
    recorded(&ledger::Entry::from_bytes(bytes).map_err(|error| error.to_string())?)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use domain::{
        command::AttachEvidence,
        evidence::{EvidencePath, Facts, Verdict},
        lineage::Lineage,
        policy::DEFAULT_POLICY,
        registry::{Origin, Tier},
        validation::{Outcome, Severity},
    };
    use ledger::Digest;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn eu() -> Market {
        "EU".parse().unwrap()
    }

    fn signed(meaning: &str) -> Event {
        Event::PromotionSigned {
            request: 3,
            role: Role::MrmValidator,
            meaning: meaning.into(),
            comment: String::new(),
            package: Digest::of(b""),
            parts: BTreeMap::new(),
        }
    }

    fn moved(from: Stage, to: Stage, market: Option<Market>, standby_until: Option<Timestamp>) -> Event {
        let digest = Digest::of(b"");
        Event::StageTransitioned {
            request: 1,
            from,
            to,
            market,
            package: digest,
            policy: digest,
            requirements: Vec::new(),
            standby_until,
            materiality: None,
            serving: None,
            weights: None,
        }
    }

    #[test]
    fn versions_are_told_in_a_sentence() {
        let evidence = AttachEvidence {
            path: EvidencePath::Shadow,
            market: Some(eu()),
            file_name: "unit.xml".into(),
            file: Digest::of(b""),
            size_bytes: 1,
            bound_to: String::new(),
            producer: String::new(),
            produced_at: at("2026-11-02T09:00:00.000000Z"),
            facts: Facts::new(EvidenceKind::Junit, Verdict::Green, "41 of 41 tests passed."),
            names: None,
            claims: Vec::new(),
            made_from: std::collections::BTreeMap::new(),
        };
        let origin = Origin { system: "mlflow".into(), reference: "models:/credit/3".into() };
        let register = |note: &str, origin| Event::VersionRegistered {
            lineage: Lineage::default(),
            note: note.into(),
            team: String::new(),
            origin,
            prompt: None,
        };
        let model = Event::ModelRegistered {
            title: "Credit default".into(),
            purpose: String::new(),
            team: String::new(),
            tier: Tier::One,
            profile: "sr-11-7".parse().unwrap(),
            markets: vec!["US".parse().unwrap(), "EU".parse().unwrap()],
        };
        let asked = Event::PromotionRequested {
            request: 3,
            to: Stage::Canary,
            market: Some(eu()),
            note: String::new(),
            due_at: at("2026-11-02T09:00:00.000000Z"),
            assessed: None,
            committee: None,
            blue_green: None,
        };
        let finding = Event::FindingRaised {
            finding: 2,
            severity: Severity::High,
            title: "Reject inference".into(),
            description: String::new(),
            owner: "ana".parse().unwrap(),
            due_at: at("2026-12-01T09:00:00.000000Z"),
        };
        let report = Event::ReportRecorded {
            sections: BTreeMap::new(),
            outcome: Outcome::ApprovedWithConditions,
            depth: Some(Depth::Full),
        };
        let standby = Some(at("2026-12-24T09:00:00.000000Z"));
        for (event, expected) in [
            (model, "registered the model “Credit default” (tier 1, profile sr-11-7) for US, EU"),
            (register("", None), "registered the version"),
            (register("Refit.", Some(origin)), "registered the version, imported from mlflow models:/credit/3: Refit"),
            (
                Event::LineageAmended { lineage: Lineage::default(), reason: "Typo in\nthe commit".into() },
                "changed the lineage: Typo in the commit",
            ),
            (
                Event::EvidenceAttached(Box::new(evidence)),
                "attached JUnit test results (unit.xml) for EU: 41 of 41 tests passed",
            ),
            (asked, "asked for promotion to Canary in EU (request 3)"),
            (Event::PromotionWithdrawn { request: 3 }, "withdrew request 3"),
            (Event::PromotionDeclined { request: 3, reason: "Too early".into() }, "declined request 3: Too early"),
            (signed("I approve."), "signed request 3 as MRM validator: “I approve.”"),
            (moved(Stage::None, Stage::Staging, None, None), "moved the version from None to Staging"),
            (
                moved(Stage::Canary, Stage::Production, Some(eu()), standby),
                "moved the version from Canary to Production in EU; the champion before it stays ready until 2026-12-24",
            ),
            (report, "recorded the validation report: approved with conditions"),
            (finding, "raised finding 2 (high), due 2026-12-01: Reject inference"),
            (Event::FindingRemediated { finding: 2, note: "Documented".into() }, "mended finding 2: Documented"),
            (Event::FindingClosed { finding: 2, note: "Read".into() }, "verified and closed finding 2: Read"),
            (
                Event::VersionArchived { reason: "Superseded".into(), markets: Vec::new() },
                "archived the version: Superseded",
            ),
        ] {
            assert_eq!(sentence(&event), expected);
        }
    }

    #[test]
    fn oversight_and_inventory_are_told_in_a_sentence() {
        use domain::{campaign, committee, inventory, materiality, validation::Reopened, waiver};
        let until = at("2026-12-24T09:00:00.000000Z");
        let set = materiality::Set {
            market: Some(eu()),
            from: Materiality::Material,
            to: Materiality::NonMaterial,
            reason: "Same use.".into(),
            lineage: Digest::of(b""),
        };
        let voted = committee::Voted {
            request: 3,
            voice: Voice::Reject,
            meaning: String::new(),
            comment: "Too early".into(),
            package: Digest::of(b""),
            parts: BTreeMap::new(),
        };
        let granted = waiver::Granted {
            waiver: 1,
            covers: waiver::Covers::Finding(2),
            market: Some(eu()),
            control: "Read by hand".into(),
            reason: String::new(),
            requested_by: "ana".parse().unwrap(),
            role: Role::RiskCommittee,
            expires_at: until,
            max_days: 90,
        };
        let tier = inventory::TierAssessed {
            exposure: "large".into(),
            purpose: "internal".into(),
            from: Tier::Three,
            to: Tier::Two,
            reason: "More volume".into(),
        };
        let opened = campaign::Opened {
            title: "Inventory".into(),
            statement: String::new(),
            tiers: BTreeSet::new(),
            owners: BTreeSet::new(),
            due_at: until,
            models: 12,
        };
        let objected = campaign::Given { model: "credit".parse().unwrap(), holds: false, comment: "Old inputs".into() };
        for (event, expected) in [
            (Event::FindingReopened(Reopened { finding: 2, reason: "Back".into() }), "opened finding 2 again: Back"),
            (Event::MaterialitySet(set), "lowered the change in EU to non-material: Same use"),
            (Event::CommitteeVoted(voted), "voted against request 3 on the risk committee: Too early"),
            (Event::WaiverGranted(granted), "granted waiver 1 on finding 2 in EU until 2026-12-24: Read by hand"),
            (Event::TierAssessed(tier), "judged the tier: 2 (exposure large, purpose internal; before 3): More volume"),
            (
                Event::CampaignOpened(opened),
                "opened the attestation campaign “Inventory” for 12 models, due 2026-12-24",
            ),
            (Event::AttestationGiven(objected), "objected for credit: Old inputs"),
        ] {
            assert_eq!(sentence(&event), expected);
        }
    }

    #[test]
    fn a_markets_timeline_names_the_version_in_each_line() {
        let told = |event| {
            let (seq, time, actor) = (1, at("2026-11-02T09:00:00.000000Z"), "ana".parse().unwrap());
            let id = domain::VersionId { model: "credit".parse().unwrap(), number: 4.try_into().unwrap() };
            super::told(&Recorded { seq, time, actor, subject: domain::AggregateId::Version(id), event })
        };
        let entered = moved(Stage::Canary, Stage::Production, Some(eu()), None);
        assert_eq!(told(entered), "moved version 4 from Canary to Production in EU");
        assert_eq!(told(Event::PromotionWithdrawn { request: 3 }), "version 4: withdrew request 3");
    }

    #[test]
    fn policy_and_accounts_are_told_in_a_sentence() {
        let digest = Digest::of(DEFAULT_POLICY.as_bytes());
        let adopted = Event::PolicyAdopted { toml: DEFAULT_POLICY.into(), digest };
        assert_eq!(sentence(&adopted), format!("adopted the policy “Countersign default policy” ({})", digest.short()));
        let broken = Event::PolicyAdopted { toml: "schema = ".into(), digest };
        assert!(sentence(&broken).starts_with("adopted a policy ("));
        let roles = BTreeSet::from([Role::DataScientist, Role::MrmValidator]);
        let created = |kind, roles, team: &str| Event::AccountCreated {
            kind,
            roles,
            team: team.into(),
            commitments: BTreeMap::new(),
        };
        let issued = Event::TokenIssued {
            token: "ab12".into(),
            label: "CI".into(),
            scopes: [domain::account::Scope::Read, domain::account::Scope::Evidence].into(),
            expires_at: at("2027-01-01T00:00:00.000000Z"),
        };
        for (event, expected) in [
            (
                created(AccountKind::Human, roles, "mrm"),
                "made an account for a person: Data scientist, MRM validator, team mrm",
            ),
            (created(AccountKind::Service, BTreeSet::new(), ""), "made an account for a service: no role"),
            (
                Event::RolesChanged { roles: [Role::Auditor].into(), team: " audit ".into() },
                "changed the account\u{2019}s roles: Auditor, team audit",
            ),
            (Event::AccountDisabled {}, "disabled the account"),
            (Event::AccountEnabled {}, "enabled the account again"),
            (issued, "issued the token “CI” (ab12) until 2027-01-01: read, evidence"),
            (Event::TokenRevoked { token: "ab12".into() }, "revoked the token ab12"),
        ] {
            assert_eq!(sentence(&event), expected);
        }
    }

    #[test]
    fn long_words_are_cut_and_put_on_one_line() {
        let told = sentence(&signed(&"ж\u{7} \n".repeat(4_000)));
        assert_eq!(told.chars().count(), "signed request 3 as MRM validator: “…”".chars().count() + MAX_QUOTED);
        assert!(told.ends_with("…”") && !told.contains(char::is_control), "{told}");
        assert_eq!(in_full(&signed(&"word ".repeat(800))).matches("word").count(), 800, "a paper quotes in full");
        assert_eq!(sentence(&signed(&"ж".repeat(800))).matches('ж').count(), MAX_QUOTED, "and lists cut all the same");
        assert_eq!(clause("Wait..."), "Wait...");
        assert_eq!(clause("."), "");
    }
}
