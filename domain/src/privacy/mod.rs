//! Privacy: the impact assessment of a model, the safeguards of automated decisions, the human-review register,
//! prohibited features, erasure and legal hold.
//!
//! Each model has one [`PrivacyFile`], with the assessment and the Art. 22 statement; each request for human review is
//! a [`review::Review`] of its own. What a market asks of them stands in its policy ([`policy::MarketPrivacy`]) and is
//! judged with the other requirements of a promotion ([`requirements`]).

pub mod cnil;
pub mod command;
pub mod dpia;
pub mod erasure;
pub mod event;
pub mod features;
pub mod policy;
pub mod requirements;
pub mod review;
pub mod safeguards;

use std::collections::BTreeSet;

use ledger::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    event::{Event, Recorded},
    id::{AccountId, ModelName},
};
use dpia::{Advice, Approved, Consultation, Draft, Reopening};
use erasure::{Erased, Hold, Release};
use policy::PrivacyPolicy;
use review::{Answer, Extension, Review, ReviewId};
use safeguards::{Article22, Confirmation, Lapse, Stated};

/// Everything that the ledger knows of a model's effect on people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PrivacyFile {
    /// The model.
    pub model: ModelName,
    /// The assessment as last written.
    pub draft: Option<Draft>,
    /// Advice since the last approval or reopening.
    pub advice: Option<Advice>,
    /// Consultation since the last approval or reopening.
    pub consultation: Option<Consultation>,
    /// The assessment as last approved.
    pub approved: Option<Approved>,
    /// The Art. 22 statement.
    pub safeguards: Option<Stated>,
    /// Requests for human review received so far.
    pub reviews: u32,
    /// Legal holds on the personal fields of all of the model's requests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holds: Vec<Hold>,
    /// How many entries touched this file.
    pub revision: u64,
    /// Time of the latest of them.
    pub updated_at: Timestamp,
}

/// What an assessment waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// To be begun or completed.
    Write,
    /// The privacy officer's advice on the whole content.
    Advise,
    /// Prior consultation on the whole content, because a residual risk is high.
    Consult,
    /// The privacy officer's approval.
    Approve,
    /// Nothing: what was written last is approved.
    Done,
}

impl Step {
    /// The step's id, for lists.
    pub fn id(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Advise => "advise",
            Self::Consult => "consult",
            Self::Approve => "approve",
            Self::Done => "done",
        }
    }

    /// What is to be done, as people read it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Write => "to be completed",
            Self::Advise => "waits for advice",
            Self::Consult => "waits for prior consultation",
            Self::Approve => "waits for approval",
            Self::Done => "approved",
        }
    }
}

impl PrivacyFile {
    /// The file of a model of which nothing is recorded yet.
    pub fn new(model: ModelName) -> Self {
        Self {
            model,
            draft: None,
            advice: None,
            consultation: None,
            approved: None,
            safeguards: None,
            reviews: 0,
            holds: Vec::new(),
            revision: 0,
            updated_at: Timestamp::EPOCH,
        }
    }

    /// What the assessment waits for. Whether an approved one has reached its review date is [`Approved::holds`].
    pub fn step(&self, policy: &PrivacyPolicy) -> Step {
        let Some(draft) = &self.draft else { return Step::Write };
        let stands = |approved: &Approved| approved.reopened.is_none() && approved.draft.digest == draft.digest;
        if self.approved.as_ref().is_some_and(stands) {
            Step::Done
        } else if !draft.content.missing().is_empty() {
            Step::Write
        } else if self.advice.as_ref().is_none_or(|advice| advice.content != draft.digest) {
            Step::Advise
        } else if self.consultation.as_ref().is_none_or(|consultation| !consultation.is_about(draft))
            && draft.content.high_residual(policy).next().is_some()
        {
            Step::Consult
        } else {
            Step::Approve
        }
    }

    /// Whether the statement names the account as a keeper.
    pub fn keeps(&self, account: &AccountId) -> bool {
        self.safeguards.as_ref().is_some_and(|stated| !stated.statement.kept_by(account).is_empty())
    }

    /// The state after an entry; `None` if it does not belong here.
    pub fn fold(before: Option<&Self>, model: &ModelName, recorded: &Recorded) -> Option<Self> {
        let Recorded { seq, time, actor, event, .. } = recorded;
        let (seq, time, by) = (*seq, *time, actor.clone());
        let mut file = before.cloned().unwrap_or_else(|| Self::new(model.clone()));
        file.revision += 1;
        file.updated_at = time;
        match event {
            Event::DpiaDrafted(body) => {
                let is_new_round = file.draft.as_ref().is_none_or(|draft| {
                    file.approved.as_ref().is_some_and(|approved| approved.draft.digest == draft.digest)
                });
                let mut authors = match &file.draft {
                    Some(draft) if !is_new_round => draft.authors.clone(),
                    _ => BTreeSet::new(),
                };
                authors.insert(by);
                file.draft = Some(Draft {
                    digest: body.content.digest(),
                    content: body.content.clone(),
                    fingerprints: body.fingerprints.clone(),
                    authors,
                    drafted_at: time,
                    entry: seq,
                });
            }
            Event::DpiaAdvised(body) => {
                file.advice = Some(Advice {
                    text: body.advice.clone(),
                    favourable: body.favourable,
                    content: body.content,
                    by,
                    at: time,
                    entry: seq,
                });
            }
            Event::DpiaConsulted(body) => {
                file.consultation = Some(Consultation {
                    content: body.content,
                    authority: body.authority.clone(),
                    reference: body.reference.clone(),
                    answer: body.answer.clone(),
                    at: time,
                    entry: seq,
                });
            }
            Event::DpiaApproved(body) => {
                let draft = file.draft.clone()?;
                // One about an earlier text says nothing of this one; what names no text is kept as it always was.
                let is_about = |one: &Consultation| one.content.is_none() || one.is_about(&draft);
                file.approved = Some(Approved {
                    advice: file.advice.take()?,
                    consultation: file.consultation.take().filter(is_about),
                    draft,
                    by,
                    meaning: body.meaning.clone(),
                    comment: body.comment.clone(),
                    at: time,
                    entry: seq,
                    review_at: body.review_at,
                    reopened: None,
                });
            }
            Event::DpiaReopened(cause) => {
                file.approved.as_mut()?.reopened = Some(Reopening { cause: cause.clone(), by, at: time, entry: seq });
                file.advice = None;
                file.consultation = None;
            }
            Event::SafeguardsStated(statement) => {
                file.safeguards = Some(Stated {
                    digest: statement.digest(),
                    statement: Article22::clone(statement),
                    by,
                    at: time,
                    entry: seq,
                    confirmed: None,
                    lapsed: Vec::new(),
                });
            }
            Event::SafeguardsConfirmed { .. } => {
                let stated = file.safeguards.as_mut()?;
                stated.confirmed = Some(Confirmation { by, at: time, entry: seq });
                stated.lapsed.clear();
            }
            Event::SafeguardsLapsed(body) => {
                let (account, safeguards) = (body.account.clone(), body.safeguards.clone());
                file.safeguards.as_mut()?.lapsed.push(Lapse { account, safeguards, at: time, entry: seq });
            }
            Event::ReviewReceived(_) => file.reviews += 1,
            Event::HoldPlaced { .. } | Event::HoldReleased { .. } => fold_hold(&mut file.holds, recorded)?,
            _ => return None,
        }
        Some(file)
    }
}

/// Places or releases a hold as an entry says.
pub(crate) fn fold_hold(holds: &mut Vec<Hold>, recorded: &Recorded) -> Option<()> {
    let Recorded { seq, time, actor, event, .. } = recorded;
    match event {
        Event::HoldPlaced { hold, reason } => holds.push(Hold {
            number: *hold,
            reason: reason.clone(),
            placed_by: actor.clone(),
            placed_at: *time,
            entry: *seq,
            released: None,
        }),
        Event::HoldReleased { hold, reason } => {
            let held = holds.iter_mut().find(|held| held.number == *hold)?;
            held.released = Some(Release { reason: reason.clone(), by: actor.clone(), at: *time, entry: *seq });
        }
        _ => return None,
    }
    Some(())
}

/// The erasure that an entry tells of, together with what was erased before.
pub(crate) fn fold_erasure(before: Option<&Erased>, recorded: &Recorded) -> Option<Erased> {
    let Event::ErasurePerformed { fields, basis, .. } = &recorded.event else { return None };
    let mut fields = fields.clone();
    fields.extend(before.into_iter().flat_map(|earlier| earlier.fields.iter().cloned()));
    Some(Erased { fields, basis: *basis, by: recorded.actor.clone(), at: recorded.time, entry: recorded.seq })
}

impl Review {
    /// The state after an entry; `None` if it does not belong here.
    pub fn fold(before: Option<&Self>, id: &ReviewId, recorded: &Recorded) -> Option<Self> {
        let Recorded { seq, time, actor, event, .. } = recorded;
        let (seq, time) = (*seq, *time);
        let mut review = match (before, event) {
            (None, Event::ReviewReceived(body)) => Self {
                id: id.clone(),
                asks: body.asks,
                version: body.version,
                market: body.market.clone(),
                decision: body.decision.clone(),
                commitments: body.commitments.clone(),
                received_at: body.received_at,
                due_at: body.due_at,
                recorded_by: actor.clone(),
                assignee: None,
                extension: None,
                answer: None,
                holds: Vec::new(),
                erased: None,
                entries: Vec::new(),
            },
            (Some(review), _) => review.clone(),
            _ => return None,
        };
        review.entries.push(seq);
        match event {
            Event::ReviewReceived(_) if before.is_none() => {}
            Event::ReviewAssigned { assignee } => review.assignee = Some(assignee.clone()),
            Event::ReviewExtended(body) => {
                review.extension = Some(Extension {
                    reason: body.reason.clone(),
                    informed_at: body.informed_at,
                    was_due_at: review.due_at,
                    by: actor.clone(),
                    at: time,
                    entry: seq,
                });
                review.due_at = body.due_at;
            }
            Event::ReviewAnswered { outcome, commitments } => {
                review.answer = Some(Answer { outcome: *outcome, by: actor.clone(), at: time, entry: seq });
                review.commitments.extend(commitments.clone());
            }
            Event::HoldPlaced { .. } | Event::HoldReleased { .. } => fold_hold(&mut review.holds, recorded)?,
            Event::ErasurePerformed { .. } => review.erased = fold_erasure(review.erased.as_ref(), recorded),
            Event::ErasureRefused { .. } => {}
            _ => return None,
        }
        Some(review)
    }
}
