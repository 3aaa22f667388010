//! The one place where a rule can be broken, and therefore is not: a command and the state it concerns, in; events
//! or a refusal, out. Pure.

mod accounts;
mod campaigns;
mod clock;
mod committee;
mod four_eyes;
mod inventory;
mod kill_switch;
mod materiality;
mod observations;
mod privacy;
mod promotions;
mod recompute;
mod rollouts;
mod triggers;
mod validations;
mod versions;
mod waivers;
mod webhooks;

pub use four_eyes::may_sign;
pub(crate) use recompute::recompute;

use std::sync::Arc;

use ledger::Timestamp;

use crate::{
    access::{self, Principal},
    account::{AccountKind, Role},
    aggregate::World,
    command::Command,
    event::Event,
    id::{AccountId, VersionId},
    policy::AdoptedPolicy,
    refusal::{InputCheck, Missing, Refusal},
    registry::{Model, Version},
};

/// The account in whose name the program itself acts.
const SYSTEM: &str = "system";
/// Bytes that an event's payload may have: an entry's, less room for what stands around it.
const MAX_PAYLOAD_BYTES: usize = ledger::MAX_ENTRY_BYTES - 2_048;

/// Under which circumstances a decision is made.
#[derive(Debug, Clone)]
pub struct Context {
    /// The present instant.
    pub now: Timestamp,
    /// The number that the next entry gets.
    pub next_seq: u64,
    /// Who commands.
    pub principal: Principal,
    /// Whether the principal proved its identity again for this very command.
    pub reauthenticated: bool,
    /// The number of entries on the version that the commander saw, if it said so.
    pub expected_revision: Option<u64>,
}

/// Decides.
///
/// # Errors
/// A refusal that names the rule, what is missing and who can supply it.
pub fn decide(world: &World, context: &Context, command: &Command) -> Result<Vec<Event>, Refusal> {
    access::authorise(&context.principal, command.action(&context.principal.account))?;
    let case = Case { world, context };
    let events = match command {
        Command::RegisterModel(body) => case.register_model(body),
        Command::RegisterVersion(_, body) => case.register_version(body),
        Command::AmendLineage(id, body) => case.amend_lineage(id, body),
        Command::AttachEvidence(id, body) => case.attach_evidence(id, body),
        Command::RequestPromotion(id, body) => case.request_promotion(id, body),
        Command::WithdrawPromotion(id, number) => case.withdraw_promotion(id, *number),
        Command::DeclinePromotion(id, number, body) => case.decline_promotion(id, *number, body),
        Command::SignPromotion(id, number, body) => case.sign_promotion(id, *number, body),
        Command::RecordReport(id, body) => case.record_report(id, body),
        Command::RaiseFinding(id, body) => case.raise_finding(id, body),
        Command::RemediateFinding(id, number, body) => case.remediate_finding(id, *number, body),
        Command::CloseFinding(id, number, body) => case.close_finding(id, *number, body),
        Command::ReopenFinding(id, number, body) => case.reopen_finding(id, *number, body),
        Command::SetMateriality(id, body) => case.set_materiality(id, body),
        Command::Vote(id, number, body) => case.vote(id, *number, body),
        Command::Recuse(id, number, body) => case.recuse(id, *number, body),
        Command::GrantWaiver(id, body) => case.grant_waiver(id, body),
        Command::RevokeWaiver(id, number, body) => case.revoke_waiver(id, *number, body),
        Command::ReassessTier(_, body) => case.reassess_tier(body),
        Command::AmendInventory(_, body) => case.amend_inventory(body),
        Command::AddMarket(_, body) => case.add_market(body),
        Command::ChangeOwner(_, body) => case.change_owner(body),
        Command::RetireModel(_, body) => case.retire_model(body),
        Command::OpenCampaign(number, body) => case.open_campaign(*number, body),
        Command::Attest(number, body) => case.attest(*number, body),
        Command::ArchiveVersion(id, body) => case.archive_version(id, body),
        Command::AdoptPolicy(toml) => case.adopt_policy(toml),
        Command::CreateAccount(body) => case.create_account(body),
        Command::ChangeRoles(_, roles, team) => case.change_roles(roles, team.as_deref()),
        Command::DisableAccount(id, disable) => case.disable_account(id, *disable),
        Command::IssueToken(body) => case.issue_token(body),
        Command::RevokeToken(_, token) => case.revoke_token(token),
        Command::Tick(id) => case.tick(id),
        Command::ConfigureTriggers(_, body) => case.configure_triggers(body),
        Command::ObserveDrift(_, body) => case.observe_drift(body),
        Command::ObservePerformance(_, body) => case.observe_performance(body),
        Command::Retrain(_, body) => case.retrain(body),
        Command::ApproveDrift(id, body) => case.approve_drift(id, body),
        Command::RegisterWebhook(body) => case.register_webhook(body),
        Command::RotateWebhook(body) => case.rotate_webhook(body),
        Command::RemoveWebhook(id) => case.remove_webhook(id),
        Command::Privacy(command) => case.privacy(command),
        Command::Serve(model, market, command) => case.serve(model, market, command),
    }?;
    events.iter().try_for_each(fits_an_entry)?;
    Ok(events)
}

/// Refuses what the ledger could not seal, while there is still somebody to tell how to mend it.
fn fits_an_entry(event: &Event) -> Result<(), Refusal> {
    let bytes = event.payload().map_or(usize::MAX, |payload| payload.to_string().len());
    if bytes <= MAX_PAYLOAD_BYTES {
        return Ok(());
    }
    let message = format!(
        "This has {bytes} bytes; at most {MAX_PAYLOAD_BYTES} fit into a ledger entry. Shorten it, or attach the long part as a file."
    );
    Err(Refusal::invalid(vec![Missing::field("body", message)]))
}

/// A decision in the making; the commands' rules are its methods, by concept in the modules below.
struct Case<'a> {
    world: &'a World,
    context: &'a Context,
}

impl Case<'_> {
    fn actor(&self) -> &AccountId {
        &self.context.principal.account
    }

    /// Refuses whoever is not a person that proved its identity again for this very command. `verb` stands after "can",
    /// `act` before "needs your password".
    fn check_in_person(&self, verb: &str, act: &str) -> Result<(), Refusal> {
        // Whoever runs the program on its machine: the first policy and the first administrator come from there.
        if self.actor().as_str() == SYSTEM {
            return Ok(());
        }
        if self.context.principal.kind != AccountKind::Human {
            return Err(Refusal::forbidden(
                "signing.person",
                format!("Only a person can {verb}."),
                Missing::field("person", "A person who is signed in with a password."),
            ));
        }
        self.check_reauthenticated(act)
    }

    fn check_reauthenticated(&self, act: &str) -> Result<(), Refusal> {
        if self.context.reauthenticated {
            return Ok(());
        }
        let message = format!("{act} needs your password once more.");
        let field = Missing::field("password", message.clone());
        Err(Refusal::forbidden("signing.reauthentication", message, vec![field]))
    }

    fn policy(&self) -> Result<&Arc<AdoptedPolicy>, Refusal> {
        self.world.policy.as_ref().ok_or_else(|| {
            Refusal::rule(
                "policy.adopted",
                "No policy is adopted yet; start the server once to adopt the shipped one.",
                Missing::from(
                    "policy",
                    "Start the server once, which adopts the shipped policy, or adopt one.",
                    Role::Administrator,
                ),
            )
        })
    }

    /// Refuses an instant that another machine reports for `field` further ahead than clocks may differ.
    fn check_reported(&self, check: &mut InputCheck, field: &str, at: Timestamp) {
        let now = self.context.now;
        let limits = self.world.policy.as_ref().map(|policy| &policy.policy.limits);
        let latest = limits.map_or(now, |limits| limits.latest_reported(now));
        let minutes = limits.and_then(|limits| limits.clock_skew_minutes).unwrap_or(0);
        check.holds(
            field,
            at <= latest,
            format!(
                "{field} lies in the future: {at}, and the server\u{2019}s clock says {now}. Check the reporter\u{2019}s clock; by policy it may run ahead by limits.clock_skew_minutes, which is {minutes}."
            ),
        );
    }

    fn model(&self) -> Result<&Arc<Model>, Refusal> {
        self.world.model.as_ref().ok_or_else(|| {
            Refusal::not_found(
                "No such model is registered.",
                Missing::from("model", "Register the model, or name one that is registered.", Role::DataScientist),
            )
        })
    }

    /// The version, if it exists, may still change, and is as the commander saw it.
    fn version(&self, id: &VersionId) -> Result<&Arc<Version>, Refusal> {
        self.model()?;
        let version = self.world.version.as_ref().ok_or_else(|| {
            Refusal::not_found(
                format!("{id} is not registered."),
                Missing::from("version", "Register the version, or name one that is registered.", Role::DataScientist),
            )
        })?;
        match self.context.expected_revision {
            Some(seen) if seen != version.revision => Err(Refusal::conflict(
                "version.unchanged",
                format!(
                    "{id} was changed at {} after you opened it. Nothing was written: look at it again and repeat what still applies.",
                    version.updated_at
                ),
                Missing::field("revision", "Open the version anew and act on what it says now."),
            )),
            _ => Ok(version),
        }
    }
}
