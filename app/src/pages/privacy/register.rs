//! The human-review register and one request of it.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Form, crumbs, fold, kept, names, sub_nav};
use crate::{
    kit::{
        Choice, Due, Empty, Entry, ErrorSummary, Fact, Facts, Field, Head, Link, LinkView, Notice, NoticeBox, Pager,
        Region, Section, Tag, TagView, Timeline, WhenView,
    },
    pages::{Page, Room},
};

/// The register.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewsView {
    /// States to filter by.
    pub states: Vec<Choice>,
    /// The model to filter by, as typed.
    pub model: String,
    /// The requests, what is due first.
    pub rows: Vec<ReviewLine>,
    /// Where this page of the list stands.
    pub pager: Pager,
    /// The form for a new request, where the reader may record one.
    pub record: Option<RecordForm>,
    /// Why the form was not accepted.
    pub errors: Option<ErrorSummary>,
}

/// One request of the list. Nobody's name is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewLine {
    /// The request.
    pub request: Link,
    /// What is asked for.
    pub asks: String,
    /// The market.
    pub market: String,
    /// Where it stands.
    pub state: Tag,
    /// Who looks at it.
    pub assignee: String,
    /// By when it is answered.
    pub due: Due,
}

/// The form for a new request, as typed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordForm {
    /// Models to choose from.
    pub models: Vec<Choice>,
    /// What may be asked for.
    pub asks: Vec<Choice>,
    /// Market, as typed.
    pub market: String,
    /// Reference of the decision.
    pub decision: String,
    /// Name, contact, text.
    pub person: [String; 3],
    /// When the person asked.
    pub received: String,
}

impl Page for ReviewsView {
    fn title(&self) -> String {
        "Human-review register".to_owned()
    }

    fn room(&self) -> Option<Room> {
        Some(Room::Privacy)
    }

    fn crumbs(&self) -> Vec<Link> {
        crumbs(None)
    }

    fn errors(&self) -> Option<&ErrorSummary> {
        self.errors.as_ref()
    }

    fn body(self) -> AnyView {
        let errors = self.errors.as_ref();
        let record = self.record.map(|form| record_form(form, errors));
        let state = Field::select("state", "State", self.states).view();
        let model = Field::text("of", "Model").value(self.model).view();
        let rows = self.rows.into_iter().map(line).collect_view();
        let table = if rows.is_empty() {
            view! { <Empty title="No request" hint="What people ask for under Art. 22(3) is recorded here, with its deadline." /> }
                .into_any()
        } else {
            view! {
                <Region label="Requests">
                    <table class="cards">
                        <thead>
                            <tr>
                                <th scope="col">"Request"</th>
                                <th scope="col">"Asks for"</th>
                                <th scope="col">"Market"</th>
                                <th scope="col">"State"</th>
                                <th scope="col">"Assigned to"</th>
                                <th scope="col">"Due"</th>
                            </tr>
                        </thead>
                        <tbody>{rows}</tbody>
                    </table>
                </Region>
                {self.pager.view()}
            }
            .into_any()
        };
        view! {
            <Head title="Human-review register" lede="Requests for human intervention, for expressing a view, for contesting a decision. Names and words of people lie in the vault; only the privacy officer and the assignee see them.">
                {sub_nav("Human-review register")}
            </Head>
            <form class="filters" method="get" action="/privacy/reviews" aria-label="Filter the register">
                {state}
                {model}
                <button class="button" type="submit">
                    "Filter"
                </button>
            </form>
            {table}
            {record}
        }
        .into_any()
    }
}

fn line(line: ReviewLine) -> AnyView {
    view! {
        <tr>
            <th scope="row">
                <LinkView link=line.request />
            </th>
            <td data-label="Asks for">{line.asks}</td>
            <td data-label="Market">{line.market}</td>
            <td data-label="State">
                <TagView tag=line.state />
            </td>
            <td data-label="Assigned to">{line.assignee}</td>
            <td data-label="Due" class="nowrap">
                <WhenView when=line.due.when />
                " "
                <TagView tag=line.due.tag />
            </td>
        </tr>
    }
    .into_any()
}

fn record_form(form: RecordForm, errors: Option<&ErrorSummary>) -> AnyView {
    let [name, contact, text] = form.person;
    let fields = vec![
        Field::select("model", "Model that decided", form.models),
        Field::radios("asks", "The person asks for", form.asks),
        Field::text("decision", "Reference of the decision")
            .hint("As the serving system names it; no name of a person.")
            .value(form.decision)
            .required(),
        Field::text("market", "Market").value(form.market),
        Field::input("date", "received", "Received on").hint("Today, if left blank.").value(form.received),
        Field::text("name", "Name of the person").value(name).autocomplete("off").required(),
        Field::text("contact", "How the person is reached").value(contact).autocomplete("off").required(),
        Field::area("text", "What the person wrote", 4).value(text),
    ];
    let is_open = names(errors, &["model", "asks", "decision", "market", "received", "name", "contact", "text"]);
    let form = Form {
        action: "/privacy/reviews".to_owned(),
        revision: None,
        button: "Record the request",
        is_danger: false,
        consequence: "Name, contact and words go to the vault; the ledger holds a salted commitment to each.",
    };
    fold("Record a request", is_open, form.view(fields, errors))
}

/// One request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewView {
    /// The model.
    pub model: String,
    /// Its number within the model.
    pub number: u32,
    /// Where it stands.
    pub state: Notice,
    /// What is known of it.
    pub facts: Vec<Fact>,
    /// The person: label and value each; absent where the reader may not see it.
    pub person: Option<Vec<(String, String)>>,
    /// People to assign it to, where the reader may assign.
    pub assign: Option<Vec<Choice>>,
    /// The form for a longer deadline, where the reader may extend it and can still.
    pub extend: Option<ExtendForm>,
    /// Outcomes, where the reader may answer.
    pub answer: Option<Vec<Choice>>,
    /// Grounds for erasure, where the reader may erase.
    pub erase: Option<Vec<Choice>>,
    /// Whether the reader may place a hold.
    pub can_hold: bool,
    /// What was typed into a form that was not accepted, by field.
    pub typed: Vec<(String, String)>,
    /// What happened.
    pub entries: Vec<Entry>,
    /// Why a form was not accepted.
    pub errors: Option<ErrorSummary>,
}

/// What the form for a longer deadline says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtendForm {
    /// Days that may be added at most.
    pub days: u32,
    /// The day until which it can be done.
    pub until: String,
}

impl Page for ReviewView {
    fn title(&self) -> String {
        format!("Request {} on {}", self.number, self.model)
    }

    fn room(&self) -> Option<Room> {
        Some(Room::Privacy)
    }

    fn crumbs(&self) -> Vec<Link> {
        let mut crumbs = crumbs(None);
        crumbs.push(Link::new("Human-review register", "/privacy/reviews"));
        crumbs
    }

    fn errors(&self) -> Option<&ErrorSummary> {
        self.errors.as_ref()
    }

    fn body(self) -> AnyView {
        let errors = self.errors.as_ref();
        let base = format!("/privacy/reviews/{}/{}", self.model, self.number);
        let form = |path: &str, button, is_danger, consequence| Form {
            action: format!("{base}/{path}"),
            revision: None,
            button,
            is_danger,
            consequence,
        };
        let assign = self.assign.map(|people| {
            let form = form("assign", "Assign", false, "The person sees the name and words of whoever asked.");
            let fields = vec![Field::select("assignee", "To", people)];
            fold("Assign the request", names(errors, &["assignee"]), form.view(fields, errors))
        });
        let extend = self.extend.map(|may| {
            let form = form(
                "extend",
                "Extend the deadline",
                false,
                "It is extended once. The person has a right to be told of it, and why, within one month of asking (GDPR Art. 12(3)).",
            );
            let fields = vec![
                Field::area("why", "Why it is necessary, as the person was told", 3)
                    .hint("Complexity or number of requests. It stands in the entry for good: no personal data.")
                    .value(kept(&self.typed, "why"))
                    .required(),
                Field::input("date", "informed", "The person was told on")
                    .hint(format!("Today, if left blank. It can be extended until {}.", may.until))
                    .value(kept(&self.typed, "informed")),
                Field::input("number", "days", "Days to add")
                    .hint(format!("{}, if left blank; more are not allowed.", may.days))
                    .value(kept(&self.typed, "days")),
            ];
            fold("Extend the deadline", names(errors, &["why", "informed", "days"]), form.view(fields, errors))
        });
        let answer = self.answer.map(|outcomes| {
            let form = form(
                "answer",
                "Answer",
                false,
                "What the person is told goes to the vault; the outcome is sealed with your name.",
            );
            let fields = vec![
                Field::radios("outcome", "What became of it", outcomes),
                Field::area("answer", "What the person is told", 5).value(kept(&self.typed, "answer")).required(),
            ];
            fold("Answer the request", names(errors, &["outcome", "answer"]), form.view(fields, errors))
        });
        let hold = self.can_hold.then(|| {
            let form = form(
                "hold",
                "Place a legal hold",
                false,
                "While it stands, an erasure is refused, and the refusal recorded.",
            );
            let fields =
                vec![Field::text("reason", "Why, without personal data").value(kept(&self.typed, "reason")).required()];
            fold("Place a legal hold", names(errors, &["reason"]), form.view(fields, errors))
        });
        let erase = self.erase.map(|grounds| {
            let form = form(
                "erase",
                "Erase the personal data",
                true,
                "Value and salt are deleted for good; the commitments in the ledger can then never be opened again.",
            );
            let fields = vec![
                Field::select("basis", "Ground", grounds),
                Field::text("note", "Note, without personal data").value(kept(&self.typed, "note")),
            ];
            fold("Erase the personal data", names(errors, &["basis", "note"]), form.view(fields, errors))
        });
        let person = match self.person {
            None => view! { <p class="quiet">"Only the privacy officer and the assignee see who asks, and what they wrote."</p> }
                .into_any(),
            Some(person) if person.is_empty() => view! { <p class="quiet">"Erased."</p> }.into_any(),
            Some(person) => {
                let facts = person.into_iter().map(|(label, value)| Fact::text(label, value)).collect::<Vec<_>>();
                view! { <Facts facts /> }.into_any()
            }
        };
        let title = format!("Request {} on {}", self.number, self.model);
        view! {
            <Head title>{sub_nav("")}</Head>
            <NoticeBox notice=self.state />
            <div class="columns side">
                <div class="stack-l">
                    <Section id="person" title="The person">{person}</Section>
                    {assign} {answer} {extend} {hold} {erase}
                    <Section id="entries" title="What happened">
                        <Timeline entries=self.entries />
                    </Section>
                </div>
                <aside aria-labelledby="facts-heading" class="stack">
                    <h2 id="facts-heading">"The request"</h2>
                    <Facts facts=self.facts />
                </aside>
            </div>
        }
        .into_any()
    }
}
