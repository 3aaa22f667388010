//! What the dossier is about: model, version, where it stands, what it was made from, what was attached.

use domain::{
    Stage,
    evidence::{self as attached, Verdict},
    lineage::Class,
    materiality::{Basis, Told},
    promotion::Topic,
    registry::{self, Standing, Tier},
};

use super::{
    attention, bad, capitalised, good, neutral,
    reading::{Reading, Step},
};
use crate::figures;
use crate::report::dossier::{
    Checkpoint, Evidence, Figure, LineageClass, LineageField, Missing, Model, Parent, Status, Track, Version,
};
use crate::service::Shelf;

impl Reading {
    pub(super) fn model(&self) -> Model {
        let model = &self.shelf.model;
        let profile = self.shelf.policy.policy.profiles.get(&model.profile);
        let regulation = profile.map_or_else(
            || format!("{} (the policy in force has no such profile)", model.profile),
            |profile| format!("{} ({})", profile.title, profile.citation),
        );
        let weight = match model.tier {
            Tier::One => "heaviest",
            Tier::Two => "middle",
            Tier::Three => "lightest",
        };
        Model {
            name: model.name.to_string(),
            title: model.title.clone(),
            purpose: model.purpose.clone(),
            owner: with_team(&self.name(&model.owner), &model.team),
            tier: format!("Tier {} ({weight} by exposure and purpose)", model.tier.id()),
            regulation,
        }
    }

    pub(super) fn version(&self) -> Version {
        let version = &self.shelf.version;
        let origin = version
            .origin
            .as_ref()
            .map(|origin| format!("Imported from {}: {}", origin.system, origin.reference))
            .unwrap_or_default();
        let description = [version.note.as_str(), &origin].into_iter().filter(|text| !text.is_empty());
        let others: Vec<String> = version
            .developers
            .iter()
            .filter(|developer| **developer != version.registered_by)
            .map(|developer| self.name(developer))
            .collect();
        let mut registered_by = with_team(&self.name(&version.registered_by), &version.team);
        if !others.is_empty() {
            registered_by = format!("{registered_by}; lineage amended by {}", others.join(", "));
        }
        Version {
            name: version.id.number.to_string(),
            description: description.collect::<Vec<_>>().join("\n"),
            registered_at: version.registered_at,
            registered_by,
            materiality: self.materiality(),
        }
    }

    /// What counts for the gates, one line a place: the judgement frozen with the request or a person's word.
    fn materiality(&self) -> String {
        let Shelf { model, version, policy, .. } = &self.shelf;
        let rules = policy.policy.profiles.get(&model.profile).and_then(|profile| profile.validation.as_ref());
        if rules.is_none() {
            return "Not told apart: by this model\u{2019}s profile every version is validated in full.".to_owned();
        }
        let (mut lines, mut open) = (Vec::new(), Vec::new());
        for market in std::iter::once(None).chain(model.markets.iter().map(Some)) {
            let place = market.map_or_else(|| "Into Staging".to_owned(), |market| format!("In {market}"));
            let told = Told::of(version, market, None);
            let why = match &told.basis {
                Basis::Unknown => {
                    open.push(place);
                    continue;
                }
                Basis::Set(set) => format!("{}: {}", self.name(&set.by), set.reason),
                Basis::Request(_, judged) => judged.reasons.join(" "),
            };
            lines.push(format!("{place}: {} {why}", told.sentence()));
        }
        if !open.is_empty() {
            let judged = "not judged before promotion is asked for, and taken to be material until then.";
            lines.push(format!("{}: {judged}", open.join(", ")));
        }
        lines.join("\n")
    }

    pub(super) fn checkpoint(&self) -> Checkpoint {
        Checkpoint {
            origin: self.head_checkpoint.origin.clone(),
            size: self.head_checkpoint.size,
            root: self.head_checkpoint.root,
            time: self.head.time,
            key: self.key.clone(),
        }
    }

    pub(super) fn tracks(&self) -> Vec<Track> {
        let version = &self.shelf.version;
        let steps = self.next_steps();
        if matches!(version.stage, Stage::None | Stage::Archived) {
            return vec![Track {
                market: "All markets".to_owned(),
                stage: version.stage.to_string(),
                status: self.status(None, steps.first()),
                since: Some(self.stage_since),
                next: self.next(steps.first()),
            }];
        }
        let markets = &self.shelf.model.markets;
        markets
            .iter()
            .map(|market| {
                let step = steps.iter().find(|step| step.market == Some(market));
                Track {
                    market: market.to_string(),
                    stage: version.stage_in(Some(market)).to_string(),
                    status: self.status(Some(market), step),
                    since: Some(version.tracks.get(market).map_or(self.stage_since, |track| track.since)),
                    next: self.next(step),
                }
            })
            .collect()
    }

    fn status(&self, market: Option<&domain::Market>, step: Option<&Step<'_>>) -> Status {
        let version = &self.shelf.version;
        match market.map(|market| self.shelf.model.standing(version.id.number, market)) {
            Some(Standing::Champion) => return good("Champion"),
            Some(Standing::WarmStandby) => return neutral("Warm standby"),
            Some(Standing::RollingOut) if step.is_none() => return attention("Rolling out"),
            _ => {}
        }
        let Some(step) = step else {
            return if version.stage == Stage::Archived { neutral("Archived") } else { Status::default() };
        };
        let unmet = step.unmet().count();
        let asked = version.open_request(step.market).is_some();
        match (&step.requirements, unmet, asked) {
            (Err(_), ..) => bad("Blocked"),
            (Ok(_), _, true) => attention("Requested"),
            (Ok(_), 0, false) => good("Ready"),
            (Ok(_), unmet, false) => attention(format!("{unmet} unmet")),
        }
    }

    fn next(&self, step: Option<&Step<'_>>) -> String {
        let Some(step) = step else { return "No stage follows.".to_owned() };
        if let Err(refusal) = &step.requirements {
            return format!("{}: {}", step.to, refusal.message);
        }
        let topics: Vec<&str> = step.unmet().map(|requirement| topic(requirement.topic)).collect();
        let waits = match topics.as_slice() {
            [] => "nothing is missing".to_owned(),
            topics => format!("waits for {}", unique(topics).join(", ")),
        };
        match self.shelf.version.open_request(step.market) {
            Some(request) => format!("{}, asked for by request {}: {waits}.", step.to, request.number),
            None => format!("{}: {waits}.", step.to),
        }
    }

    pub(super) fn lineage(&self) -> Vec<LineageClass> {
        let fields = self.shelf.version.lineage.fields();
        Class::ALL
            .into_iter()
            .filter(|class| *class != Class::Parents)
            .map(|class| {
                let (names, plain): (Vec<_>, Vec<_>) = fields
                    .iter()
                    .filter(|field| field.class == class)
                    .partition(|field| field.path.starts_with(FEATURE_NAMES));
                let mut shown: Vec<LineageField> = plain
                    .into_iter()
                    .map(|field| LineageField {
                        name: field_title(&field.path).to_owned(),
                        value: field.value.clone(),
                        is_identifier: is_identifier(&field.path),
                    })
                    .collect();
                if !names.is_empty() {
                    let names: Vec<&str> =
                        names.iter().filter_map(|field| field.path.strip_prefix(FEATURE_NAMES)).collect();
                    let name = format!("Features ({})", names.len());
                    shown.push(LineageField { name, value: names.join(", "), is_identifier: false });
                }
                LineageClass { class: class.title().to_owned(), fields: shown }
            })
            .collect()
    }

    pub(super) fn parents(&self) -> Vec<Parent> {
        let version = &self.shelf.version;
        version
            .lineage
            .parents
            .iter()
            .map(|number| Parent {
                version: format!("{} version {number}", version.id.model),
                relation: "Derived from".to_owned(),
                stage: self.relatives.get(number).map_or_else(|| "Unknown".to_owned(), |parent| standing(parent)),
            })
            .collect()
    }

    pub(super) fn missing_lineage(&self) -> Vec<Missing> {
        let missing = self.shelf.version.lineage.missing();
        missing
            .into_iter()
            .map(|missing| Missing {
                what: format!("{}: {}", missing.what, missing.message),
                rule: "lineage.complete".to_owned(),
                who: missing.supplier.map(|role| role.title().to_owned()).unwrap_or_default(),
            })
            .collect()
    }

    pub(super) fn evidence(&self) -> Vec<Evidence> {
        self.shelf.version.evidence.iter().map(|evidence| self.piece(evidence)).collect()
    }

    fn piece(&self, evidence: &attached::Evidence) -> Evidence {
        let counts = evidence.speaks_of(&self.shelf.version.lineage);
        let word = capitalised(evidence.facts.verdict.title());
        let verdict = match (counts, evidence.facts.verdict) {
            (false, _) => attention(format!("{word}, for another {}", evidence.path.artifact().title())),
            (true, Verdict::Green) => good(word),
            (true, Verdict::Red) => bad(word),
            (true, Verdict::Neutral) => neutral(word),
        };
        let market = evidence.market.as_ref().map(|market| format!("{market} ")).unwrap_or_default();
        Evidence {
            path: capitalised(&format!("{market}{}", evidence.path)),
            kind: format!("{} (evidence {})", evidence.facts.kind.title(), evidence.number),
            verdict,
            summary: evidence.facts.summary.clone(),
            file: format!("{}, {} bytes", evidence.file_name, evidence.size_bytes),
            digest: evidence.file,
            bound_to: vec![format!("{} {}", evidence.path.artifact().title(), evidence.bound_to)],
            producer: evidence.producer.clone(),
            produced_at: evidence.produced_at,
            attached_by: self.name(&evidence.attached_by),
            time: evidence.attached_at,
            entry: evidence.entry,
            figures: evidence.facts.figures.iter().map(figure).collect(),
            failures: evidence.facts.failures.clone(),
        }
    }
}

fn with_team(name: &str, team: &str) -> String {
    if team.trim().is_empty() { name.to_owned() } else { format!("{name}, team {team}") }
}

/// A version's stage with the markets in which it went further.
fn standing(version: &registry::Version) -> String {
    if version.tracks.is_empty() || version.stage == Stage::Archived {
        return version.stage.to_string();
    }
    let tracks: Vec<String> =
        version.tracks.iter().map(|(market, track)| format!("{} in {market}", track.stage)).collect();
    tracks.join(", ")
}

fn topic(topic: Topic) -> &'static str {
    match topic {
        Topic::Lineage => "lineage",
        Topic::Evidence => "evidence",
        Topic::Time => "time in the present stage",
        Topic::Validation => "the validation report",
        Topic::Findings => "the closure of findings",
        Topic::SignOff => "signatures",
        Topic::Committee => "the committee's vote",
        Topic::Approval => "a person\u{2019}s approval of the drift",
        Topic::Privacy => "privacy",
    }
}

fn unique<'a>(words: &[&'a str]) -> Vec<&'a str> {
    let mut unique: Vec<&str> = Vec::new();
    for word in words {
        if !unique.contains(word) {
            unique.push(word);
        }
    }
    unique
}

/// What the paths of feature names begin with.
const FEATURE_NAMES: &str = "features.names.";

/// A field's path as people read it; hyperparameters, metrics and the like go by their own names.
fn field_title(path: &str) -> &str {
    match path {
        "code.git_commit" => "Git commit",
        "code.repository" => "Repository",
        "code.image_digest" => "Container image",
        "data.dataset" => "Dataset",
        "data.version" => "Version or partition",
        "data.digest" => "Digest of the data",
        "data.schema_digest" => "Digest of the schema",
        "features.set_version" => "Feature set",
        "model.weights_digest" => "Digest of the weights",
        "model.architecture" => "Architecture",
        "model.framework" => "Framework",
        "training.random_seed" => "Random seed",
        "training.system" => "Training system",
        "training.id" => "Training run",
        other => ["data.preprocessing.", "hyperparameters.", "metrics."]
            .into_iter()
            .find_map(|prefix| other.strip_prefix(prefix))
            .unwrap_or(other),
    }
}

fn is_identifier(path: &str) -> bool {
    matches!(
        path,
        "code.git_commit"
            | "code.image_digest"
            | "data.digest"
            | "data.schema_digest"
            | "model.weights_digest"
            | "training.id"
    )
}

fn figure(figure: &attached::Figure) -> Figure {
    Figure {
        name: figure
            .segment
            .as_ref()
            .map_or_else(|| figure.name.clone(), |segment| format!("{}, segment {segment}", figure.name)),
        value: {
            let value = figures::against(figure.value, figure.threshold.as_deref());
            figure.interval.map_or(value.clone(), |interval| {
                format!("{value} [{} to {}]", figures::plain(interval.low), figures::plain(interval.high))
            })
        },
        threshold: figures::threshold(figure.threshold.as_deref().unwrap_or_default()),
        verdict: match figure.passed {
            Some(true) => good("Met"),
            Some(false) => bad("Missed"),
            None => Status::default(),
        },
    }
}
