//! Waivers, granted and ended.

use crate::{
    access::{self, Principal},
    account::{AccountKind, Role},
    event::Event,
    id::VersionId,
    refusal::{InputCheck, Missing, Refusal},
    registry::{Model, Version},
    stage::Stage,
    waiver::{Covers, GrantWaiver, Granted, RevokeWaiver, Revoked, Rules, rank},
};

use super::Case;

/// Waivers that one version may gather.
const MAX_WAIVERS: usize = 100;

impl Case<'_> {
    pub(super) fn waiver_rules(&self) -> Result<&Rules, Refusal> {
        let profile = &self.model()?.profile;
        let rules = self.policy()?.policy.profiles.get(profile).and_then(|profile| profile.waivers.as_ref());
        rules.ok_or_else(|| {
            Refusal::rule(
                "waiver.granted",
                format!("The profile {profile} grants no waivers: mend what is open."),
                Missing::field("waiver", "What is open mended; or a policy whose profile grants waivers."),
            )
        })
    }

    pub(super) fn grant_waiver(&self, id: &VersionId, body: &GrantWaiver) -> Result<Vec<Event>, Refusal> {
        self.check_in_person("grant a waiver", "A waiver")?;
        let version = self.version(id)?;
        let model = self.model()?;
        let rules = self.waiver_rules()?;
        let now = self.context.now;
        let max_days = rules.days_for(&body.covers);
        InputCheck::default()
            .text("control", &body.control, 4_000)
            .text("reason", &body.reason, 4_000)
            .holds(
                "market",
                body.market.as_ref().is_none_or(|market| model.markets.contains(market)),
                format!("{} is not registered for this market.", model.name),
            )
            .holds(
                "requested_by",
                self.world
                    .account
                    .as_ref()
                    .is_some_and(|account| !account.disabled && account.kind == AccountKind::Human),
                "requested_by is no active person's account; say who asked for the waiver.",
            )
            .holds("expires_at", body.expires_at > now, "expires_at must lie in the future.")
            .holds(
                "expires_at",
                body.expires_at <= now.plus_days(i64::from(max_days)),
                format!("Policy lets a waiver on {} live {max_days} days at most.", body.covers),
            )
            .finish()?;
        if version.stage == Stage::Archived {
            return Err(Refusal::rule(
                "stage.archived",
                format!("{id} is archived; nothing is waived for it."),
                Missing::from("version", "Register a new version and walk it from the start.", Role::DataScientist),
            ));
        }
        Self::check_covers(version, rules, &body.covers)?;
        if version.waivers.len() >= MAX_WAIVERS {
            return Err(Refusal::rule(
                "waiver.count",
                format!("{id} holds {MAX_WAIVERS} waivers; no more are kept."),
                Missing::from(
                    "version",
                    "Register a new version: this one has too much against it.",
                    Role::DataScientist,
                ),
            ));
        }
        let role = self.check_grantor(model, version, rules, body)?;
        let granted = Event::WaiverGranted(Granted {
            waiver: version.waivers.iter().map(|waiver| waiver.number).max().unwrap_or(0) + 1,
            covers: body.covers.clone(),
            market: body.market.clone(),
            control: body.control.trim().to_owned(),
            reason: body.reason.trim().to_owned(),
            requested_by: body.requested_by.clone(),
            role,
            expires_at: body.expires_at,
            max_days,
        });
        // A request that nothing else held up goes on at once, as it does after a signature. One that still cannot, such
        // as to a market that is taken, waits on; the waiver stands all the same.
        let after = self.after(id, &granted)?;
        let open = after.requests.iter().filter(|request| request.is_open());
        let transitions: Vec<Event> =
            open.filter_map(|request| self.transition(&after, request).ok().flatten()).collect();
        Ok(std::iter::once(granted).chain(transitions).collect())
    }

    fn check_covers(version: &Version, rules: &Rules, covers: &Covers) -> Result<(), Refusal> {
        match covers {
            Covers::Finding(number) => Self::open_finding(version, *number).map(drop),
            Covers::Rule(rule) if rules.rules.contains(rule) => Ok(()),
            Covers::Rule(rule) => {
                let shown: String = rule.chars().take(60).collect();
                let known: Vec<&str> = rules.rules.iter().map(String::as_str).collect();
                Err(Refusal::rule(
                    "waiver.rule",
                    format!(
                        "The policy lets no waiver cover the rule {shown:?}; it does for open findings and for: {}.",
                        super::materiality::named(&known)
                    ),
                    Missing::field("covers", "An open finding, or a rule that policy lets be waived."),
                ))
            }
        }
    }

    /// The role in which the actor grants: high enough by policy, above that of whoever asked, and no part of it.
    fn check_grantor(
        &self,
        model: &Model,
        version: &Version,
        rules: &Rules,
        body: &GrantWaiver,
    ) -> Result<Role, Refusal> {
        let highest = self.context.principal.roles.iter().copied().max_by_key(|role| rank(*role));
        let Some(role) = highest.filter(|role| rank(*role) >= rank(rules.approver)) else {
            return Err(Refusal::forbidden(
                "waiver.approver",
                format!("A waiver is granted by the role {} or a higher one.", rules.approver),
                vec![Missing::from("waiver", "Ask for it there.", rules.approver)],
            ));
        };
        let me = self.actor();
        let requester = self.world.account.as_ref().filter(|account| account.id == body.requested_by);
        let below = requester.and_then(|account| account.roles.iter().map(|role| rank(*role)).max()).unwrap_or(0);
        if *me == body.requested_by || below >= rank(role) {
            return Err(Refusal::forbidden(
                "waiver.approver_above",
                format!(
                    "A waiver is granted by somebody whose role stands above that of whoever asks; {role} does not stand above this requester."
                ),
                Missing::from("waiver", "Somebody whose role stands above that of whoever asks.", Role::RiskCommittee),
            ));
        }
        let is_of_it = requester.is_some_and(|account| {
            access::is_own_side(&Principal::of(account, None), model, version, None)
                || version.requests.iter().any(|request| request.requested_by == account.id)
                || version.findings.iter().any(|finding| finding.owner == account.id)
        });
        if !is_of_it {
            return Err(Refusal::forbidden(
                "waiver.requester",
                format!(
                    "A waiver is asked for by the version's own side: a developer of {}, their team, the model's owner, whoever asked for its promotion, or the owner of a finding.",
                    version.id
                ),
                Missing::from("requested_by", "Somebody of the version\u{2019}s own side asks.", Role::DataScientist),
            ));
        }
        let conflict = if version.developers.contains(me) {
            Some("registered this version or amended its lineage")
        } else if matches!(body.covers, Covers::Finding(number) if version.finding(number).is_some_and(|f| f.owner == *me))
        {
            Some("own this finding")
        } else if version.requests.iter().any(|request| request.is_open() && request.requested_by == *me) {
            Some("asked for the promotion of this version")
        } else {
            None
        };
        match conflict {
            Some(conflict) => Err(Refusal::forbidden(
                "waiver.four_eyes",
                format!("You {conflict}; somebody who has no part in it grants its waivers."),
                Missing::from("waiver", "Somebody of this role or a higher one who has no part in it.", rules.approver),
            )),
            None => Ok(role),
        }
    }

    pub(super) fn revoke_waiver(
        &self,
        id: &VersionId,
        number: u32,
        body: &RevokeWaiver,
    ) -> Result<Vec<Event>, Refusal> {
        let version = self.version(id)?;
        InputCheck::default().text("reason", &body.reason, 2_000).finish()?;
        let waiver = version.waiver(number).ok_or_else(|| {
            Refusal::not_found(
                format!("{id} has no waiver {number}."),
                Missing::field("waiver", "Name a waiver of this version."),
            )
        })?;
        if !waiver.is_in_force(self.context.now) {
            return Err(Refusal::conflict(
                "waiver.in_force",
                format!("Waiver {number} is {} already.", version.waiver_state(waiver, self.context.now).title()),
                Missing::field("waiver", "Nothing need be done: it covers nothing now."),
            ));
        }
        Ok(vec![Event::WaiverRevoked(Revoked { waiver: number, reason: body.reason.trim().to_owned() })])
    }
}
