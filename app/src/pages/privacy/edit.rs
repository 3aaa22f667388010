//! Writing an assessment, and stating what Art. 22 asks.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Form, crumbs};
use crate::{
    kit::{Choice, ErrorSummary, Field, Head, Link, Section},
    pages::{Page, Room},
};

/// The form of a whole assessment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DpiaEditView {
    /// The model.
    pub model: String,
    /// The file's revision.
    pub revision: u64,
    /// Markets to choose from.
    pub markets: Vec<Choice>,
    /// Classes of change that reopen it.
    pub classes: Vec<Choice>,
    /// Versions to choose from.
    pub versions: Vec<Choice>,
    /// Parts of (a): field name, heading, text, whether an approval needs it.
    pub description: Vec<PartField>,
    /// Parts of (b).
    pub necessity: Vec<PartField>,
    /// Risks, with blank ones at the end.
    pub risks: Vec<RiskFields>,
    /// Measures, with blank ones at the end.
    pub measures: Vec<MeasureFields>,
    /// Whether data subjects were asked.
    pub sought: Vec<Choice>,
    /// What they said, or why not.
    pub views: String,
    /// Justified features, a line each: `feature: why`.
    pub justified: String,
    /// Why the form was not accepted.
    pub errors: Option<ErrorSummary>,
}

/// A text area of the form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartField {
    /// The field's name.
    pub name: String,
    /// The heading.
    pub title: String,
    /// What is written.
    pub text: String,
    /// Whether an approval needs it.
    pub needed: bool,
}

/// A risk in the form; the fields' names begin with `risk-{number}-`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RiskFields {
    /// Its title.
    pub title: String,
    /// Kinds.
    pub kinds: Vec<Choice>,
    /// Why it is rated so.
    pub description: String,
    /// Impacts, threats and sources, a line each.
    pub lists: [String; 3],
    /// Likelihood and severity before, then after the measures.
    pub ratings: [Vec<Choice>; 4],
}

/// A measure in the form; the fields' names begin with `measure-{number}-`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeasureFields {
    /// Its title.
    pub title: String,
    /// What is done.
    pub description: String,
    /// Accounts to choose from.
    pub owners: Vec<Choice>,
    /// Kinds of risk that it treats.
    pub treats: Vec<Choice>,
}

impl Page for DpiaEditView {
    fn title(&self) -> String {
        format!("Assessment of {}", self.model)
    }

    fn room(&self) -> Option<Room> {
        Some(Room::Privacy)
    }

    fn crumbs(&self) -> Vec<Link> {
        crumbs(Some(&self.model))
    }

    fn errors(&self) -> Option<&ErrorSummary> {
        self.errors.as_ref()
    }

    fn body(self) -> AnyView {
        let errors = self.errors.as_ref();
        let view = |field: Field| field.errors(errors).view();
        let parts = |parts: Vec<PartField>| {
            parts
                .into_iter()
                .map(|part| {
                    let hint = if part.needed { "An approval needs it." } else { "Where it applies." };
                    view(Field::area(part.name, part.title, 4).hint(hint).value(part.text).wide())
                })
                .collect_view()
        };
        let (description, necessity) = (parts(self.description), parts(self.necessity));
        let risks = self.risks.into_iter().enumerate().map(|(index, risk)| risk_fields(index + 1, risk, errors));
        let risks = risks.collect_view();
        let measures = self.measures.into_iter().enumerate();
        let measures = measures.map(|(index, measure)| measure_fields(index + 1, measure, errors)).collect_view();
        let scope = [
            Field::checks("markets", "Markets", self.markets),
            Field::select("version", "Version whose lineage was assessed", self.versions),
            Field::checks("classes", "Reopened by a change of", self.classes)
                .hint("Fresh data alone is no such change. Judged when a version asks for promotion."),
        ];
        let scope = scope.into_iter().map(view).collect_view();
        let views = [
            Field::radios("sought", "Were data subjects or their representatives asked?", self.sought),
            Field::area("views", "What they said, or why they were not asked (Art. 35(9))", 4).value(self.views).wide(),
            Field::area("justified", "Features that may stand in for a prohibited one", 3)
                .hint("A line each: the feature, a colon, why it is needed and how its effect is watched.")
                .value(self.justified)
                .wide(),
        ];
        let views = views.into_iter().map(view).collect_view();
        let fields = view! {
            <Section id="scope" title="Scope">
                <div class="form">{scope}</div>
            </Section>
            <Section id="description" title="(a) Description and purposes">
                <div class="form">{description}</div>
            </Section>
            <Section id="necessity" title="(b) Necessity and proportionality">
                <div class="form">{necessity}</div>
            </Section>
            <Section id="risks" title="(c) Risks to rights and freedoms" about="Leave a title blank to leave the risk out. Save to get more rows.">
                <div class="stack">{risks}</div>
            </Section>
            <Section id="measures" title="(d) Measures" about="Leave a title blank to leave the measure out. Save to get more rows.">
                <div class="stack">{measures}</div>
            </Section>
            <Section id="subjects" title="Views of data subjects, and features">
                <div class="form">{views}</div>
            </Section>
        };
        let form = Form {
            action: format!("/privacy/models/{}/edit", self.model),
            revision: Some(self.revision),
            button: "Save the draft",
            is_danger: false,
            consequence: "Each saved draft is an entry, at most 64 KiB in all; attach longer documents as evidence. An approved assessment stays in force until a new one is approved.",
        };
        let title = format!("Assessment of {}", self.model);
        view! {
            <Head title lede="Data protection impact assessment (GDPR Art. 35). A draft may be incomplete; write nothing personal into it." />
            {form.around(fields.into_any())}
        }
        .into_any()
    }
}

fn risk_fields(number: usize, risk: RiskFields, errors: Option<&ErrorSummary>) -> AnyView {
    let name = |field: &str| format!("risk-{number}-{field}");
    let [impacts, threats, sources] = risk.lists;
    let [likelihood, severity, left_likelihood, left_severity] = risk.ratings;
    let fields = [
        Field::text(name("title"), "Risk").value(risk.title.clone()).wide(),
        Field::select(name("kind"), "Kind", risk.kinds),
        Field::area(name("description"), "Why it is rated so", 2).value(risk.description).wide(),
        Field::area(name("impacts"), "Impacts, a line each", 2).value(impacts).wide(),
        Field::area(name("threats"), "Threats, a line each", 2).value(threats).wide(),
        Field::area(name("sources"), "Sources, a line each", 2).value(sources).wide(),
        Field::select(name("likelihood"), "Likelihood before measures", likelihood),
        Field::select(name("severity"), "Severity before measures", severity),
        Field::select(name("residual_likelihood"), "Likelihood with the measures", left_likelihood),
        Field::select(name("residual_severity"), "Severity with the measures", left_severity),
    ];
    let fields = fields.into_iter().map(|field| field.errors(errors).view()).collect_view();
    let label = if risk.title.is_empty() { format!("Another risk ({number})") } else { risk.title };
    view! {
        <details class="fold">
            <summary>{label}</summary>
            <div class="form">{fields}</div>
        </details>
    }
    .into_any()
}

fn measure_fields(number: usize, measure: MeasureFields, errors: Option<&ErrorSummary>) -> AnyView {
    let name = |field: &str| format!("measure-{number}-{field}");
    let fields = [
        Field::text(name("title"), "Measure").value(measure.title.clone()).wide(),
        Field::area(name("description"), "What is done", 2).value(measure.description).wide(),
        Field::select(name("owner"), "Owner", measure.owners),
        Field::checks(name("treats"), "Treats", measure.treats),
    ];
    let fields = fields.into_iter().map(|field| field.errors(errors).view()).collect_view();
    let label = if measure.title.is_empty() { format!("Another measure ({number})") } else { measure.title };
    view! {
        <details class="fold">
            <summary>{label}</summary>
            <div class="form">{fields}</div>
        </details>
    }
    .into_any()
}

/// The form of a statement under Art. 22.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SafeguardsView {
    /// The model.
    pub model: String,
    /// The file's revision.
    pub revision: u64,
    /// Solely automated: yes or no.
    pub automated: Vec<Choice>,
    /// Legal or similarly significant effect: yes or no.
    pub significant: Vec<Choice>,
    /// Why.
    pub reasons: String,
    /// Bases of Art. 22(2).
    pub bases: Vec<Choice>,
    /// Special categories: yes or no.
    pub special: Vec<Choice>,
    /// Bases of Art. 22(4).
    pub special_bases: Vec<Choice>,
    /// The three safeguards: id, name, owners to choose from, channel.
    pub keepers: Vec<(String, String, Vec<Choice>, String)>,
    /// Why the form was not accepted.
    pub errors: Option<ErrorSummary>,
}

impl Page for SafeguardsView {
    fn title(&self) -> String {
        format!("Automated decisions of {}", self.model)
    }

    fn room(&self) -> Option<Room> {
        Some(Room::Privacy)
    }

    fn crumbs(&self) -> Vec<Link> {
        crumbs(Some(&self.model))
    }

    fn errors(&self) -> Option<&ErrorSummary> {
        self.errors.as_ref()
    }

    fn body(self) -> AnyView {
        let mut fields = vec![
            Field::radios("solely_automated", "Do decisions rest solely on automated processing?", self.automated),
            Field::radios(
                "significant_effect",
                "Do they have a legal or similarly significant effect?",
                self.significant,
            ),
            Field::area("reasons", "Why it is so", 4).value(self.reasons).required(),
            Field::select("basis", "Basis, Art. 22(2)", self.bases),
        ];
        for (id, title, owners, channel) in self.keepers {
            fields.push(Field::select(format!("{id}-owner"), format!("{title}: owner"), owners));
            let channel = Field::text(format!("{id}-channel"), format!("{title}: channel")).value(channel);
            fields
                .push(channel.hint("Where people turn to, such as the address of a form; not somebody\u{2019}s name."));
        }
        fields.push(Field::radios("special_categories", "Do they rest on special categories of data?", self.special));
        fields.push(Field::select("special_basis", "Basis, Art. 22(4)", self.special_bases));
        let form = Form {
            action: format!("/privacy/models/{}/safeguards", self.model),
            revision: Some(self.revision),
            button: "Save the statement",
            is_danger: false,
            consequence: "The privacy officer confirms it; a change asks for confirmation anew.",
        };
        let title = format!("Automated decisions of {}", self.model);
        let form = form.view(fields, self.errors.as_ref());
        view! {
            <Head title lede="GDPR Art. 22: whether the model decides alone, on which basis, and who keeps the safeguards." />
            {form}
        }
        .into_any()
    }
}
