//! A model's privacy file: the assessment with its sections, advice, approval, the safeguards, what happened.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Form, crumbs, fold, kept, names, sub_nav};
use crate::{
    kit::{
        Choice, Digest, DigestView, Empty, Entry, ErrorSummary, Fact, Facts, Field, Head, Link, Notice, NoticeBox,
        Region, Section, Tag, TagView, Timeline,
    },
    pages::{Page, Room},
};

/// A model's privacy file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DpiaView {
    /// The model.
    pub model: String,
    /// Its title.
    pub model_title: String,
    /// The file's revision; 0 while nothing is recorded.
    pub revision: u64,
    /// Where the assessment stands, and what to do next.
    pub state: Notice,
    /// What an approval still needs, one by one.
    pub missing: Vec<String>,
    /// Scope, authors, dates, retention.
    pub facts: Vec<Fact>,
    /// The content, if one is written.
    pub content: Option<ContentView>,
    /// Advice, consultation and approval so far, each with its words.
    pub opinions: Vec<Opinion>,
    /// The statement under Art. 22.
    pub safeguards: SafeguardsFacts,
    /// Whether the reader may write the assessment.
    pub can_draft: bool,
    /// Whether the reader may take it out.
    pub can_export: bool,
    /// What the reader can decide.
    pub acts: Acts,
    /// What was typed into a form that was not accepted, by field.
    pub typed: Vec<(String, String)>,
    /// What happened last.
    pub recent: Vec<Entry>,
    /// Why a form was not accepted.
    pub errors: Option<ErrorSummary>,
}

/// The sections of an assessment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentView {
    /// Digest of the content.
    pub digest: Digest,
    /// Section (a): heading and text.
    pub description: Vec<(String, String)>,
    /// Section (b): heading and text.
    pub necessity: Vec<(String, String)>,
    /// Section (c).
    pub risks: Vec<RiskLine>,
    /// Section (d).
    pub measures: Vec<MeasureLine>,
    /// Views of data subjects: a word on whether they were asked, and the text.
    pub views: (String, String),
    /// Features that may stand in for prohibited ones, with why.
    pub justified: Vec<(String, String)>,
}

/// A risk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RiskLine {
    /// The risk.
    pub title: String,
    /// Its kind and more words.
    pub about: Vec<String>,
    /// Likelihood and severity before the measures.
    pub initial: String,
    /// With the measures.
    pub residual: Tag,
}

/// A measure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeasureLine {
    /// The measure.
    pub title: String,
    /// What is done.
    pub description: String,
    /// Who owns it.
    pub owner: String,
    /// What it treats.
    pub treats: String,
}

/// Somebody's recorded words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opinion {
    /// Such as "Advice, for the processing".
    pub title: String,
    /// Current, stale.
    pub state: Tag,
    /// Who and when.
    pub about: String,
    /// The words.
    pub text: String,
    /// The entry.
    pub entry: Link,
}

/// The Art. 22 statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SafeguardsFacts {
    /// Where it stands.
    pub state: Tag,
    /// What is stated.
    pub facts: Vec<Fact>,
    /// Digest of the statement, where the reader may confirm it.
    pub confirm: Option<Digest>,
    /// Whether the reader may change it.
    pub can_edit: bool,
}

/// What the reader can decide on the assessment now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acts {
    /// May advise.
    pub advise: bool,
    /// May record a consultation.
    pub consult: bool,
    /// May approve: the meanings to confirm.
    pub approve: Option<Vec<Choice>>,
    /// Longest time until the review, in months.
    pub review_months: u32,
    /// May say that the risk changed.
    pub reopen: bool,
}

impl Page for DpiaView {
    fn title(&self) -> String {
        format!("Privacy of {}", self.model)
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
        let base = format!("/privacy/models/{}", self.model);
        let mut actions = Vec::new();
        if self.can_draft {
            actions.push(Link::new("Write the assessment", format!("{base}/edit")));
        }
        if self.can_export && self.content.is_some() {
            actions.push(Link::new("CNIL PIA file", format!("/api/v1/models/{}/dpia/cnil", self.model)));
        }
        // The report is made in the background: a form leads to its progress.
        let report = (self.can_export && self.content.is_some()).then(|| {
            view! {
                <form method="post" action="/reports">
                    <input type="hidden" name="report" value="dpia" />
                    <input type="hidden" name="dpia-model" value=self.model.clone() />
                    <button class="button" type="submit">
                        "Make the report (PDF, JSON, CSV)"
                    </button>
                </form>
            }
        });
        let title = format!("Privacy of {}", self.model);
        let lede = self.model_title;
        let errors = self.errors.as_ref();
        let digest = self.content.as_ref().map(|content| content.digest.clone());
        let missing = (!self.missing.is_empty()).then(|| {
            view! {
                <Section id="missing" title="Still missing for an approval">
                    <ul>{self.missing.into_iter().map(|what| view! { <li>{what}</li> }).collect_view()}</ul>
                </Section>
            }
        });
        let import = self.can_draft.then(|| import_form(&base));
        let content = match self.content {
            Some(content) => content_view(content),
            None => view! {
                <Empty title="Nothing is written yet" hint="Write the assessment here, or take over a file of the CNIL\u{2019}s PIA tool." />
            }
            .into_any(),
        };
        view! {
            <Head title lede actions>
                {sub_nav("")}
                {report}
            </Head>
            <NoticeBox notice=self.state />
            <div class="columns side">
                <div class="stack-l">
                    {missing}
                    {content}
                    {opinions(self.opinions)}
                    {acts(&base, self.revision, self.acts, digest, &self.typed, errors)}
                    {safeguards(&base, self.revision, self.safeguards)}
                    {import}
                    <Section id="recent" title="What happened last">
                        <Timeline entries=self.recent />
                    </Section>
                </div>
                <aside aria-labelledby="facts-heading" class="stack">
                    <h2 id="facts-heading">"At a glance"</h2>
                    <Facts facts=self.facts />
                </aside>
            </div>
        }
        .into_any()
    }
}

fn texts(parts: Vec<(String, String)>) -> AnyView {
    parts
        .into_iter()
        .map(|(title, text)| {
            view! {
                <div>
                    <h3>{title}</h3>
                    <p class="prose">{text}</p>
                </div>
            }
        })
        .collect_view()
        .into_any()
}

fn content_view(content: ContentView) -> AnyView {
    let justified = (!content.justified.is_empty()).then(|| {
        let parts = texts(content.justified);
        view! {
            <Section id="justified" title="Features that may stand in for prohibited ones">
                <div class="stack">{parts}</div>
            </Section>
        }
    });
    view! {
        <Section id="description" title="(a) Description and purposes">
            <div class="stack">{texts(content.description)}</div>
        </Section>
        <Section id="necessity" title="(b) Necessity and proportionality">
            <div class="stack">{texts(content.necessity)}</div>
        </Section>
        <Section id="risks" title="(c) Risks to rights and freedoms">
            <Region label="Risks">
                <table class="cards">
                    <thead>
                        <tr>
                            <th scope="col">"Risk"</th>
                            <th scope="col">"Likelihood, severity"</th>
                            <th scope="col">"With the measures"</th>
                        </tr>
                    </thead>
                    <tbody>{content.risks.into_iter().map(risk).collect_view()}</tbody>
                </table>
            </Region>
        </Section>
        <Section id="measures" title="(d) Measures">
            <Region label="Measures">
                <table class="cards">
                    <thead>
                        <tr>
                            <th scope="col">"Measure"</th>
                            <th scope="col">"Owner"</th>
                            <th scope="col">"Treats"</th>
                        </tr>
                    </thead>
                    <tbody>{content.measures.into_iter().map(measure).collect_view()}</tbody>
                </table>
            </Region>
        </Section>
        <Section id="views" title="Views of data subjects">
            <div class="stack">
                <p class="strong">{content.views.0}</p>
                <p class="prose">{content.views.1}</p>
            </div>
        </Section>
        {justified}
        <p class="small quiet">"Digest of the content " <DigestView digest=content.digest /></p>
    }
    .into_any()
}

fn risk(risk: RiskLine) -> AnyView {
    view! {
        <tr>
            <th scope="row" class="words">
                {risk.title}
                {risk.about.into_iter().map(|words| view! { <span class="sub">{words}</span> }).collect_view()}
            </th>
            <td data-label="Likelihood, severity">{risk.initial}</td>
            <td data-label="With the measures">
                <TagView tag=risk.residual />
            </td>
        </tr>
    }
    .into_any()
}

fn measure(measure: MeasureLine) -> AnyView {
    view! {
        <tr>
            <th scope="row" class="words">
                {measure.title}
                <span class="sub">{measure.description}</span>
            </th>
            <td data-label="Owner">{measure.owner}</td>
            <td data-label="Treats">{measure.treats}</td>
        </tr>
    }
    .into_any()
}

fn opinions(opinions: Vec<Opinion>) -> AnyView {
    if opinions.is_empty() {
        return ().into_any();
    }
    view! {
        <Section id="opinions" title="Advice and approval">
            <ul class="panel queue" role="list">
                {opinions
                    .into_iter()
                    .map(|opinion| {
                        view! {
                            <li>
                                <span class="what">{opinion.title}</span>
                                <TagView tag=opinion.state />
                                <span class="more">
                                    <span>{opinion.about}</span>
                                    <a href=opinion.entry.href>{opinion.entry.label}</a>
                                </span>
                                <p class="more prose">{opinion.text}</p>
                            </li>
                        }
                    })
                    .collect_view()}
            </ul>
        </Section>
    }
    .into_any()
}

fn acts(
    base: &str,
    revision: u64,
    acts: Acts,
    digest: Option<Digest>,
    typed: &[(String, String)],
    errors: Option<&ErrorSummary>,
) -> AnyView {
    let form = |path: &str, button, is_danger, consequence| Form {
        action: format!("{base}/{path}"),
        revision: Some(revision),
        button,
        is_danger,
        consequence,
    };
    let digest = digest.map(|digest| digest.0).unwrap_or_default();
    let read = move || view! { <input type="hidden" name="content" value=digest.clone() /> };
    let fields =
        |fields: Vec<Field>| fields.into_iter().map(|field| field.errors(errors).view()).collect_view().into_any();
    let advise = acts.advise.then(|| {
        let inputs = fields(vec![
            Field::area("advice", "Advice (Art. 35(2))", 4).value(kept(typed, "advice")).required(),
            Field::radios(
                "favourable",
                "It speaks",
                vec![
                    Choice::new("yes", "for the processing").chosen_if(kept(typed, "favourable") == "yes"),
                    Choice::new("no", "against it").chosen_if(kept(typed, "favourable") == "no"),
                ],
            ),
        ]);
        let inputs = view! { {read()} {inputs} }.into_any();
        let form = form(
            "advice",
            "Record the advice",
            false,
            "Sealed with your name, for exactly this content. A change of the content asks for advice anew.",
        );
        fold("Give advice", names(errors, &["advice", "favourable"]), form.around(inputs))
    });
    let consult = acts.consult.then(|| {
        let inputs = fields(vec![
            Field::text("authority", "Supervisory authority").value(kept(typed, "authority")).required(),
            Field::text("reference", "Its file reference").value(kept(typed, "reference")).required(),
            Field::area("answer", "What it answered", 4).value(kept(typed, "answer")).required(),
        ]);
        let inputs = view! { {read()} {inputs} }.into_any();
        let form = form(
            "consultation",
            "Record the consultation",
            false,
            "A residual risk is high: an approval needs the authority\u{2019}s answer to exactly this content first (Art. 36). A change of the content asks for it anew.",
        );
        fold(
            "Record a prior consultation",
            names(errors, &["authority", "reference", "answer"]),
            form.around(inputs),
        )
    });
    let approve = acts.approve.map(|meanings| {
        let inputs = fields(vec![
            Field::radios("meaning", "What your signature means", meanings),
            Field::area("comment", "Comment", 3)
                .hint("Needed where the advice speaks against it.")
                .value(kept(typed, "comment")),
            Field::input("number", "review_months", "Months until it is looked at again")
                .hint(format!("At most {}.", acts.review_months))
                .value(acts.review_months.to_string()),
            Field::input("password", "password", "Your password").autocomplete("current-password").required(),
        ]);
        let inputs = view! { {read()} {inputs} }.into_any();
        let form = form("approve", "Approve", false, "Your signature covers the digest of exactly this content.");
        fold(
            "Approve the assessment",
            names(errors, &["meaning", "comment", "review_months", "password"]),
            form.around(inputs),
        )
    });
    let reopen = acts.reopen.then(|| {
        let inputs = vec![Field::area("reason", "What changed", 3).value(kept(typed, "reason")).required()];
        let form = form(
            "reopen",
            "Reopen the assessment",
            true,
            "The approval loses its force at once: promotions wait until it is approved again (Art. 35(11)).",
        );
        fold("Say that the risk changed", names(errors, &["reason"]), form.view(inputs, errors))
    });
    view! { {advise} {consult} {approve} {reopen} }.into_any()
}

fn safeguards(base: &str, revision: u64, safeguards: SafeguardsFacts) -> AnyView {
    let confirm = safeguards.confirm.map(|digest| {
        let input = view! { <input type="hidden" name="statement" value=digest.0 /> }.into_any();
        let form = Form {
            action: format!("{base}/safeguards/confirm"),
            revision: Some(revision),
            button: "Confirm the statement",
            is_danger: false,
            consequence: "Sealed with your name, for exactly this statement.",
        };
        form.around(input)
    });
    let edit = safeguards.can_edit.then(|| {
        view! { <p><a href=format!("{base}/safeguards")>"Change the statement"</a></p> }
    });
    view! {
        <Section id="safeguards" title="Automated decisions (Art. 22)">
            <div class="stack">
                <TagView tag=safeguards.state />
                <Facts facts=safeguards.facts />
                {confirm}
                {edit}
            </div>
        </Section>
    }
    .into_any()
}

fn import_form(base: &str) -> AnyView {
    let form = view! {
        <form class="form" method="post" action=format!("{base}/import") enctype="multipart/form-data">
            {Field::input("file", "file", "File of the CNIL\u{2019}s PIA tool").accept("application/json,.json").required().view()}
            <button class="button primary" type="submit">
                "Take it over as the draft"
            </button>
            <p class="consequence">
                "What has no place here is listed afterwards. Names of people are left out."
            </p>
        </form>
    };
    fold("Import from the CNIL\u{2019}s PIA tool", false, form.into_any())
}
