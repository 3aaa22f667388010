//! The committee's vote.

use crate::{
    account::Role,
    approval::{self, Package},
    committee::{CastVote, Committee, Convened, Recuse, Recused, Voice, Voted, members},
    event::Event,
    id::VersionId,
    policy::Gate,
    promotion::{Request, missing_before_signing},
    refusal::{InputCheck, Missing, Refusal},
    registry::Version,
};

use super::{Case, promotions::count};

impl Case<'_> {
    /// The committee as of now, frozen with a request where the gate has one. Whoever asks, or built the version, is
    /// no member for it.
    pub(super) fn convene(&self, version: &Version, gate: Option<&Gate>) -> Option<Convened> {
        let rule = gate?.committee.as_ref()?;
        let mut members = members(self.world.roster.iter().map(AsRef::as_ref));
        members.retain(|member| member != self.actor() && !version.developers.contains(member));
        Some(Convened { members, quorum: rule.quorum, approval_percent: rule.approval_percent })
    }

    /// Refuses a request whose committee could never reach its quorum.
    pub(super) fn check_quorum(convened: &Convened) -> Result<(), Refusal> {
        let members = u32::try_from(convened.members.len()).unwrap_or(u32::MAX);
        if members >= convened.quorum {
            return Ok(());
        }
        Err(Refusal::rule(
            "committee.quorum",
            format!(
                "The risk committee has {} who had no part in this version; a quorum of {} cannot be reached.",
                count(convened.members.len(), "member", "members"),
                convened.quorum
            ),
            vec![Missing::from(
                "committee.quorum",
                "Give the role Risk committee to more people.",
                Role::Administrator,
            )],
        ))
    }

    fn committee_of<'r>(request: &'r Request, gate: &Gate) -> Result<&'r Committee, Refusal> {
        match (&request.committee, &gate.committee) {
            (Some(committee), Some(_)) => Ok(committee),
            _ => Err(Refusal::rule(
                "committee.asked",
                "This request asks for no vote of the risk committee.",
                Missing::field("committee", "A request whose gate has the committee vote."),
            )),
        }
    }

    fn check_member(&self, committee: &Committee) -> Result<(), Refusal> {
        let me = self.actor();
        if !committee.members.contains(me) {
            return Err(Refusal::forbidden(
                "committee.frozen",
                "You are not on the committee of this request: its members were fixed when promotion was asked for.",
                Missing::from("committee", "A member of this request\u{2019}s committee votes.", Role::RiskCommittee),
            ));
        }
        if committee.is_recused(me) {
            return Err(Refusal::conflict(
                "committee.recused",
                "You stood back from this vote.",
                Missing::from(
                    "committee",
                    "Another member of this request\u{2019}s committee votes.",
                    Role::RiskCommittee,
                ),
            ));
        }
        Ok(())
    }

    pub(super) fn vote(&self, id: &VersionId, number: u32, body: &CastVote) -> Result<Vec<Event>, Refusal> {
        self.check_in_person("vote", "A vote")?;
        let version = self.version(id)?;
        let mut check = InputCheck::default();
        check.optional_text("comment", &body.comment, 4_000);
        if body.voice == Voice::Reject {
            check.text("comment", &body.comment, 4_000);
        }
        check.finish()?;
        let request = Self::open_request(version, number)?;
        let question = self.question(version, request.to, request.market.as_ref())?;
        let gate = question.gate()?;
        let committee = Self::committee_of(request, &gate)?;
        self.check_member(committee)?;
        self.check_signer(version, Role::RiskCommittee)?;
        let package = Package::of(&question);
        approval::check_read(version, &package, (&body.package, &body.parts), "No vote was cast")?;
        let earlier = committee.vote_of(self.actor());
        if earlier.is_some_and(|vote| vote.package == body.package && vote.voice == body.voice) {
            return Err(Refusal::conflict(
                "signing.once",
                "You voted so on this very package already.",
                Missing::field("vote", "Nothing need be done, or another vote."),
            ));
        }
        let missing = missing_before_signing(question.requirements()?);
        if !missing.is_empty() {
            return Err(Refusal::rule(
                "signing.complete",
                format!(
                    "There is nothing complete to vote on yet: {} missing.",
                    count(missing.len(), "thing is", "things are")
                ),
                missing,
            ));
        }
        let approval = gate.committee.as_ref().map_or("", |rule| rule.meaning.as_str());
        let voted = Event::CommitteeVoted(Voted {
            request: number,
            voice: body.voice,
            meaning: body.voice.meaning(approval).to_owned(),
            comment: body.comment.trim().to_owned(),
            package: package.digest(),
            parts: package.part_digests(),
        });
        self.followed_by_the_outcome(id, number, voted)
    }

    pub(super) fn recuse(&self, id: &VersionId, number: u32, body: &Recuse) -> Result<Vec<Event>, Refusal> {
        self.check_in_person("stand back from a vote", "A recusal")?;
        let version = self.version(id)?;
        InputCheck::default().text("reason", &body.reason, 2_000).finish()?;
        let request = Self::open_request(version, number)?;
        let gate = self.question(version, request.to, request.market.as_ref())?.gate()?;
        self.check_member(Self::committee_of(request, &gate)?)?;
        let recused = Event::CommitteeRecused(Recused { request: number, reason: body.reason.trim().to_owned() });
        self.followed_by_the_outcome(id, number, recused)
    }

    /// The transition if that was the last thing missing; the end of the request if the vote is lost.
    fn followed_by_the_outcome(&self, id: &VersionId, number: u32, event: Event) -> Result<Vec<Event>, Refusal> {
        let after = self.after(id, &event)?;
        let request = Self::open_request(&after, number)?;
        let question = self.question(&after, request.to, request.market.as_ref())?;
        let tally = request.committee.as_ref().map(|committee| committee.tally(&Package::of(&question).digest()));
        if let Some(tally) = tally.filter(crate::committee::Tally::lost) {
            let reason = format!(
                "The risk committee did not carry it: {} for, {} against, {} abstained; {} % of yes and no were needed.",
                tally.approve, tally.reject, tally.abstain, tally.approval_percent
            );
            return Ok(vec![event, Event::PromotionDeclined { request: number, reason }]);
        }
        self.followed_by_transition(id, event)
    }
}
