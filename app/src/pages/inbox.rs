//! What waits for the reader, in buckets.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Page, Room};
use crate::kit::{Due, Empty, Head, Link, Pager, Tag, TagView, When, WhenView};

/// The reader's queue.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboxView {
    /// Buckets in the order to show; empty ones are not shown.
    pub buckets: Vec<Bucket>,
    /// What to say when nothing waits, depending on the reader's roles.
    pub empty_hint: String,
    /// Where to go when nothing waits.
    pub empty_action: Option<Link>,
    /// Which of all items these are, and where the others are.
    pub pager: Pager,
}

/// Why something waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum BucketKind {
    /// Past its date.
    Overdue,
    /// Guardrails took a version back, and nobody was there.
    RolledBack,
    /// A complete package asks for the reader's signature.
    ToSign,
    /// A version asks for a validation report.
    ToValidate,
    /// The reader owns a model that a campaign asks about.
    ToAttest,
    /// The reader owns a finding.
    ToRemediate,
    /// The way back of a market that the reader's model serves is to be exercised.
    ToDrill,
    /// A waiver is about to expire.
    Expiring,
    /// An assessment, a statement or a request for human review waits.
    Privacy,
    /// Due within seven days.
    DueThisWeek,
    /// The reader asked; somebody else has to act.
    WaitingOnOthers,
    /// An administrator acted alone: policy, accounts, roles.
    Administration,
}

impl BucketKind {
    /// The bucket's name.
    pub fn title(self) -> &'static str {
        match self {
            Self::Overdue => "Overdue",
            Self::RolledBack => "Rolled back without a person",
            Self::ToSign => "To sign",
            Self::ToValidate => "To validate",
            Self::ToAttest => "To attest",
            Self::ToRemediate => "To remediate",
            Self::ToDrill => "To exercise",
            Self::Expiring => "About to expire",
            Self::Privacy => "Privacy",
            Self::DueThisWeek => "Due this week",
            Self::WaitingOnOthers => "Waiting on others",
            Self::Administration => "Done by administrators",
        }
    }

    fn id(self) -> &'static str {
        match self {
            Self::Overdue => "overdue",
            Self::RolledBack => "rolled-back",
            Self::ToSign => "to-sign",
            Self::ToValidate => "to-validate",
            Self::ToAttest => "to-attest",
            Self::ToRemediate => "to-remediate",
            Self::ToDrill => "to-drill",
            Self::Expiring => "expiring",
            Self::Privacy => "privacy",
            Self::DueThisWeek => "due-this-week",
            Self::WaitingOnOthers => "waiting",
            Self::Administration => "administration",
        }
    }

    fn about(self) -> &'static str {
        match self {
            Self::Overdue => "Past its date; the owner and MRM see it too.",
            Self::RolledBack => "Guardrails acted by themselves; look at what they did and why.",
            Self::ToSign => "Complete packages that need your signature or vote.",
            Self::ToValidate => "Versions that need an independent report, and models due for one again.",
            Self::ToAttest => "Models that you own and a campaign asks about.",
            Self::ToRemediate => "Findings that you own.",
            Self::ToDrill => {
                "Markets of your models whose rollback drill is due soon; a late one stands under Overdue."
            }
            Self::Expiring => "Waivers after which a gate is shut again.",
            Self::Privacy => "Impact assessments, Art. 22 statements and requests for human review.",
            Self::DueThisWeek => "Dated within the next seven days.",
            Self::WaitingOnOthers => "You asked; somebody else acts next.",
            Self::Administration => "One person may do these alone. Look whether they are right.",
        }
    }
}

/// One bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    /// Why these wait.
    pub kind: BucketKind,
    /// How many wait in all, on this page and on others.
    pub total: u64,
    /// What waits, most urgent first.
    pub items: Vec<InboxItem>,
}

/// One thing that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboxItem {
    /// What to do, and where: "Sign credit-default v4 for Staging".
    pub action: Link,
    /// A few words each: market, tier, who asked.
    pub about: Vec<String>,
    /// Since when it waits.
    pub since: Option<When>,
    /// By when it is due.
    pub due: Option<Due>,
    /// A status, such as "stale".
    pub tag: Option<Tag>,
    /// Whom it waits for, where that is not the reader.
    pub waits_for: Option<String>,
}

impl Page for InboxView {
    fn title(&self) -> String {
        "Inbox".to_owned()
    }

    fn room(&self) -> Option<Room> {
        Some(Room::Inbox)
    }

    fn body(self) -> AnyView {
        let buckets: Vec<Bucket> = self.buckets.into_iter().filter(|bucket| bucket.total > 0).collect();
        if buckets.is_empty() {
            return view! {
                <Head title="Inbox" />
                <Empty title="Nothing waits for you" hint=self.empty_hint action=self.empty_action />
            }
            .into_any();
        }
        let counts = buckets
            .iter()
            .map(|bucket| {
                let class = (bucket.kind == BucketKind::Overdue).then_some("urgent");
                let words = view! {
                    <b>{bucket.total}</b>
                    {bucket.kind.title()}
                };
                // What stands on another page has no place to lead to here.
                let words = if bucket.items.is_empty() {
                    view! { <span>{words}</span> }.into_any()
                } else {
                    view! { <a href=format!("#{}", bucket.kind.id())>{words}</a> }.into_any()
                };
                view! { <li class=class>{words}</li> }
            })
            .collect_view();
        view! {
            <Head title="Inbox">
                <nav aria-label="Buckets">
                    <ul class="buckets" role="list">
                        {counts}
                    </ul>
                </nav>
            </Head>
            {buckets.into_iter().filter(|bucket| !bucket.items.is_empty()).map(bucket_view).collect_view()}
            {self.pager.view()}
        }
        .into_any()
    }
}

fn bucket_view(bucket: Bucket) -> AnyView {
    let id = bucket.kind.id();
    let heading = format!("{id}-heading");
    view! {
        <section id=id class="panel" aria-labelledby=heading>
            <header>
                <h2 id=heading.clone()>{bucket.kind.title()}</h2>
                <p class="small quiet">{bucket.kind.about()}</p>
            </header>
            <ul class="queue" role="list">
                {bucket.items.into_iter().map(item_view).collect_view()}
            </ul>
        </section>
    }
    .into_any()
}

fn item_view(item: InboxItem) -> AnyView {
    view! {
        <li>
            <a class="what" href=item.action.href>{item.action.label}</a>
            <span class="cluster">
                {item.tag.map(|tag| view! { <TagView tag /> })}
                {item
                    .due
                    .map(|due| {
                        view! {
                            <span class="small quiet"><WhenView when=due.when /></span>
                            <TagView tag=due.tag />
                        }
                    })}
            </span>
            <span class="more">
                {item.about.into_iter().map(|words| view! { <span>{words}</span> }).collect_view()}
                {item.since.map(|since| view! { <span>"since " <WhenView when=since /></span> })}
                {item.waits_for.map(|who| view! { <span>"waits for " <b>{who}</b></span> })}
            </span>
        </li>
    }
    .into_any()
}
