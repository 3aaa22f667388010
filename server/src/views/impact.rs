//! Rows of the tables that lead from an input to versions, and from versions to the users whom they answer.

use std::collections::BTreeMap;

use domain::{
    Aggregate, Recorded,
    impact::{changed_shares, inputs},
    registry::Version,
};
use ledger::Timestamp;

use super::ViewRow;
use crate::storage::Value;

/// The rows of `lineage_input` of a version.
pub fn input_rows(version: &Version) -> Vec<Vec<Value>> {
    let (model, number) = (&version.id.model, version.id.number.get());
    inputs(model, &version.lineage)
        .into_iter()
        .map(|input| {
            vec![model.to_string().into(), number.into(), input.kind.id().into(), input.value.into(), input.part.into()]
        })
        .collect()
}

/// What a change of a version calls for; nothing where its lineage is what it was.
pub fn inputs_row(before: Option<&Version>, after: &Version) -> Option<ViewRow> {
    if before.is_some_and(|before| before.lineage == after.lineage) {
        return None;
    }
    Some(ViewRow::Inputs {
        model: after.id.model.to_string(),
        version: after.id.number.get(),
        rows: input_rows(after),
        replaces: before.is_some(),
    })
}

/// Which version of which model in which market.
type Place = (String, u32, String);

/// The users whom versions answer, as entries changed it: rows of `exposure`, to be put over those that are there.
#[derive(Debug, Default, Clone)]
pub struct Exposures(BTreeMap<Place, Exposure>);

/// One row.
#[derive(Debug, Clone)]
struct Exposure {
    percent: u8,
    peak: u8,
    first: (Timestamp, u64),
    changed: (Timestamp, u64),
}

impl Exposures {
    /// Takes in what an entry changed of a deployment.
    pub fn note(&mut self, recorded: &Recorded, before: Option<&Aggregate>, after: &Aggregate) {
        let Aggregate::Deployment(after) = after else { return };
        let before = match before {
            Some(Aggregate::Deployment(before)) => Some(&**before),
            _ => None,
        };
        let at = (recorded.time, recorded.seq);
        for (version, percent) in changed_shares(before, Some(&**after)) {
            let place = (after.model.to_string(), version.get(), after.market.to_string());
            let row = self.0.entry(place).or_insert(Exposure { percent, peak: percent, first: at, changed: at });
            row.percent = percent;
            row.peak = row.peak.max(percent);
            row.changed = at;
        }
    }

    /// Takes in what is later.
    pub fn merge(&mut self, later: Self) {
        for (place, row) in later.0 {
            self.0
                .entry(place)
                .and_modify(|known| {
                    known.peak = known.peak.max(row.peak);
                    known.percent = row.percent;
                    known.changed = row.changed;
                })
                .or_insert(row);
        }
    }

    /// The rows.
    pub fn rows(self) -> Vec<Vec<Value>> {
        self.0
            .into_iter()
            .map(|((model, version, market), row)| {
                vec![
                    model.into(),
                    version.into(),
                    market.into(),
                    u32::from(row.percent).into(),
                    u32::from(row.peak).into(),
                    row.first.0.into(),
                    row.first.1.into(),
                    row.changed.0.into(),
                    row.changed.1.into(),
                ]
            })
            .collect()
    }
}
