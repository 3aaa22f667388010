//! The report of the model inventory: every model's line as the list, its CSV and the API tell it.

use domain::ModelName;
use ledger::Timestamp;

use super::{
    Asked,
    papers::{ATTEMPTS, PAGE, checkpoint, paper},
    worker::{MakeError, Progress},
};
use crate::{
    accounts::Names,
    inventory::{AttestationState, Attested, Exception, Listing, exceptions, listings},
    report::{
        dossier::Checkpoint,
        paper::{Grid, Named, Paper, Part},
    },
    service::Service,
    storage::registry::{ModelFilter, ModelRow},
};

/// The report of all models.
///
/// # Errors
/// The registry changes faster than it can be read, or the storage failed.
pub(super) async fn report(app: &Service, progress: &Progress) -> Result<Paper, MakeError> {
    for _ in 0..ATTEMPTS {
        let head = app.store.head().await?;
        // What is due or has ended is told as of now, as the pages tell it; the last entry may be days old.
        let now = app.clock.now().max(head.time);
        let mut rows: Vec<ModelRow> = Vec::new();
        loop {
            let filter = ModelFilter { offset: rows.len() as u64, limit: PAGE, ..ModelFilter::default() };
            let (page, total) = app.store.models(&filter, now).await?;
            progress.total(total);
            progress.done(page.len() as u64);
            let end = page.is_empty();
            rows.extend(page);
            if end || rows.len() as u64 >= total {
                break;
            }
        }
        let listings = listings(app, rows, now).await?;
        let mut waived = Vec::new();
        for listing in listings.iter().filter(|listing| listing.exceptions > 0) {
            if let Ok(name) = listing.name.parse::<ModelName>() {
                waived.extend(exceptions(app, &name, now).await?);
            }
        }
        if app.store.head().await? == head {
            let judges = listings.iter().filter_map(|listing| listing.tier_basis.as_ref());
            let people = listings.iter().map(|listing| listing.owner.as_str());
            let names = app.names(people.chain(judges.map(|basis| basis.by.as_str()))).await?;
            let mut paper = told(&listings, &waived, &names, checkpoint(app, &head)?);
            paper.asked = vec![Named::plain("Dates judged at", format!("{} UTC", now.minute()))];
            return Ok(paper);
        }
    }
    Err(MakeError::Unknown("the registry changed each time while it was read; ask again in a quieter moment".into()))
}

fn told(listings: &[Listing], waived: &[Exception], names: &Names, checkpoint: Checkpoint) -> Paper {
    let question = "Which models are there, who answers for them, how were they judged, and what serves each market?";
    let mut paper = paper(&Asked::ModelInventory {}, "Model inventory", question, checkpoint);
    let count = |which: &dyn Fn(&Listing) -> bool| listings.iter().filter(|one| which(one)).count().to_string();
    let severe: u64 = listings.iter().map(|listing| listing.severe_findings).sum();
    let late =
        |one: &Listing| one.attestation.as_ref().is_some_and(|attested| attested.state == AttestationState::Overdue);
    paper.parts.push(Part {
        facts: vec![
            Named::plain("Models", listings.len().to_string()),
            Named::plain("Serving a market", count(&|one| !one.champions.is_empty())),
            Named::plain("Retired", count(&|one| one.status == "retired")),
            Named::plain("Periodic validation overdue", count(&|one| one.validation_overdue)),
            Named::plain("Critical or high findings open", severe.to_string()),
            Named::plain("Exceptions in force", waived.len().to_string()),
            Named::plain("Attestations overdue", count(&late)),
        ],
        ..Part::chapter("1  In short")
    });
    let empty = "No model is registered.";
    paper.parts.push(Part { table: Some(models(listings, names, empty)), ..Part::chapter("2  Models") });
    paper.parts.push(Part { table: Some(tiers(listings, names, empty)), ..Part::chapter("3  Tiers and why") });
    paper.parts.push(Part { table: Some(validations(listings, empty)), ..Part::chapter("4  Validations") });
    paper.parts.push(Part { table: Some(exceptions_grid(waived)), ..Part::chapter("5  Exceptions in force") });
    paper.parts.push(Part { table: Some(attestations(listings, empty)), ..Part::chapter("6  Attestation") });
    paper
}

fn models(listings: &[Listing], names: &Names, empty: &str) -> Grid {
    let mut grid = Grid::new(
        &[("Model", 16), ("Title", 21), ("Status", 13), ("Tier", 6), ("Owner", 14), ("Serves", 18), ("Registered", 12)],
        empty,
    );
    for listing in listings {
        let champions = listing.champions.iter().map(|(market, number)| format!("{market} v{number}"));
        let coming = listing.rolling_out.iter().map(|(market, number)| format!("{market} v{number}, on its way in"));
        let serves: Vec<String> = champions.chain(coming).collect();
        grid.rows.push(vec![
            listing.name.as_str().into(),
            listing.title.as_str().into(),
            listing.status_title().into(),
            listing.tier.as_str().into(),
            names.of(&listing.owner).into(),
            serves.join("\n").into(),
            listing.registered_at.date().into(),
        ]);
    }
    grid
}

fn tiers(listings: &[Listing], names: &Names, empty: &str) -> Grid {
    let mut grid = Grid::new(
        &[("Model", 17), ("Tier", 6), ("Exposure", 13), ("Purpose", 15), ("Why", 33), ("Judged by", 16)],
        empty,
    );
    for listing in listings {
        let basis = listing.tier_basis.as_ref();
        let judged = basis.map(|one| format!("{}, {}, entry {}", names.of(one.by.as_str()), one.at.date(), one.entry));
        grid.rows.push(vec![
            listing.name.as_str().into(),
            listing.tier.as_str().into(),
            basis.map(|basis| basis.exposure.as_str()).unwrap_or_default().into(),
            basis.map(|basis| basis.purpose.as_str()).unwrap_or_default().into(),
            basis.map_or("as registered; nobody judged it yet", |basis| basis.reason.as_str()).into(),
            judged.unwrap_or_default().into(),
        ]);
    }
    grid
}

fn validations(listings: &[Listing], empty: &str) -> Grid {
    let mut grid = Grid::new(
        &[
            ("Model", 20),
            ("Profile", 15),
            ("Last in full", 13),
            ("Next due", 13),
            ("Overdue", 9),
            ("Open findings", 10),
            ("Severe", 8),
            ("Exceptions", 12),
        ],
        empty,
    );
    for listing in listings {
        grid.rows.push(vec![
            listing.name.as_str().into(),
            listing.profile.as_str().into(),
            listing.validated_at.map_or("never".to_owned(), Timestamp::date).into(),
            listing.next_validation.map_or("none asked for".to_owned(), Timestamp::date).into(),
            if listing.validation_overdue { "overdue" } else { "no" }.into(),
            listing.open_findings.to_string().into(),
            listing.severe_findings.to_string().into(),
            listing.exceptions.to_string().into(),
        ]);
    }
    grid
}

fn exceptions_grid(waived: &[Exception]) -> Grid {
    let mut grid = Grid::new(
        &[
            ("Model", 20),
            ("Version", 9),
            ("Waiver", 8),
            ("Covers", 21),
            ("In its place", 22),
            ("Ends", 12),
            ("Entry", 8),
        ],
        "No waiver is in force.",
    );
    for exception in waived {
        grid.rows.push(vec![
            exception.version.model.as_str().into(),
            format!("v{}", exception.version.number).into(),
            exception.waiver.to_string().into(),
            exception.covers.to_string().into(),
            exception.control.as_str().into(),
            exception.expires_at.date().into(),
            exception.entry.to_string().into(),
        ]);
    }
    grid
}

fn attestations(listings: &[Listing], empty: &str) -> Grid {
    let mut grid = Grid::new(
        &[
            ("Model", 19),
            ("Campaign", 21),
            ("State", 12),
            ("Due", 12),
            ("Answered", 12),
            ("Entry", 8),
            ("Objection", 16),
        ],
        empty,
    );
    for listing in listings {
        let attested = listing.attestation.as_ref();
        let told = |of: &dyn Fn(&Attested) -> String| attested.map(of).unwrap_or_default();
        grid.rows.push(vec![
            listing.name.as_str().into(),
            told(&|one| one.title.clone()).into(),
            attested.map_or("not called", |one| one.state.title()).into(),
            told(&|one| one.due_at.date()).into(),
            told(&|one| one.given_at.map(Timestamp::date).unwrap_or_default()).into(),
            told(&|one| one.entry.map(|entry| entry.to_string()).unwrap_or_default()).into(),
            told(&|one| one.comment.clone()).into(),
        ]);
    }
    grid
}
