//! The risk committee: its composition is frozen with the request, its members vote on the exact package or stand
//! back, and the gate opens when quorum and majority are met. A vote is a signature: it goes stale with the package.

use std::collections::BTreeMap;

use ledger::{Digest, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    account::{Account, AccountKind, Role, UnknownWord, find_word},
    aggregate::World,
    approval::Package,
    command::Command,
    event::{Event, Recorded},
    id::AccountId,
    policy::Gate,
    registry::Version,
};

/// What a yes means where the policy in force no longer has the committee vote that a request was frozen with.
const MEANING: &str = "I vote for this promotion.";

/// What a gate asks of the committee.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Members who must vote, abstentions included.
    pub quorum: u32,
    /// Share of yes among yes and no that carries, in percent.
    pub approval_percent: u32,
    /// What a yes means, as a sentence in the first person.
    pub meaning: String,
}

impl Rule {
    /// What is wrong with the rule, if anything.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.quorum == 0 {
            return Err("the committee's quorum is 0, so nobody would have to vote".into());
        }
        if !(1..=100).contains(&self.approval_percent) {
            return Err(format!("the committee's approval_percent is {}, not 1 to 100", self.approval_percent));
        }
        if self.meaning.trim().is_empty() {
            return Err("the committee's vote needs a meaning".into());
        }
        Ok(())
    }
}

/// A committee as it is called together for one request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Convened {
    /// Who may vote.
    pub members: Vec<AccountId>,
    /// Quorum in force.
    pub quorum: u32,
    /// Share of yes in force, in percent.
    pub approval_percent: u32,
}

/// What a member says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Voice {
    /// For the promotion.
    Approve,
    /// Against it.
    Reject,
    /// Present, neither for nor against.
    Abstain,
}

impl Voice {
    /// Every voice.
    pub const ALL: [Self; 3] = [Self::Approve, Self::Reject, Self::Abstain];

    /// The voice's id in requests.
    pub fn id(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Reject => "reject",
            Self::Abstain => "abstain",
        }
    }

    /// What the vote means, `approval` being the policy's words for a yes.
    pub fn meaning(self, approval: &str) -> &str {
        match self {
            Self::Approve => approval,
            Self::Reject => "I vote against this promotion.",
            Self::Abstain => "I abstain from this vote.",
        }
    }
}

impl std::str::FromStr for Voice {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        find_word("vote", text, &Self::ALL, Self::id)
    }
}

/// Votes on a promotion request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CastVote {
    /// For, against, or neither.
    pub voice: Voice,
    /// Digest of the package that was read.
    pub package: Digest,
    /// Digests of its parts as they were read, where they are known: a package that changed meanwhile is then refused with
    /// the names of the parts that did.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parts: BTreeMap<String, Digest>,
    /// Why; at most 4,000 characters. A vote against needs it.
    #[serde(default)]
    pub comment: String,
}

/// Stands back from a vote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Recuse {
    /// Why; at most 2,000 characters.
    pub reason: String,
}

/// A member voted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Voted {
    /// The request.
    pub request: u32,
    /// For, against, or neither.
    pub voice: Voice,
    /// What it means.
    pub meaning: String,
    /// Why.
    pub comment: String,
    /// Digest of the package that was voted on.
    pub package: Digest,
    /// Digests of its parts.
    pub parts: BTreeMap<String, Digest>,
}

/// A member stood back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recused {
    /// The request.
    pub request: u32,
    /// Why.
    pub reason: String,
}

/// A recorded vote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Vote {
    /// Whose.
    pub member: AccountId,
    /// For, against, or neither.
    pub voice: Voice,
    /// What it means.
    pub meaning: String,
    /// Why.
    pub comment: String,
    /// Digest of the package that was voted on.
    pub package: Digest,
    /// Digests of its parts, so that a later change can be named.
    pub parts: BTreeMap<String, Digest>,
    /// When.
    pub at: Timestamp,
    /// By which entry.
    pub entry: u64,
}

/// A recorded recusal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Recusal {
    /// Who stood back.
    pub member: AccountId,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
    /// By which entry.
    pub entry: u64,
}

/// The committee of one request, with its votes so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Committee {
    /// Who may vote, as of the request.
    pub members: Vec<AccountId>,
    /// Members who must vote.
    pub quorum: u32,
    /// Share of yes among yes and no that carries, in percent.
    pub approval_percent: u32,
    /// Votes, oldest first; a member's latest counts.
    pub votes: Vec<Vote>,
    /// Who stood back.
    pub recusals: Vec<Recusal>,
}

impl From<&Convened> for Committee {
    fn from(convened: &Convened) -> Self {
        Self {
            members: convened.members.clone(),
            quorum: convened.quorum,
            approval_percent: convened.approval_percent,
            votes: Vec::new(),
            recusals: Vec::new(),
        }
    }
}

/// How a vote stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Tally {
    /// Members who did not stand back.
    pub eligible: u32,
    /// Yes, on the package as it is.
    pub approve: u32,
    /// No, on the package as it is.
    pub reject: u32,
    /// Neither, on the package as it is.
    pub abstain: u32,
    /// Votes on an earlier package, which count no more.
    pub stale: u32,
    /// Quorum asked.
    pub quorum: u32,
    /// Share of yes asked, in percent.
    pub approval_percent: u32,
}

impl Tally {
    /// Members who voted on the package as it is.
    pub fn present(&self) -> u32 {
        self.approve + self.reject + self.abstain
    }

    /// Whether quorum and majority are met.
    pub fn carried(&self) -> bool {
        let for_or_against = u64::from(self.approve + self.reject);
        self.present() >= self.quorum
            && self.approve > 0
            && u64::from(self.approve) * 100 >= u64::from(self.approval_percent) * for_or_against
    }

    /// Whether everybody voted and it was not carried.
    pub fn lost(&self) -> bool {
        self.present() >= self.quorum && self.present() == self.eligible && !self.carried()
    }
}

impl Committee {
    /// What this committee's vote must reach, with the meaning that `policy` gives to a yes.
    pub(crate) fn rule(&self, policy: Option<Rule>) -> Rule {
        let meaning = policy.map_or_else(|| MEANING.to_owned(), |rule| rule.meaning);
        Rule { quorum: self.quorum, approval_percent: self.approval_percent, meaning }
    }

    /// The member's vote that counts.
    pub fn vote_of(&self, member: &AccountId) -> Option<&Vote> {
        self.votes.iter().rev().find(|vote| vote.member == *member)
    }

    /// Members whose vote on `package` is still open.
    pub fn waiting<'c>(&'c self, package: &'c Digest) -> impl Iterator<Item = &'c AccountId> {
        self.members.iter().filter(move |member| {
            !self.is_recused(member) && self.vote_of(member).is_none_or(|vote| vote.package != *package)
        })
    }

    /// Whether the member stood back.
    pub fn is_recused(&self, member: &AccountId) -> bool {
        self.recusals.iter().any(|recusal| recusal.member == *member)
    }

    /// How the vote on `package` stands.
    pub fn tally(&self, package: &Digest) -> Tally {
        let mut tally = Tally {
            eligible: 0,
            approve: 0,
            reject: 0,
            abstain: 0,
            stale: 0,
            quorum: self.quorum,
            approval_percent: self.approval_percent,
        };
        for member in self.members.iter().filter(|member| !self.is_recused(member)) {
            tally.eligible += 1;
            match self.vote_of(member) {
                Some(vote) if vote.package != *package => tally.stale += 1,
                Some(Vote { voice: Voice::Approve, .. }) => tally.approve += 1,
                Some(Vote { voice: Voice::Reject, .. }) => tally.reject += 1,
                Some(Vote { voice: Voice::Abstain, .. }) => tally.abstain += 1,
                None => {}
            }
        }
        tally
    }

    /// The package on which a vote that is over was decided: the one that it carried, else the last one voted on.
    pub fn decided_on(&self) -> Option<Digest> {
        let voted = || self.votes.iter().rev().map(|vote| vote.package);
        voted().find(|package| self.tally(package).carried()).or_else(|| voted().next())
    }

    /// How the vote stands, a sentence each.
    pub(crate) fn details(&self, package: &Package) -> Vec<String> {
        let tally = self.tally(&package.digest());
        let mut details = Vec::new();
        if tally.eligible < tally.quorum {
            details.push(format!(
                "{} of {} members stood back, so a quorum of {} cannot be reached: withdraw the request and ask again once an administrator has appointed more members.",
                self.recusals.len(),
                self.members.len(),
                tally.quorum
            ));
        }
        details.push(format!(
            "{} for, {} against, {} abstained; {} of {} members voted, the quorum is {}, and {} % of yes and no carry it.",
            tally.approve,
            tally.reject,
            tally.abstain,
            tally.present(),
            tally.eligible,
            tally.quorum,
            tally.approval_percent
        ));
        if tally.stale > 0 {
            details.push(format!(
                "{} voted on an earlier package, which counts no more: read it again and vote again.",
                if tally.stale == 1 { "1 member".to_owned() } else { format!("{} members", tally.stale) }
            ));
        }
        details
    }
}

/// Folds a vote or a recusal; `None` if it does not fit.
pub(crate) fn apply(version: &mut Version, recorded: &Recorded) -> Option<()> {
    let number = match &recorded.event {
        Event::CommitteeVoted(body) => body.request,
        Event::CommitteeRecused(body) => body.request,
        _ => return None,
    };
    let request = version.requests.iter_mut().find(|request| request.number == number)?;
    let committee = request.committee.as_mut()?;
    let (member, at, entry) = (recorded.actor.clone(), recorded.time, recorded.seq);
    match &recorded.event {
        Event::CommitteeVoted(body) => committee.votes.push(Vote {
            member,
            voice: body.voice,
            meaning: body.meaning.clone(),
            comment: body.comment.clone(),
            package: body.package,
            parts: body.parts.clone(),
            at,
            entry,
        }),
        Event::CommitteeRecused(body) => {
            committee.recusals.push(Recusal { member, reason: body.reason.clone(), at, entry });
        }
        _ => return None,
    }
    Some(())
}

/// Who is on the committee now: people who hold the role and can sign in.
pub fn members<'a>(accounts: impl IntoIterator<Item = &'a Account>) -> Vec<AccountId> {
    let mut members: Vec<AccountId> = accounts
        .into_iter()
        .filter(|account| {
            account.kind == AccountKind::Human && !account.disabled && account.roles.contains(&Role::RiskCommittee)
        })
        .map(|account| account.id.clone())
        .collect();
    members.sort();
    members.dedup();
    members
}

/// Whether a decision needs to know who is on the committee.
pub fn needs_roster(command: &Command, world: &World) -> bool {
    let (Command::RequestPromotion(_, body), Some(model), Some(policy)) = (command, &world.model, &world.policy) else {
        return false;
    };
    let gate: Option<Gate> = policy.policy.gate(&model.profile, body.to, body.market.as_ref());
    gate.is_some_and(|gate| gate.committee.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn committee(size: usize, quorum: u32, approval_percent: u32) -> Committee {
        let members = (0..size).map(|n| format!("m{n}").parse().unwrap()).collect();
        Committee::from(&Convened { members, quorum, approval_percent })
    }

    fn vote(committee: &mut Committee, member: usize, voice: Voice, package: &[u8]) {
        let member = committee.members[member].clone();
        committee.votes.push(Vote {
            member,
            voice,
            meaning: String::new(),
            comment: String::new(),
            package: Digest::of(package),
            parts: BTreeMap::new(),
            at: Timestamp::EPOCH,
            entry: 1,
        });
    }

    #[test]
    fn quorum_and_majority_are_both_needed() {
        let package = Digest::of(b"now");
        let mut three = committee(3, 2, 60);
        vote(&mut three, 0, Voice::Approve, b"now");
        assert!(!three.tally(&package).carried(), "one of two needed is no quorum");
        vote(&mut three, 1, Voice::Reject, b"now");
        assert!(!three.tally(&package).carried(), "one of two is 50 %");
        assert!(!three.tally(&package).lost(), "one member may still vote");
        vote(&mut three, 2, Voice::Approve, b"now");
        assert!(three.tally(&package).carried(), "two of three are 66 %");
    }

    #[test]
    fn abstentions_make_a_quorum_and_no_majority() {
        let package = Digest::of(b"now");
        let mut three = committee(3, 3, 51);
        for member in 0..3 {
            vote(&mut three, member, Voice::Abstain, b"now");
        }
        assert!(three.tally(&package).lost());
        vote(&mut three, 0, Voice::Approve, b"now");
        assert!(three.tally(&package).carried(), "the one who spoke decides");
    }

    #[test]
    fn a_vote_on_another_package_and_one_of_somebody_recused_do_not_count() {
        let package = Digest::of(b"now");
        let mut three = committee(3, 2, 51);
        vote(&mut three, 0, Voice::Approve, b"now");
        vote(&mut three, 1, Voice::Approve, b"before");
        assert_eq!((three.tally(&package).approve, three.tally(&package).stale), (1, 1));
        vote(&mut three, 1, Voice::Approve, b"now");
        assert!(three.tally(&package).carried());
        let member = three.members[1].clone();
        three.recusals.push(Recusal { member, reason: String::new(), at: Timestamp::EPOCH, entry: 2 });
        let tally = three.tally(&package);
        assert_eq!((tally.eligible, tally.approve, tally.carried()), (2, 1, false));
    }

    #[test]
    fn ids_read_back() {
        for voice in Voice::ALL {
            assert_eq!(serde_json::to_value(voice).unwrap(), voice.id());
            assert_eq!(voice.id().parse::<Voice>().unwrap(), voice);
        }
    }
}
