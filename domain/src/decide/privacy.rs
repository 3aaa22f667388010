//! Impact assessments, safeguards, the human-review register, holds and erasure.

use std::collections::{BTreeMap, BTreeSet};

use ledger::Digest;

use super::Case;
use crate::{
    access::Action,
    account::{Account, AccountKind, Role},
    aggregate::AggregateId,
    event::Event,
    id::{AccountId, ModelName},
    lineage::Class,
    privacy::{
        PrivacyFile, Step,
        command::{
            AdviseDpia, AnswerReview, ApproveDpia, ConfirmSafeguards, Erase, ExtendReview, HoldReason, PrivacyCommand,
            ReceiveReview, RecordConsultation, ReopenDpia,
        },
        dpia::{Cause, Content, Draft, fingerprint, plus_months},
        erasure::{Erased, Hold, in_force},
        event::{Advised, Approval, Consulted, Drafted, Extended, KeeperLeft, Received},
        policy::PrivacyPolicy,
        review::{PERSONAL_FIELDS, Review},
        safeguards::Article22,
    },
    refusal::{InputCheck, Missing, Refusal},
};

/// Holds that are kept on one thing.
const MAX_HOLDS: usize = 200;

impl Case<'_> {
    pub(super) fn privacy(&self, command: &PrivacyCommand) -> Result<Vec<Event>, Refusal> {
        match command {
            PrivacyCommand::DraftDpia(model, content) => self.draft_dpia(model, content),
            PrivacyCommand::AdviseDpia(_, body) => self.advise_dpia(body),
            PrivacyCommand::RecordConsultation(_, body) => self.record_consultation(body),
            PrivacyCommand::ApproveDpia(_, body) => self.approve_dpia(body),
            PrivacyCommand::ReopenDpia(_, body) => self.reopen_dpia(body),
            PrivacyCommand::StateSafeguards(_, statement) => self.state_safeguards(statement),
            PrivacyCommand::ConfirmSafeguards(_, body) => self.confirm_safeguards(body),
            PrivacyCommand::ReceiveReview(_, body) => self.receive_review(body),
            PrivacyCommand::AssignReview(_, assignee) => self.assign_review(assignee),
            PrivacyCommand::ExtendReview(_, body) => self.extend_review(body),
            PrivacyCommand::AnswerReview(_, body) => self.answer_review(body),
            PrivacyCommand::PlaceHold(target, body) => self.place_hold(target, body),
            PrivacyCommand::ReleaseHold(target, number, body) => self.release_hold(target, *number, body),
            PrivacyCommand::Erase(target, body) => self.erase(target, body),
        }
    }

    pub(super) fn privacy_policy(&self) -> Result<&PrivacyPolicy, Refusal> {
        self.policy()?.policy.privacy.as_ref().ok_or_else(|| {
            Refusal::rule(
                "policy.privacy",
                "The policy in force has no section [privacy]; an administrator must adopt one that does.",
                Missing::from("policy.privacy", "Adopt a policy with the section [privacy].", Role::Administrator),
            )
        })
    }

    /// The model's privacy file, if anything is in it yet, as the commander saw it.
    fn file(&self) -> Result<Option<&PrivacyFile>, Refusal> {
        self.model()?;
        let file = self.world.privacy.as_deref();
        let revision = file.map_or(0, |file| file.revision);
        match self.context.expected_revision {
            Some(seen) if seen != revision => Err(Refusal::conflict(
                "privacy.unchanged",
                "The privacy file was changed after you opened it. Nothing was written: look at it again and repeat what still applies.",
                Missing::field("revision", "Open the privacy file anew and act on what it says now."),
            )),
            _ => Ok(file),
        }
    }

    fn draft(&self) -> Result<(&PrivacyFile, &Draft), Refusal> {
        let file = self.file()?;
        file.and_then(|file| Some((file, file.draft.as_ref()?))).ok_or_else(|| {
            Refusal::not_found(
                "No impact assessment of this model is begun.",
                Missing::from("dpia", "Begin the impact assessment.", Role::DataScientist),
            )
        })
    }

    /// Accounts that are named as owners must be there and act.
    fn check_owner(&self, check: &mut InputCheck, field: &str, owner: &AccountId) {
        let known: Option<&Account> = self.world.accounts.get(owner).map(AsRef::as_ref);
        check.holds(field, known.is_some_and(|account| !account.disabled), "There is no active account of this id.");
    }

    fn draft_dpia(&self, model: &ModelName, content: &Content) -> Result<Vec<Event>, Refusal> {
        let file = self.file()?;
        let content = content.clone().tidied();
        content.check()?;
        let mut check = InputCheck::default();
        let known = &self.model()?.markets;
        for market in &content.scope.markets {
            check.holds("scope.markets", known.contains(market), format!("{model} is not registered for {market}."));
        }
        for (index, measure) in content.measures.iter().enumerate() {
            if let Some(owner) = &measure.owner {
                self.check_owner(&mut check, &format!("measures.{}.owner", index + 1), owner);
            }
        }
        let assessed = self.world.version.as_ref();
        if let Some(number) = content.scope.version {
            check.holds("scope.version", assessed.is_some(), format!("{model} has no version {number}."));
        }
        check.finish()?;
        let fingerprints = self.fingerprints(&content);
        let digest = content.digest();
        if file.and_then(|file| file.draft.as_ref()).is_some_and(|draft| draft.digest == digest) {
            return Err(Refusal::conflict(
                "dpia.changed",
                "The assessment says this very thing already.",
                Missing::field("dpia", "A change of the assessment."),
            ));
        }
        Ok(vec![Event::DpiaDrafted(Box::new(Drafted { content, fingerprints }))])
    }

    /// Fingerprints of the version that the content names, of the classes that its scope names.
    pub(super) fn fingerprints(&self, content: &Content) -> BTreeMap<Class, Digest> {
        let classes = content.scope.reopened_by.iter();
        let assessed = self.world.version.as_ref();
        assessed
            .into_iter()
            .flat_map(|version| classes.clone().map(|class| (*class, fingerprint(&version.lineage, *class))))
            .collect()
    }

    /// Refuses whoever wrote on the content, and content that is not the one that was read.
    fn check_reader(&self, draft: &Draft, read: Digest) -> Result<(), Refusal> {
        if draft.authors.contains(self.actor()) {
            return Err(Refusal::forbidden(
                "dpia.four_eyes",
                "You wrote on this assessment; author and privacy officer are different people. Ask a colleague.",
                Missing::from(
                    "privacy_officer",
                    "A privacy officer who wrote nothing of this assessment.",
                    Role::PrivacyOfficer,
                ),
            ));
        }
        Self::check_read(draft, read)?;
        let missing = draft.content.missing();
        if missing.is_empty() {
            return Ok(());
        }
        Err(Refusal::rule(
            "dpia.complete",
            format!("The assessment is not complete: {} missing.", things(missing.len())),
            missing,
        ))
    }

    /// Refuses content that is not the one that was read.
    fn check_read(draft: &Draft, read: Digest) -> Result<(), Refusal> {
        if draft.digest == read {
            return Ok(());
        }
        Err(Refusal::conflict(
            "signing.stale_package",
            format!(
                "The assessment changed after you opened it: it is now {}, you read {}. Nothing was recorded: read it again.",
                draft.digest.short(),
                read.short()
            ),
            Missing::field("digest", "Read the assessment as it is now, then decide."),
        ))
    }

    fn advise_dpia(&self, body: &AdviseDpia) -> Result<Vec<Event>, Refusal> {
        let (file, draft) = self.draft()?;
        InputCheck::default().text("advice", &body.advice, 4_000).finish()?;
        self.check_reader(draft, body.content)?;
        if file.step(self.privacy_policy()?) == Step::Done {
            return Err(Refusal::conflict(
                "dpia.open",
                "This very assessment is approved already.",
                Missing::field("dpia", "A change of the assessment opens it again."),
            ));
        }
        Ok(vec![Event::DpiaAdvised(Advised {
            content: draft.digest,
            advice: body.advice.trim().to_owned(),
            favourable: body.favourable,
        })])
    }

    fn record_consultation(&self, body: &RecordConsultation) -> Result<Vec<Event>, Refusal> {
        let (file, draft) = self.draft()?;
        InputCheck::default()
            .text("authority", &body.authority, 200)
            .text("reference", &body.reference, 200)
            .text("answer", &body.answer, 4_000)
            .finish()?;
        if file.step(self.privacy_policy()?) == Step::Done {
            return Err(Refusal::conflict(
                "dpia.open",
                "This very assessment is approved already.",
                Missing::field("dpia", "A change of the assessment opens it again."),
            ));
        }
        Self::check_read(draft, body.content)?;
        Ok(vec![Event::DpiaConsulted(Consulted {
            content: Some(draft.digest),
            authority: body.authority.trim().to_owned(),
            reference: body.reference.trim().to_owned(),
            answer: body.answer.trim().to_owned(),
        })])
    }

    fn approve_dpia(&self, body: &ApproveDpia) -> Result<Vec<Event>, Refusal> {
        self.check_in_person("sign", "A signature")?;
        let (file, draft) = self.draft()?;
        let policy = self.privacy_policy()?;
        let months = body.review_months.unwrap_or(policy.review_months);
        let mut check = InputCheck::default();
        check.optional_text("comment", &body.comment, 4_000).holds(
            "review_months",
            (1..=policy.review_months).contains(&months),
            format!("Policy lets an assessment stand {} months at most, and one at least.", policy.review_months),
        );
        check.finish()?;
        if policy.approval_meaning != body.meaning {
            return Err(Refusal::rule(
                "signing.meaning",
                format!(
                    "The policy in force states the meaning of this signature as \u{201c}{}\u{201d}. Confirm exactly that.",
                    policy.approval_meaning
                ),
                Missing::field("meaning", "Confirm the meaning as the policy states it, word by word."),
            ));
        }
        self.check_reader(draft, body.content)?;
        match file.step(policy) {
            Step::Done => {
                return Err(Refusal::conflict(
                    "dpia.open",
                    "This very assessment is approved already.",
                    Missing::field("dpia", "A change of the assessment opens it again."),
                ));
            }
            Step::Advise | Step::Write => {
                let message = "The privacy officer\u{2019}s advice on exactly this content is not recorded.";
                return Err(Refusal::rule(
                    "dpia.advised",
                    "There is no advice on this content yet (Art. 35(2)).",
                    vec![Missing::from("dpia.advice", message, Role::PrivacyOfficer)],
                ));
            }
            Step::Consult => {
                let high = draft.content.high_residual(policy).map(|risk| {
                    let message = format!("\u{201c}{}\u{201d} stays high with the measures in place.", risk.title);
                    Missing::from("dpia.consultation", message, Role::PrivacyOfficer)
                });
                return Err(Refusal::rule(
                    "dpia.consulted",
                    "The residual risk is high: the supervisory authority must be consulted first (Art. 36).",
                    high.collect::<Vec<_>>(),
                ));
            }
            Step::Approve => {}
        }
        if file.advice.as_ref().is_some_and(|advice| !advice.favourable) && body.comment.trim().is_empty() {
            return Err(Refusal::invalid(vec![Missing::field(
                "comment",
                "The advice speaks against it: say why it is approved all the same.",
            )]));
        }
        let high_risks = draft.content.high_residual(policy).count();
        Ok(vec![Event::DpiaApproved(Box::new(Approval {
            content: draft.digest,
            meaning: policy.approval_meaning.clone(),
            comment: body.comment.trim().to_owned(),
            review_at: plus_months(self.context.now, months),
            high_risks: u32::try_from(high_risks).unwrap_or(u32::MAX),
            policy: self.policy()?.digest,
        }))])
    }

    fn reopen_dpia(&self, body: &ReopenDpia) -> Result<Vec<Event>, Refusal> {
        let file = self.file()?;
        InputCheck::default().text("reason", &body.reason, 2_000).finish()?;
        match file.and_then(|file| file.approved.as_ref()) {
            None => Err(Refusal::not_found(
                "No impact assessment of this model is approved; change the draft.",
                Missing::from(
                    "dpia",
                    "An approval; until there is one the draft itself is changed.",
                    Role::PrivacyOfficer,
                ),
            )),
            Some(approved) if approved.reopened.is_some() => Err(Refusal::conflict(
                "dpia.approved",
                "The assessment is open already.",
                Missing::field("dpia", "Nothing need be done: change the draft."),
            )),
            Some(_) => Ok(vec![Event::DpiaReopened(Cause::Risk { reason: body.reason.trim().to_owned() })]),
        }
    }

    /// An assessment whose review date came is open again.
    pub(super) fn reviews_come_due(&self) -> Vec<Event> {
        let approved = self.world.privacy.as_ref().and_then(|file| file.approved.as_ref());
        let due = approved.filter(|approved| approved.reopened.is_none() && approved.review_at <= self.context.now);
        due.map(|_| Event::DpiaReopened(Cause::ReviewDate {})).into_iter().collect()
    }

    fn state_safeguards(&self, statement: &Article22) -> Result<Vec<Event>, Refusal> {
        let file = self.file()?;
        statement.check()?;
        let mut check = InputCheck::default();
        for (safeguard, keeper) in &statement.safeguards {
            self.check_owner(&mut check, &format!("safeguards.{}.owner", safeguard.id()), &keeper.owner);
        }
        check.finish()?;
        let digest = statement.digest();
        if file.and_then(|file| file.safeguards.as_ref()).is_some_and(|stated| stated.digest == digest) {
            return Err(Refusal::conflict(
                "safeguards.changed",
                "The statement says this very thing already.",
                Missing::field("safeguards", "A change of the statement."),
            ));
        }
        Ok(vec![Event::SafeguardsStated(Box::new(statement.clone()))])
    }

    /// What nobody keeps once this account is disabled.
    pub(super) fn safeguards_lost_with(&self, account: &AccountId) -> impl Iterator<Item = Event> {
        self.world.kept.iter().filter_map(move |file| {
            let stated = file.safeguards.as_ref()?;
            if stated.lapsed.iter().any(|lapse| lapse.account == *account) {
                return None;
            }
            let safeguards = stated.statement.kept_by(account);
            let (model, account) = (file.model.clone(), account.clone());
            let lost = KeeperLeft { model, account, safeguards };
            (!lost.safeguards.is_empty()).then_some(Event::SafeguardsLapsed(lost))
        })
    }

    fn confirm_safeguards(&self, body: &ConfirmSafeguards) -> Result<Vec<Event>, Refusal> {
        let stated = self.file()?.and_then(|file| file.safeguards.as_ref());
        let stated = stated.ok_or_else(|| {
            Refusal::not_found(
                "Nothing is stated yet under Art. 22.",
                Missing::from("safeguards", "State the safeguards first.", Role::DataScientist),
            )
        })?;
        if stated.digest != body.statement {
            return Err(Refusal::conflict(
                "signing.stale_package",
                "The statement changed after you opened it. Nothing was recorded: read it again.",
                Missing::field("digest", "Read the statement as it is now, then confirm it."),
            ));
        }
        if stated.stands() {
            return Err(Refusal::conflict(
                "safeguards.open",
                "This very statement is confirmed already.",
                Missing::field("safeguards", "Nothing need be done: it stands confirmed."),
            ));
        }
        if stated.by == *self.actor() {
            return Err(Refusal::forbidden(
                "safeguards.four_eyes",
                "You made this statement; somebody else confirms it. Ask a colleague.",
                Missing::from(
                    "privacy_officer",
                    "A privacy officer who did not make the statement.",
                    Role::PrivacyOfficer,
                ),
            ));
        }
        let missing = stated.statement.missing();
        if !missing.is_empty() {
            return Err(Refusal::rule(
                "safeguards.complete",
                format!("The statement is not complete: {} missing.", things(missing.len())),
                missing,
            ));
        }
        let acts = |id: &AccountId| self.world.accounts.get(id).is_some_and(|account| !account.disabled);
        let gone = stated.statement.safeguards.iter().filter(|(_, keeper)| !acts(&keeper.owner));
        let gone: Vec<Missing> = gone
            .map(|(safeguard, _)| {
                let message = format!("Name an active account that owns: {}.", safeguard.title().to_lowercase());
                Missing::from(format!("article22.safeguards.{}", safeguard.id()), message, Role::DataScientist)
            })
            .collect();
        if !gone.is_empty() {
            return Err(Refusal::rule(
                "safeguards.owners",
                "An account that owns a safeguard is disabled, so nobody answers for it.",
                gone,
            ));
        }
        Ok(vec![Event::SafeguardsConfirmed { statement: stated.digest }])
    }

    fn receive_review(&self, body: &ReceiveReview) -> Result<Vec<Event>, Refusal> {
        let model = self.model()?;
        let now = self.context.now;
        let received_at = body.received_at.unwrap_or(now);
        let mut check = InputCheck::default();
        let pseudonymous = body.decision.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-/:".contains(&b));
        check
            .text("decision", &body.decision, 200)
            .holds(
                "decision",
                pseudonymous,
                "A reference has letters, digits, '.', '_', '-', '/' and ':' only; no name or address of a person.",
            )
            .holds("received_at", received_at <= now, "The request lies in the future.")
            .holds(
                "market",
                body.market.as_ref().is_none_or(|market| model.markets.contains(market)),
                format!("{} is not registered for this market.", model.name),
            )
            .holds(
                "version",
                body.version.is_none_or(|version| version < model.next_version),
                format!("{} has no such version.", model.name),
            )
            .holds("name", body.commitments.contains_key("name"), "Say who asks.")
            .holds("contact", body.commitments.contains_key("contact"), "Say how the person is reached.");
        check_fields(&mut check, &body.commitments);
        check.finish()?;
        let days = self.privacy_policy()?.review_request_days;
        Ok(vec![Event::ReviewReceived(Box::new(Received {
            asks: body.asks,
            version: body.version,
            market: body.market.clone(),
            decision: body.decision.trim().to_owned(),
            received_at,
            due_at: received_at.plus_days(i64::from(days)),
            commitments: body.commitments.clone(),
        }))])
    }

    fn review(&self) -> Result<&Review, Refusal> {
        self.world.review.as_deref().ok_or_else(|| {
            Refusal::not_found(
                "There is no such review request.",
                Missing::from("review", "Record the request, or name one that is recorded.", Role::PrivacyOfficer),
            )
        })
    }

    fn open_review(&self) -> Result<&Review, Refusal> {
        let review = self.review()?;
        match &review.answer {
            None => Ok(review),
            Some(answer) => Err(Refusal::conflict(
                "review.open",
                format!("The request was answered by entry {}: {}.", answer.entry, answer.outcome.title()),
                Missing::field("review", "Nothing need be done: the answer is recorded."),
            )),
        }
    }

    fn assign_review(&self, assignee: &AccountId) -> Result<Vec<Event>, Refusal> {
        let review = self.open_review()?;
        let account = self.world.accounts.get(assignee);
        let account = account.ok_or_else(|| {
            Refusal::not_found(
                "There is no account of this id.",
                Missing::field("assignee", "Name an account that exists."),
            )
        })?;
        if account.kind != AccountKind::Human || account.disabled {
            return Err(Refusal::rule(
                "review.human",
                "A request for human review goes to a person whose account is active.",
                Missing::field("assignee", "A person whose account is active."),
            ));
        }
        if !Action::AnswerReview.roles().iter().any(|role| account.roles.contains(role)) {
            let roles: Vec<&str> = Action::AnswerReview.roles().iter().map(|role| role.title()).collect();
            return Err(Refusal::rule(
                "review.role",
                format!("This person may not answer requests; choose somebody who is one of: {}.", roles.join(", ")),
                Missing::of("assignee", "Somebody of this role.", Action::AnswerReview.roles().iter().copied()),
            ));
        }
        if review.assignee.as_ref() == Some(assignee) {
            return Err(Refusal::conflict(
                "review.changed",
                "The request is assigned to this person already.",
                Missing::field("assignee", "Nothing need be done, or another person."),
            ));
        }
        Ok(vec![Event::ReviewAssigned { assignee: assignee.clone() }])
    }

    /// An open request that this person may deal with.
    fn own_review(&self) -> Result<&Review, Refusal> {
        let review = self.open_review()?;
        if self.context.principal.kind != AccountKind::Human {
            return Err(Refusal::forbidden(
                "review.human",
                "Only a person can answer a request for human review.",
                Missing::field("person", "A person who is signed in with a password."),
            ));
        }
        if !review.shows_person_to(&self.context.principal) {
            return Err(Refusal::forbidden(
                "review.assigned",
                "This request is not assigned to you; the privacy officer can assign it.",
                Missing::from(
                    "assignee",
                    "Assign the request to you, or have the one answer it to whom it is assigned.",
                    Role::PrivacyOfficer,
                ),
            ));
        }
        Ok(review)
    }

    /// Extends the deadline once, while the person can still be told in time (GDPR Art. 12(3)). The entry is the proof
    /// that it was in time, so nothing is extended in retrospect.
    fn extend_review(&self, body: &ExtendReview) -> Result<Vec<Event>, Refusal> {
        let review = self.own_review()?;
        let now = self.context.now;
        let Some(rule) = self.privacy_policy()?.review_extension else {
            return Err(Refusal::rule(
                "review.extension",
                "The policy in force lets no deadline be extended.",
                Missing::from(
                    "policy.privacy.review_extension",
                    "Adopt a policy that lets a deadline be extended; until then answer in time.",
                    Role::Administrator,
                ),
            ));
        };
        if let Some(earlier) = &review.extension {
            return Err(Refusal::conflict(
                "review.extension_once",
                format!("The deadline was extended already, by entry {}; it is extended once.", earlier.entry),
                Missing::field("answer", "An answer to the request."),
            ));
        }
        let until = review.extendable_until(rule).unwrap_or(review.due_at);
        if now > until {
            return Err(Refusal::rule(
                "review.extension_in_time",
                format!(
                    "A deadline is extended, and the person told, within {} days of the request and before it passed: that was until {}. Answer the request.",
                    rule.inform_days,
                    until.date()
                ),
                Missing::field("answer", "An answer to the request."),
            ));
        }
        let days = body.days.unwrap_or(rule.days);
        let informed_at = body.informed_at.unwrap_or(now);
        InputCheck::default()
            .text("reason", &body.reason, 2_000)
            .holds(
                "days",
                (1..=rule.days).contains(&days),
                format!("Policy lets a deadline be extended by 1 to {} days.", rule.days),
            )
            .holds(
                "informed_at",
                (review.received_at..=now).contains(&informed_at),
                "The person is told after the request came in, and before it is recorded here.",
            )
            .finish()?;
        Ok(vec![Event::ReviewExtended(Box::new(Extended {
            reason: body.reason.trim().to_owned(),
            informed_at,
            due_at: review.due_at.plus_days(i64::from(days)),
            days,
            rule,
        }))])
    }

    fn answer_review(&self, body: &AnswerReview) -> Result<Vec<Event>, Refusal> {
        self.own_review()?;
        let mut check = InputCheck::default();
        check.holds("answer", body.commitments.contains_key("answer"), "Write what the person is told.");
        check_fields(&mut check, &body.commitments);
        check.finish()?;
        Ok(vec![Event::ReviewAnswered { outcome: body.outcome, commitments: body.commitments.clone() }])
    }

    /// The holds on a target itself.
    fn holds_on(&self, target: &AggregateId) -> Result<&[Hold], Refusal> {
        match target {
            AggregateId::Account(_) => Ok(&self.held_account()?.holds),
            AggregateId::ReviewRequest(_) => Ok(&self.review()?.holds),
            AggregateId::Dpia(_) => {
                self.model()?;
                Ok(self.world.privacy.as_deref().map_or(&[], |file| &file.holds))
            }
            _ => Err(not_personal()),
        }
    }

    fn held_account(&self) -> Result<&Account, Refusal> {
        self.world.account.as_deref().ok_or_else(|| {
            Refusal::not_found("No such account.", Missing::field("account", "Name an account that exists."))
        })
    }

    fn place_hold(&self, target: &AggregateId, body: &HoldReason) -> Result<Vec<Event>, Refusal> {
        let holds = self.holds_on(target)?;
        InputCheck::default().text("reason", &body.reason, 1_000).finish()?;
        if holds.len() >= MAX_HOLDS {
            return Err(Refusal::rule(
                "hold.count",
                format!("At most {MAX_HOLDS} holds are kept on one thing."),
                Missing::from(
                    "holds",
                    "Room for one more: release a hold whose reason has passed.",
                    Role::PrivacyOfficer,
                ),
            ));
        }
        if self.erased(target).is_some() {
            return Err(Refusal::conflict(
                "hold.in_time",
                "The personal data were erased already; nothing is left to hold.",
                Missing::field("data", "Nothing can be done: the data are gone."),
            ));
        }
        let hold = holds.iter().map(|hold| hold.number).max().unwrap_or(0) + 1;
        Ok(vec![Event::HoldPlaced { hold, reason: body.reason.trim().to_owned() }])
    }

    fn release_hold(&self, target: &AggregateId, number: u32, body: &HoldReason) -> Result<Vec<Event>, Refusal> {
        let holds = self.holds_on(target)?;
        InputCheck::default().text("reason", &body.reason, 1_000).finish()?;
        match holds.iter().find(|hold| hold.number == number) {
            None => Err(Refusal::not_found(
                format!("There is no hold {number}."),
                Missing::field("hold", "Name a hold that was placed."),
            )),
            Some(hold) if hold.released.is_some() => Err(Refusal::conflict(
                "hold.in_force",
                format!("Hold {number} was released already."),
                Missing::field("hold", "Nothing need be done: it holds no more."),
            )),
            Some(_) => Ok(vec![Event::HoldReleased { hold: number, reason: body.reason.trim().to_owned() }]),
        }
    }

    fn erased(&self, target: &AggregateId) -> Option<&Erased> {
        match target {
            AggregateId::Account(_) => self.world.account.as_ref()?.erased.as_ref(),
            AggregateId::ReviewRequest(_) => self.world.review.as_ref()?.erased.as_ref(),
            _ => None,
        }
    }

    /// Erases, or records that a hold refuses it: that too is a fact which somebody may have to prove.
    fn erase(&self, target: &AggregateId, body: &Erase) -> Result<Vec<Event>, Refusal> {
        let fields: BTreeSet<String> = match target {
            AggregateId::Account(_) => self.held_account()?.commitments.keys().cloned().collect(),
            AggregateId::ReviewRequest(_) => self.review()?.commitments.keys().cloned().collect(),
            _ => return Err(not_personal()),
        };
        InputCheck::default().optional_text("note", &body.note, 500).finish()?;
        if let Some(erased) = self.erased(target) {
            return Err(Refusal::conflict(
                "erasure.once",
                format!("It was erased by entry {} already.", erased.entry),
                Missing::field("erasure", "Nothing need be done: the data are gone."),
            ));
        }
        match target {
            AggregateId::Account(_) if !self.held_account()?.disabled => {
                return Err(Refusal::rule(
                    "erasure.disabled",
                    "The account is in use: without name and address nobody could sign in. An administrator disables it first.",
                    vec![Missing::from("account.disabled", "Disable the account.", Role::Administrator)],
                ));
            }
            AggregateId::ReviewRequest(_) if self.review()?.is_open() => {
                return Err(Refusal::rule(
                    "erasure.answered",
                    "The request is not answered yet: without name and contact it could not be. Answer it first; one that the person took back is answered as withdrawn.",
                    Missing::from("answer", "Answer the request first.", Role::PrivacyOfficer),
                ));
            }
            _ => {}
        }
        let note = body.note.trim().to_owned();
        let own = in_force(self.holds_on(target)?).map(|hold| (target.clone(), hold.number));
        let of_model = self.world.privacy.as_ref().filter(|_| matches!(target, AggregateId::ReviewRequest(_)));
        let obstacle = own.or_else(|| {
            of_model.and_then(|file| Some((AggregateId::Dpia(file.model.clone()), in_force(&file.holds)?.number)))
        });
        Ok(vec![match obstacle {
            Some((target, hold)) => Event::ErasureRefused { hold, by: target.to_string(), basis: body.basis, note },
            None => Event::ErasurePerformed { fields, basis: body.basis, note },
        }])
    }
}

fn not_personal() -> Refusal {
    Refusal::not_found(
        "Only an account or a review request holds personal data; a hold may also stand on a model's privacy file.",
        Missing::field("target", "Name an account, a review request, or for a hold a model\u{2019}s privacy file."),
    )
}

fn check_fields(check: &mut InputCheck, commitments: &BTreeMap<String, Digest>) {
    check.holds(
        "commitments",
        commitments.keys().all(|field| PERSONAL_FIELDS.contains(&field.as_str())),
        format!("Personal fields are {}.", PERSONAL_FIELDS.join(", ")),
    );
}

fn things(count: usize) -> String {
    if count == 1 { "1 thing is".to_owned() } else { format!("{count} things are") }
}
