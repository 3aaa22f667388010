//! Requests, signatures and the transitions that follow from them.

use std::sync::Arc;

use ledger::Timestamp;

use crate::{
    account::Role,
    aggregate::{Aggregate, AggregateId},
    approval::{self, Package},
    command::{DeclinePromotion, RequestPromotion, SignPromotion},
    committee::{Recused, Voted},
    event::{Event, Recorded},
    id::VersionId,
    policy::Gate,
    privacy::{self, dpia::Cause},
    promotion::{Question, Request, missing_before_request, missing_before_signing},
    refusal::{InputCheck, Missing, Refusal, RefusalKind},
    registry::Version,
    stage::Stage,
};

use super::{
    Case,
    four_eyes::{check_signable, check_slot},
};

impl Case<'_> {
    pub(super) fn question<'b>(
        &'b self,
        version: &'b Version,
        to: Stage,
        market: Option<&'b crate::id::Market>,
    ) -> Result<Question<'b>, Refusal> {
        let privacy = self.world.privacy.as_deref();
        Ok(Question {
            model: self.model()?,
            version,
            policy: self.policy()?,
            privacy,
            to,
            market,
            now: self.context.now,
        })
    }

    pub(super) fn request_promotion(&self, id: &VersionId, body: &RequestPromotion) -> Result<Vec<Event>, Refusal> {
        let version = self.version(id)?;
        let mut check = InputCheck::default();
        check.optional_text("note", &body.note, 4_000);
        if let Some(reason) = &body.blue_green {
            check.text("blue_green", reason, 2_000).holds(
                "blue_green",
                body.to == Stage::Production,
                "Only on the way to Production can a version be asked to take over at once.",
            );
        }
        check.finish()?;
        let question = self.question(version, body.to, body.market.as_ref())?;
        question.check_order()?;
        if let Some(market) = &body.market {
            self.check_market_is_free(version, body.to, market)?;
            if body.blue_green.is_some() {
                self.check_blue_green(version, market)?;
            }
        }
        if let Some(open) = version.open_request(body.market.as_ref()) {
            return Err(Refusal::conflict(
                "promotion.one_open",
                format!("Request {} to {} is open already (entry {}).", open.number, open.to, open.entry),
                Missing::field("request", format!("Request {} decided or withdrawn.", open.number)),
            ));
        }
        question.gate()?;
        self.check_requester(version)?;
        // The committee is called whether or not the change counts as material now: MRM or the requester may raise it.
        let convened = self.convene(
            version,
            self.policy()?.policy.gate(&question.model.profile, body.to, body.market.as_ref()).as_ref(),
        );
        let requested = Event::PromotionRequested {
            request: version.requests.iter().map(|request| request.number).max().unwrap_or(0) + 1,
            to: body.to,
            market: body.market.clone(),
            note: body.note.trim().to_owned(),
            due_at: self.answer_due()?,
            assessed: self.assess(version, body.market.as_ref())?.map(Box::new),
            committee: convened.clone(),
            blue_green: body.blue_green.as_ref().map(|reason| reason.trim().to_owned()),
        };
        // The gate is the one that the judgement frozen with the request makes it.
        let after = self.after(id, &requested)?;
        let question = self.question(&after, body.to, body.market.as_ref())?;
        let gate = question.gate()?;
        // A request that nobody signs is complete when it is made or never: nothing later would carry it through.
        let missing_before = if gate.asks_people() { missing_before_request } else { missing_before_signing };
        let missing = missing_before(question.requirements()?);
        if !missing.is_empty() {
            return Err(Refusal::rule(
                "promotion.ready",
                format!(
                    "{id} cannot go to {} yet: {} missing.",
                    body.to,
                    count(missing.len(), "thing is", "things are")
                ),
                missing,
            ));
        }
        if let Some(convened) = convened.filter(|_| gate.committee.is_some()) {
            Self::check_quorum(&convened)?;
        }
        let reopening = privacy::requirements::reopening(&question);
        let mut events = self.followed_by_transition(id, requested)?;
        events.extend(reopening.map(|classes| Event::DpiaReopened(Cause::Version { version: id.number, classes })));
        Ok(events)
    }

    /// By when the validators should have answered a request that is made now.
    pub(super) fn answer_due(&self) -> Result<Timestamp, Refusal> {
        let policy = &self.policy()?.policy;
        let profile = policy.profiles.get(&self.model()?.profile);
        Ok(policy.plus_business_days(self.context.now, profile.map_or(0, |profile| profile.review_business_days)))
    }

    /// The open request of that number.
    pub(super) fn open_request(version: &Version, number: u32) -> Result<&Request, Refusal> {
        let request = version.request(number).ok_or_else(|| {
            Refusal::not_found(
                format!("{} has no promotion request {number}.", version.id),
                Missing::from("request", "Ask for promotion, or name a request of this version.", Role::DataScientist),
            )
        })?;
        if request.is_open() {
            Ok(request)
        } else {
            Err(Refusal::conflict(
                "promotion.open",
                format!(
                    "Request {number} is {} already; ask again if promotion is still wanted.",
                    request.state.title()
                ),
                Missing::from("request", "A new request for promotion.", Role::DataScientist),
            ))
        }
    }

    pub(super) fn withdraw_promotion(&self, id: &VersionId, number: u32) -> Result<Vec<Event>, Refusal> {
        let version = self.version(id)?;
        let request = Self::open_request(version, number)?;
        self.check_own_side(version, Some(&request.requested_by), "withdraw its request")?;
        Ok(vec![Event::PromotionWithdrawn { request: number }])
    }

    pub(super) fn decline_promotion(
        &self,
        id: &VersionId,
        number: u32,
        body: &DeclinePromotion,
    ) -> Result<Vec<Event>, Refusal> {
        let version = self.version(id)?;
        InputCheck::default().text("reason", &body.reason, 4_000).finish()?;
        let request = Self::open_request(version, number)?;
        let gate = self.question(version, request.to, request.market.as_ref())?.gate()?;
        let mine = gate.sign_offs.iter().find(|slot| self.context.principal.is(slot.role));
        let Some(mine) = mine else {
            return Err(Refusal::forbidden(
                "signing.slot",
                format!(
                    "This request asks for no signature of yours, so it is not yours to decline. It waits for: {}.",
                    slot_names(&gate)
                ),
                Missing::of(
                    "signature",
                    "A reviewer of this role signs or declines.",
                    gate.sign_offs.iter().map(|slot| slot.role),
                ),
            ));
        };
        self.check_signer(version, mine.role)?;
        Ok(vec![Event::PromotionDeclined { request: number, reason: body.reason.trim().to_owned() }])
    }

    pub(super) fn sign_promotion(
        &self,
        id: &VersionId,
        number: u32,
        body: &SignPromotion,
    ) -> Result<Vec<Event>, Refusal> {
        self.check_in_person("sign", "A signature")?;
        let version = self.version(id)?;
        InputCheck::default().optional_text("comment", &body.comment, 4_000).finish()?;
        let request = Self::open_request(version, number)?;
        let question = self.question(version, request.to, request.market.as_ref())?;
        let gate = question.gate()?;
        let slot = check_slot(&question, &gate, &self.context.principal, body.role)?;
        if slot.meaning != body.meaning {
            return Err(Refusal::rule(
                "signing.meaning",
                format!(
                    "The policy in force states the meaning of this signature as \u{201c}{}\u{201d}. Confirm exactly that.",
                    slot.meaning
                ),
                Missing::field("meaning", "Confirm the meaning as the policy states it, word by word."),
            ));
        }
        let package = Package::of(&question);
        approval::check_read(version, &package, (&body.package, &body.parts), "Nothing was signed")?;
        check_signable(&question, body.role)?;
        let signed = Event::PromotionSigned {
            request: number,
            role: body.role,
            meaning: slot.meaning.clone(),
            comment: body.comment.trim().to_owned(),
            package: package.digest(),
            parts: package.part_digests(),
        };
        self.followed_by_transition(id, signed)
    }

    /// The version as `event` would leave it.
    pub(super) fn after(&self, id: &VersionId, event: &Event) -> Result<Version, Refusal> {
        let subject = AggregateId::Version(id.clone());
        let before = Aggregate::Version(Arc::clone(self.version(id)?));
        let recorded = Recorded {
            seq: self.context.next_seq,
            time: self.context.now,
            actor: self.actor().clone(),
            subject: subject.clone(),
            event: event.clone(),
        };
        let after = Aggregate::fold(Some(&before), &subject, &recorded)
            .map_err(|error| Refusal::rule("ledger.consistent", error.to_string(), Missing::sound_ledger()))?;
        match after {
            Aggregate::Version(after) => Ok(Arc::unwrap_or_clone(after)),
            _ => Err(Refusal::rule(
                "ledger.consistent",
                format!("{id} did not fold into a version"),
                Missing::sound_ledger(),
            )),
        }
    }

    /// `event`, and the transition with it if nothing is missing any more.
    pub(super) fn followed_by_transition(&self, id: &VersionId, event: Event) -> Result<Vec<Event>, Refusal> {
        let after = self.after(id, &event)?;
        let request = match &event {
            Event::PromotionRequested { request, .. }
            | Event::PromotionSigned { request, .. }
            | Event::CommitteeVoted(Voted { request, .. })
            | Event::CommitteeRecused(Recused { request, .. }) => Self::open_request(&after, *request)?,
            Event::DriftApproved(approved) => match after.open_request(Some(&approved.market)) {
                Some(request) => request,
                None => return Ok(vec![event]),
            },
            _ => return Ok(vec![event]),
        };
        let transition = match self.transition(&after, request) {
            // All is there but the market's users: what was signed stands, and the request waits for them.
            Err(refusal) if refusal.kind == RefusalKind::Conflict => None,
            other => other?,
        };
        Ok([event].into_iter().chain(transition).collect())
    }

    /// The transitions of those requests for which only time was missing.
    pub(super) fn requests_come_due(&self, id: &VersionId) -> Result<Vec<Event>, Refusal> {
        self.complete_requests(self.version(id)?)
    }

    /// The transitions of those open requests of `version` to which nothing is missing any more.
    fn complete_requests(&self, version: &Version) -> Result<Vec<Event>, Refusal> {
        let open = version.requests.iter().filter(|request| request.is_open());
        let (mut transitions, mut waits) = (Vec::new(), None);
        for request in open {
            match self.transition(version, request) {
                Ok(transition) => transitions.extend(transition),
                Err(refusal) if refusal.kind == RefusalKind::Conflict => waits = Some(refusal),
                Err(refusal) => return Err(refusal),
            }
        }
        // A market that is taken is asked for again later; the refusal has the clockwork do so.
        waits.filter(|_| transitions.is_empty()).map_or(Ok(transitions), Err)
    }

    /// The transition that `request` asks for, if nothing is missing any more.
    pub(super) fn transition(&self, version: &Version, request: &Request) -> Result<Option<Event>, Refusal> {
        let (to, market) = (request.to, request.market.clone());
        let question = self.question(version, to, market.as_ref())?;
        let requirements = question.requirements()?;
        if requirements.iter().any(|requirement| !requirement.met) {
            return Ok(None);
        }
        if let Some(market) = &market {
            self.check_market_is_free(version, to, market)?;
        }
        let requirements = requirements.into_iter().map(|requirement| requirement.rule).collect();
        self.entering(version, request, requirements).map(Some)
    }

    /// The transition of a request that met these requirements.
    pub(super) fn entering(
        &self,
        version: &Version,
        request: &Request,
        requirements: Vec<String>,
    ) -> Result<Event, Refusal> {
        let (to, market) = (request.to, request.market.clone());
        let question = self.question(version, to, market.as_ref())?;
        let policy = self.policy()?;
        let blue_green = request.blue_green.as_deref();
        let serving = market.as_ref().map(|market| Box::new(self.serving(version, to, market, blue_green)));
        let at_once = to == Stage::Production && serving.as_ref().is_some_and(|serving| serving.steps.is_empty());
        let champion = market.as_ref().and_then(|market| question.model.champions.get(market));
        let standby_until = match (&market, champion) {
            (Some(market), Some(_)) if at_once => {
                policy.policy.markets.get(market).map(|rules| self.context.now.plus_days(i64::from(rules.standby_days)))
            }
            _ => None,
        };
        Ok(Event::StageTransitioned {
            request: request.number,
            from: version.stage_in(market.as_ref()),
            to,
            package: Package::of(&question).digest(),
            policy: policy.digest,
            requirements,
            standby_until,
            materiality: question.rules().map(|_| question.materiality()),
            weights: version.lineage.model.weights_digest.filter(|_| to == Stage::Production),
            market,
            serving,
        })
    }
}

pub(super) fn slot_names(gate: &Gate) -> String {
    let mut names: Vec<&str> = gate.sign_offs.iter().map(|slot| slot.role.title()).collect();
    if gate.committee.is_some() {
        names.push("the vote of the risk committee");
    }
    if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }
}

/// `1 thing is` or `3 things are`.
pub(super) fn count(number: usize, one: &str, many: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {many}") }
}
