//! The report of a model's data protection impact assessment: its sections by GDPR Art. 35(7), what was advised and
//! decided on it, what it was checked against, and the entries that prove it.
//!
//! What stands in entries is shown in full. The personal fields of requests for human review lie in the vault and are
//! not part of an assessment: their number is told, nothing of what they hold. Names come from the vault as on every
//! page, so that an erased one is not shown.

use std::{collections::BTreeSet, sync::Arc};

use domain::{
    AccountId, Aggregate, AggregateId, Event, Market, ModelName, VersionId, VersionNumber,
    policy::AdoptedPolicy,
    privacy::{
        PrivacyFile, Step,
        dpia::{Approved, Draft, Part as Section, Rating, Risk, class_names},
        features,
        policy::retention,
        safeguards::Safeguard,
    },
    registry::{Model, Version},
};
use ledger::Timestamp;

use super::{
    Asked,
    papers::{ATTEMPTS, ENTRY_COLUMNS, PAGE, checkpoint, entry_rows, paper},
    worker::{MakeError, Progress},
};
use crate::{
    accounts::Names,
    narrate,
    report::paper::{Grid, Named, Paper, Part, Text},
    service::Service,
    storage::{
        StoreError,
        log::{EntryFilter, Head, StoredEntry},
    },
    views::privacy::safeguards_state,
};

/// The types of entries that tell of an assessment and of the Art. 22 statement beside it.
const EVENTS: [&str; 8] = [
    "dpia.advised",
    "dpia.approved",
    "dpia.consulted",
    "dpia.drafted",
    "dpia.reopened",
    "safeguards.confirmed",
    "safeguards.lapsed",
    "safeguards.stated",
];

/// What the report is made from, read at one checkpoint.
struct Reading {
    head: Head,
    /// When dates are judged: now, since the last entry may be days old.
    now: Timestamp,
    model: Arc<Model>,
    policy: Arc<AdoptedPolicy>,
    file: Arc<PrivacyFile>,
    /// The versions that it is held against: assessed, serving, on their way in.
    versions: Vec<Arc<Version>>,
    /// Its entries, oldest first.
    history: Vec<StoredEntry>,
    names: Names,
}

/// The report of a model's assessment.
///
/// # Errors
/// There is no such model or no assessment of it, it changes faster than it can be read, or the storage failed.
pub(super) async fn report(app: &Service, name: &ModelName, progress: &Progress) -> Result<Paper, MakeError> {
    for _ in 0..ATTEMPTS {
        let reading = Reading::of(app, name, progress).await?;
        if reading.still_holds(app).await? {
            return reading.paper(app).await;
        }
    }
    Err(MakeError::Unknown(format!("{name} changed each time while it was read; ask again in a quieter moment.")))
}

impl Reading {
    async fn of(app: &Service, name: &ModelName, progress: &Progress) -> Result<Self, MakeError> {
        let head = app.store.head().await?;
        let model = app.model(name).await?;
        let model = model.ok_or_else(|| MakeError::Unknown(format!("There is no model {name}.")))?;
        let file = app.privacy_file(name).await?.filter(|file| file.draft.is_some());
        let file = file.ok_or_else(|| {
            MakeError::Unknown(format!(
                "No impact assessment of {name} is written yet. A data scientist begins it on /privacy/models/{name}, \
                 or takes over a file of the CNIL\u{2019}s PIA tool there."
            ))
        })?;
        let policy = app.policy().await?;
        let versions = versions(app, &model, &file).await?;
        let mut history: Vec<StoredEntry> = Vec::new();
        loop {
            let from = history.last().map_or(0, |entry| entry.seq + 1);
            let page = app.store.entries_of_types(&EVENTS, Some(name.as_str()), (from, head.size), PAGE).await?;
            progress.done(page.len() as u64);
            if page.is_empty() {
                break;
            }
            history.extend(page);
        }
        let people = people(&file);
        let names = app.names(people.iter().map(|id| id.as_str()).chain(history.iter().map(|e| &*e.actor))).await?;
        let now = app.clock.now().max(head.time);
        Ok(Self { head, now, model, policy, file, versions, history, names })
    }

    /// Whether what was read after the head still was as the head knows it.
    async fn still_holds(&self, app: &Service) -> Result<bool, StoreError> {
        let filter = EntryFilter { model: Some(self.model.name.to_string()), limit: 1, ..EntryFilter::default() };
        let latest = app.store.find_entries(&filter).await?;
        Ok(self.policy.entry < self.head.size && latest.iter().all(|entry| entry.seq < self.head.size))
    }

    /// The assessment that is shown: the approved one while it is in force, else what was written last.
    fn shown(&self) -> Option<&Draft> {
        let in_force = self.file.approved.as_ref().filter(|approved| approved.reopened.is_none());
        in_force.map(|approved| &approved.draft).or(self.file.draft.as_ref())
    }

    fn who(&self, id: &AccountId) -> String {
        self.names.of(id.as_str())
    }

    async fn paper(&self, app: &Service) -> Result<Paper, MakeError> {
        let asked = Asked::Dpia { model: self.model.name.clone() };
        let question = "What does the processing do to people, what was decided on it, and on what grounds?";
        let mut paper = paper(&asked, self.model.title.clone(), question, checkpoint(app, &self.head)?);
        paper.asked = vec![
            Named::plain("Model", self.model.name.as_str()),
            Named::plain("Purpose", self.model.purpose.as_str()),
            Named::plain("Dates judged at", format!("{} UTC", self.now.minute())),
        ];
        let Some(draft) = self.shown() else { return Ok(paper) };
        paper.parts.push(self.in_short(draft));
        paper.parts.extend(sections(draft));
        paper.parts.extend(self.risks_and_measures(draft));
        paper.parts.push(self.decisions());
        paper.parts.push(self.reopenings());
        paper.parts.extend(self.checked_against(draft));
        paper.parts.push(self.safeguards());
        let mut grid = Grid::new(&ENTRY_COLUMNS, "Nothing is recorded.");
        grid.rows = entry_rows(app, &self.history).await?;
        let text = vec!["The entries that prove all of this, each with its hash.".to_owned()];
        paper.parts.push(Part { text, table: Some(grid), ..Part::chapter("11  Ledger entries") });
        Ok(paper)
    }

    fn standing(&self) -> String {
        let step = self.policy.policy.privacy.as_ref().map(|rules| self.file.step(rules));
        let next = match step {
            Some(Step::Done) | None => String::new(),
            Some(step) => format!(" What was written last {}.", step.title()),
        };
        match &self.file.approved {
            None => format!("Not approved.{next}"),
            Some(Approved { reopened: Some(reopening), .. }) => {
                format!("Reopened on {}: {}{next}", reopening.at.date(), reopening.cause.sentence())
            }
            Some(approved) if !approved.holds(self.now) => {
                format!("Approved, but its review was due on {}.{next}", approved.review_at.date())
            }
            Some(approved) => format!("Approved and in force until {}.{next}", approved.review_at.date()),
        }
    }

    fn in_short(&self, draft: &Draft) -> Part {
        let scope = &draft.content.scope;
        let markets: Vec<&str> = scope.markets.iter().map(Market::as_str).collect();
        let authors: Vec<String> = draft.authors.iter().map(|author| self.who(author)).collect();
        let or_none = |text: String| if text.is_empty() { "none".to_owned() } else { text };
        let mut facts = vec![
            Named::plain("Standing", self.standing()),
            Named::plain("Markets assessed", or_none(markets.join(", "))),
            Named::plain("Reopened by a change of", or_none(class_names(&scope.reopened_by))),
            Named::plain("Assessed version", scope.version.map_or("none".to_owned(), |number| format!("v{number}"))),
            Named::plain("Written by", authors.join(", ")),
            Named::plain("Last written", format!("{} UTC, entry {}", draft.drafted_at.minute(), draft.entry)),
            Named::id("Digest of the content", draft.digest.to_string()),
        ];
        if let Some(approved) = &self.file.approved {
            let by = self.who(&approved.by);
            let told = format!("{by}, {} UTC, entry {}", approved.at.minute(), approved.entry);
            facts.push(Named::plain("Approved by", told));
            facts.push(Named::plain("Review date", approved.review_at.date()));
        }
        let kept = retention(&self.policy.policy, &self.model);
        let rules: Vec<String> = kept.rules.iter().map(|rule| format!("{} {}", rule.source, rule.years)).collect();
        facts.push(Named::plain("Records kept", format!("{} years ({})", kept.years, rules.join("; "))));
        facts.push(Named::plain("Requests for human review", self.file.reviews.to_string()));
        let holds = self.file.holds.iter().filter(|hold| hold.released.is_none()).count();
        facts.push(Named::plain("Legal holds in force", holds.to_string()));
        let mut text = Vec::new();
        let newer = self.file.draft.as_ref().filter(|newer| newer.digest != draft.digest);
        text.extend(newer.map(|newer| {
            format!(
                "This is the assessment in force. A newer draft, entry {}, waits beside it and is not shown.",
                newer.entry
            )
        }));
        if self.file.reviews > 0 {
            text.push(
                "Who asked for human review, and in which words, lies in the vault beside the ledger and is not part of \
                 this report."
                    .to_owned(),
            );
        }
        Part { text, facts, ..Part::chapter("1  In short") }
    }

    fn risks_and_measures(&self, draft: &Draft) -> Vec<Part> {
        let content = &draft.content;
        let rules = self.policy.policy.privacy.as_ref();
        let mut risks = Grid::new(
            &[("Risk", 36), ("Before the measures", 16), ("Measures", 28), ("Residual", 20)],
            "No risk is listed.",
        );
        for risk in &content.risks {
            let high = risk.residual.zip(rules).is_some_and(|(residual, rules)| residual.is_high(rules));
            let against = content.measures.iter().filter(|measure| measure.treats.contains(&risk.kind));
            let against: Vec<&str> = against.map(|measure| measure.title.as_str()).collect();
            let residual = rating(risk.residual);
            risks.rows.push(vec![
                told_risk(risk).into(),
                rating(risk.initial).into(),
                if against.is_empty() { "none treats it".into() } else { against.join("\n").into() },
                if high { format!("high: {residual}").into() } else { residual.into() },
            ]);
        }
        let mut measures = Grid::new(&[("Measure", 52), ("Owner", 20), ("Treats", 28)], "No measure is listed.");
        for measure in &content.measures {
            let treats: Vec<&str> = measure.treats.iter().map(|kind| kind.title()).collect();
            measures.rows.push(vec![
                lines([measure.title.as_str(), &measure.description]).into(),
                measure.owner.as_ref().map_or_else(|| "nobody yet".to_owned(), |owner| self.who(owner)).into(),
                treats.join("\n").into(),
            ]);
        }
        let asked = if content.views.sought { "They were asked." } else { "They were not asked." };
        let missing: Vec<String> = content.missing().into_iter().map(|missing| missing.message).collect();
        let mut parts = vec![
            Part {
                text: vec![
                    "Ratings are likelihood, then severity, on the four steps of the CNIL\u{2019}s method.".into(),
                ],
                table: Some(risks),
                ..Part::chapter("4  (c) Risks to rights and freedoms")
            },
            Part { table: Some(measures), ..Part::chapter("5  (d) Measures") },
            Part {
                text: [asked.to_owned()].into_iter().chain(paragraphs(&content.views.text)).collect(),
                ..Part::chapter("6  Views of data subjects, Art. 35(9)")
            },
        ];
        if !missing.is_empty() {
            parts.push(Part { text: missing, ..Part::section("Still missing for an approval") });
        }
        parts
    }

    /// Advice, consultations and approvals, of all rounds.
    fn decisions(&self) -> Part {
        let mut grid = Grid::new(
            &[("What", 18), ("By", 13), ("Time (UTC)", 13), ("Words", 33), ("Entry", 7), ("Of content", 16)],
            "No advice was given and nothing was decided.",
        );
        for stored in &self.history {
            let Ok(recorded) = narrate::read(&stored.bytes) else { continue };
            let (what, words, content) = match &recorded.event {
                Event::DpiaAdvised(body) => {
                    let side = if body.favourable { "for" } else { "against" };
                    (format!("The DPO\u{2019}s advice, {side} the processing"), body.advice.clone(), Some(body.content))
                }
                Event::DpiaConsulted(body) => {
                    let what = format!("Consultation of {}, {}", body.authority, body.reference);
                    (what, body.answer.clone(), body.content)
                }
                Event::DpiaApproved(body) => {
                    let until = format!("To be reviewed by {}.", body.review_at.date());
                    let meaning = format!("\u{201c}{}\u{201d}", body.meaning);
                    ("Approval".to_owned(), lines([meaning.as_str(), &body.comment, &until]), Some(body.content))
                }
                _ => continue,
            };
            grid.rows.push(vec![
                what.into(),
                self.who(&recorded.actor).into(),
                stored.time.minute().into(),
                words.into(),
                stored.seq.to_string().into(),
                Text::Id(content.map(|digest| digest.short()).unwrap_or_default()),
            ]);
        }
        Part { table: Some(grid), ..Part::chapter("7  Advice and decision") }
    }

    fn reopenings(&self) -> Part {
        let mut grid =
            Grid::new(&[("Time (UTC)", 16), ("Who", 18), ("Why", 56), ("Entry", 10)], "It was never reopened.");
        for stored in &self.history {
            let Ok(recorded) = narrate::read(&stored.bytes) else { continue };
            let Event::DpiaReopened(cause) = &recorded.event else { continue };
            grid.rows.push(vec![
                stored.time.minute().into(),
                self.who(&recorded.actor).into(),
                cause.sentence().into(),
                stored.seq.to_string().into(),
            ]);
        }
        Part { table: Some(grid), ..Part::chapter("8  Reopened") }
    }

    /// What the assessment was held against: lineages of versions, features that markets prohibit.
    fn checked_against(&self, draft: &Draft) -> Vec<Part> {
        let fingerprint = |(class, digest): (&domain::lineage::Class, &ledger::Digest)| {
            Named::id(&format!("Lineage, {}", class.title().to_lowercase()), digest.to_string())
        };
        let mut covered = Grid::new(
            &[("Version", 10), ("Where", 24), ("Covered", 24), ("Features", 42)],
            "No version is assessed, serves or is on its way in.",
        );
        let (mut hits, markets) = (
            Grid::new(
                &[("Market", 8), ("Version", 9), ("Feature", 20), ("Prohibited", 25), ("Why it is needed", 38)],
                "No feature fits what a market prohibits.",
            ),
            &self.policy.policy.markets,
        );
        for version in &self.versions {
            let number = version.id.number;
            let (lineage, named) = (&version.lineage, format!("v{number}"));
            let approved = self.file.approved.as_ref();
            let outside = approved.map(|approved| approved.outside(lineage)).unwrap_or_default();
            let listed: Vec<&str> = lineage.features.names.iter().map(String::as_str).collect();
            covered.rows.push(vec![
                named.as_str().into(),
                self.places(number, draft).into(),
                match approved {
                    None => "nothing is approved".into(),
                    Some(_) if outside.is_empty() => "yes".into(),
                    Some(_) => format!("no: it differs in {}", class_names(&outside)).into(),
                },
                listed.join(", ").into(),
            ]);
            for market in &self.model.markets {
                let rules = markets.get(market).and_then(|rules| rules.privacy.as_ref());
                for hit in rules.iter().flat_map(|rules| features::hits(lineage, &rules.prohibited_features)) {
                    let verb = if hit.is_adjacent { "may stand in for" } else { "is" };
                    let why = draft.content.justified_features.get(hit.feature);
                    hits.rows.push(vec![
                        market.as_str().into(),
                        named.as_str().into(),
                        Text::Id(hit.feature.to_owned()),
                        format!("{verb} {}", hit.prohibited).into(),
                        why.map_or("no reason is given", String::as_str).into(),
                    ]);
                }
            }
        }
        let justified = draft.content.justified_features.iter();
        let unfit = |feature: &str| !hits.rows.iter().any(|row| row[2] == Text::Id(feature.to_owned()));
        let unfit: Vec<String> = justified
            .filter(|(feature, _)| unfit(feature))
            .map(|(feature, why)| format!("Also justified, though none of these versions has it: {feature}. {why}"))
            .collect();
        let policy =
            format!("{}, version {}, entry {}", self.policy.policy.title, self.policy.version, self.policy.entry);
        vec![
            Part {
                facts: [Named::plain("Policy in force", policy)]
                    .into_iter()
                    .chain(draft.fingerprints.iter().map(fingerprint))
                    .collect(),
                text: vec![
                    "A version is covered as long as it does not differ from the assessed one in what the scope names; \
                     fresh data alone are no difference."
                        .to_owned(),
                ],
                table: Some(covered),
                ..Part::chapter("9  What it was checked against")
            },
            Part { text: unfit, table: Some(hits), ..Part::section("Prohibited features") },
        ]
    }

    /// Where a version stands as far as the report holds it against the assessment.
    fn places(&self, number: VersionNumber, draft: &Draft) -> String {
        let mut places = Vec::new();
        if draft.content.scope.version == Some(number) {
            places.push("assessed".to_owned());
        }
        let serving = self.model.champions.iter().filter(|(_, champion)| champion.version == number);
        places.extend(serving.map(|(market, _)| format!("champion in {market}")));
        let coming = self.model.rolling_out.iter().filter(|(_, version)| **version == number);
        places.extend(coming.map(|(market, _)| format!("on its way in, {market}")));
        places.join("\n")
    }

    fn safeguards(&self) -> Part {
        let chapter = Part::chapter("10  Automated decisions, Art. 22");
        let Some(stated) = &self.file.safeguards else {
            return Part { text: vec!["No statement was made.".to_owned()], ..chapter };
        };
        let yes = |is: bool| if is { "yes" } else { "no" };
        let statement = &stated.statement;
        let mut facts = vec![
            Named::plain("State", safeguards_state(&self.file)),
            Named::plain("Solely automated", yes(statement.solely_automated)),
            Named::plain("Significant effect", yes(statement.significant_effect)),
            Named::plain("Why", statement.reasons.as_str()),
        ];
        facts.extend(statement.basis.map(|basis| Named::plain("Basis", basis.title())));
        for safeguard in Safeguard::ALL {
            let keeper = statement.safeguards.get(&safeguard);
            let told = keeper.map(|keeper| format!("{}; {}", self.who(&keeper.owner), keeper.channel));
            let none = if statement.applies() { "nobody" } else { "not needed" };
            facts.push(Named::plain(safeguard.title(), told.unwrap_or_else(|| none.to_owned())));
        }
        facts.push(Named::plain("Special categories", yes(statement.special_categories)));
        facts.extend(statement.special_basis.map(|basis| Named::plain("Basis for them", basis.title())));
        let at = |who: &AccountId, at: Timestamp, entry: u64| {
            format!("{}, {} UTC, entry {entry}", self.who(who), at.minute())
        };
        facts.push(Named::plain("Stated by", at(&stated.by, stated.at, stated.entry)));
        let confirmed = stated.confirmed.as_ref();
        facts.extend(confirmed.map(|one| Named::plain("Confirmed by", at(&one.by, one.at, one.entry))));
        facts.extend(stated.lapsed.iter().map(|lapse| Named::plain("Owner gone", lapse.sentence())));
        facts.push(Named::id("Digest of the statement", stated.digest.to_string()));
        Part { facts, ..chapter }
    }
}

fn paragraphs(text: &str) -> impl Iterator<Item = String> {
    text.split("\n\n").filter(|paragraph| !paragraph.trim().is_empty()).map(str::to_owned)
}

fn lines<'t>(texts: impl IntoIterator<Item = &'t str>) -> String {
    texts.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n")
}

fn rating(rating: Option<Rating>) -> String {
    rating.map_or_else(|| "not rated".to_owned(), |one| format!("{}, {}", one.likelihood.id(), one.severity.id()))
}

fn told_risk(risk: &Risk) -> String {
    let list = |label: &str, items: &[String]| {
        if items.is_empty() { String::new() } else { format!("{label}: {}", items.join("; ")) }
    };
    let kind = if risk.title == risk.kind.title() { "" } else { risk.kind.title() };
    let about = [list("Impacts", &risk.impacts), list("Threats", &risk.threats), list("Sources", &risk.sources)];
    lines([risk.title.as_str(), kind, &risk.description].into_iter().chain(about.iter().map(String::as_str)))
}

/// Sections (a) and (b), part by part; a required part that is not written says so.
fn sections(draft: &Draft) -> Vec<Part> {
    let mut parts = Vec::new();
    for (title, is_necessity) in
        [("2  (a) Description and purposes", false), ("3  (b) Necessity and proportionality", true)]
    {
        parts.push(Part::chapter(title));
        for section in Section::ALL.into_iter().filter(|section| section.is_necessity() == is_necessity) {
            let text = match draft.content.parts.get(&section) {
                Some(text) => paragraphs(text).collect(),
                None if section.is_required() => vec!["Not written yet.".to_owned()],
                None => continue,
            };
            parts.push(Part { text, ..Part::section(section.title()) });
        }
    }
    parts
}

fn people(file: &PrivacyFile) -> BTreeSet<&AccountId> {
    let approved = file.approved.as_ref();
    let drafts = file.draft.iter().chain(approved.map(|approved| &approved.draft));
    let drafts = drafts.flat_map(|draft| {
        let owners = draft.content.measures.iter().filter_map(|measure| measure.owner.as_ref());
        draft.authors.iter().chain(owners)
    });
    let stated = file.safeguards.iter().flat_map(|stated| {
        let owners = stated.statement.safeguards.values().map(|keeper| &keeper.owner);
        [&stated.by].into_iter().chain(owners).chain(stated.confirmed.as_ref().map(|confirmed| &confirmed.by))
    });
    drafts.chain(stated).chain(approved.map(|approved| &approved.by)).collect()
}

/// The versions that an assessment is held against.
async fn versions(app: &Service, model: &Model, file: &PrivacyFile) -> Result<Vec<Arc<Version>>, StoreError> {
    let approved = file.approved.as_ref().and_then(|approved| approved.draft.content.scope.version);
    let drafted = file.draft.as_ref().and_then(|draft| draft.content.scope.version);
    let serving = model.champions.values().map(|champion| champion.version);
    let numbers: BTreeSet<VersionNumber> =
        serving.chain(model.rolling_out.values().copied()).chain(approved).chain(drafted).collect();
    let id = |number: VersionNumber| AggregateId::Version(VersionId { model: model.name.clone(), number });
    let ids: Vec<AggregateId> = numbers.into_iter().map(id).collect();
    let mut found: Vec<Arc<Version>> = app
        .store
        .aggregates(&ids)
        .await?
        .into_iter()
        .filter_map(|(_, state)| match state {
            Aggregate::Version(version) => Some(version),
            _ => None,
        })
        .collect();
    found.sort_by_key(|version| version.id.number);
    Ok(found)
}
