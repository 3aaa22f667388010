//! Where a version stands on its way to a stage: shown once, or followed until a decision.

use std::{
    fmt::Write as _,
    thread,
    time::{Duration, Instant},
};

use domain::{
    Market, Stage, VersionId,
    promotion::{Request, RequestState, Requirement},
    registry::Version,
};
use serde::{Deserialize, Serialize};

use super::api::{Api, ApiError};
use crate::cli::CliError;

/// Pause between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// What the server says of the way to a stage.
#[derive(Debug, Deserialize)]
struct Requirements {
    requirements: Vec<Requirement>,
}

/// How it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    /// The stage is reached.
    Reached,
    /// Somebody or a rule said no, or the request was taken back.
    Refused,
    /// Not decided yet.
    Waiting,
}

/// Which stage is looked for.
#[derive(Debug, Clone)]
pub(super) struct Goal {
    /// The version.
    pub id: VersionId,
    /// The stage; that of the latest request, else the next one, if left out.
    pub to: Option<Stage>,
    /// The market.
    pub market: Option<Market>,
}

/// What `status` tells.
#[derive(Debug, Serialize)]
pub(super) struct Standing {
    model: String,
    version: u32,
    market: Option<Market>,
    stage: Stage,
    to: Option<Stage>,
    pub outcome: Outcome,
    request: Option<Request>,
    unmet: Vec<Requirement>,
    /// Why nothing can be listed as unmet, if so.
    hint: Option<String>,
}

impl Goal {
    fn path(&self) -> String {
        format!("/models/{}/versions/{}", self.id.model, self.id.number)
    }

    /// Fills in from the version what was left out.
    fn settle(&self, version: &Version) -> (Option<Stage>, Option<Market>, Option<Request>) {
        let fits = |request: &&Request| {
            self.to.is_none_or(|to| request.to == to)
                && (request.market.is_none() || self.market.is_none() || request.market == self.market)
        };
        let request = version.requests.iter().rev().find(fits).cloned();
        let market = self.market.clone().or_else(|| request.as_ref().and_then(|request| request.market.clone()));
        let to =
            self.to.or(request.as_ref().map(|request| request.to)).or_else(|| version.stage_in(market.as_ref()).next());
        (to, market, request)
    }

    /// Looks once.
    pub(super) fn look(&self, api: &Api) -> Result<Standing, CliError> {
        let version: Version = api.get(&self.path(), &[])?;
        let (to, market, request) = self.settle(&version);
        if let Some(to) = to
            && to.is_per_market()
            && self.to.is_some()
            && market.is_none()
        {
            return Err(CliError::Failed(format!(
                "from Shadow on each market has its own track: say --market for {to}"
            )));
        }
        let stage = version.stage_in(market.as_ref());
        let outcome = judge(stage, to, request.as_ref());
        let (mut unmet, mut hint) = (Vec::new(), None);
        if outcome == Outcome::Waiting
            && let Some(next) = stage.next()
        {
            let mut query = vec![("to", next.title().to_lowercase())];
            if next.is_per_market()
                && let Some(market) = &market
            {
                query.push(("market", market.to_string()));
            }
            match api.get::<Requirements>(&format!("{}/requirements", self.path()), &query) {
                Ok(found) => {
                    unmet = found.requirements.into_iter().filter(|requirement| !requirement.met).collect();
                    hint = (to != Some(next)).then(|| format!("{next} comes first."));
                }
                Err(ApiError::Problem(problem)) if problem.is_refusal() => hint = Some(problem.to_string()),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Standing {
            model: self.id.model.to_string(),
            version: self.id.number.get(),
            market,
            stage,
            to,
            outcome,
            request,
            unmet,
            hint,
        })
    }

    /// Looks until there is a decision or `wait` is over.
    pub(super) fn follow(&self, api: &Api, wait: Duration) -> Result<Standing, CliError> {
        let begun = Instant::now();
        loop {
            let standing = self.look(api)?;
            let left = wait.saturating_sub(begun.elapsed());
            if standing.outcome != Outcome::Waiting || left.is_zero() {
                return Ok(standing);
            }
            thread::sleep(left.min(LOOK_EVERY));
        }
    }
}

fn judge(stage: Stage, to: Option<Stage>, request: Option<&Request>) -> Outcome {
    let Some(to) = to else {
        // In Production and asked for nothing more.
        return if stage == Stage::Archived { Outcome::Refused } else { Outcome::Reached };
    };
    if stage == Stage::Archived {
        return if to == Stage::Archived { Outcome::Reached } else { Outcome::Refused };
    }
    if stage >= to {
        return Outcome::Reached;
    }
    match request.map(|request| &request.state) {
        Some(RequestState::Declined { .. } | RequestState::Withdrawn { .. }) => Outcome::Refused,
        _ => Outcome::Waiting,
    }
}

impl Standing {
    /// What people read.
    pub(super) fn text(&self) -> String {
        let mut text = format!("{} version {} is in {}", self.model, self.version, self.stage);
        let place = self.market.as_ref().map(|market| format!(" in {market}")).unwrap_or_default();
        // Writing into a String cannot fail.
        let _ = if place.is_empty() {
            writeln!(text, ".")
        } else {
            writeln!(text, " for {}.", place.trim_start_matches(" in "))
        };
        if let Some(request) = &self.request {
            let _ = write!(text, "Request {} to {}{place} is {}", request.number, request.to, request.state.title());
            let _ = match &request.state {
                RequestState::Open => {
                    writeln!(text, ", asked for on {} and due by {}.", request.requested_at, request.due_at)
                }
                RequestState::Granted { entry, .. } | RequestState::Withdrawn { entry, .. } => {
                    writeln!(text, " by entry {entry}.")
                }
                RequestState::Declined { entry, reason, .. } => writeln!(text, " by entry {entry}: {reason}"),
            };
        } else if let Some(to) = self.to
            && self.outcome == Outcome::Waiting
        {
            let _ = writeln!(text, "Promotion to {to}{place} was not asked for yet.");
        }
        if let Some(hint) = &self.hint {
            let _ = writeln!(text, "{hint}");
        }
        if self.outcome == Outcome::Waiting && !self.unmet.is_empty() {
            let _ = writeln!(text, "Missing:");
        }
        for requirement in &self.unmet {
            let _ = writeln!(text, "  - {} ({})", requirement.sentence, supplier(requirement));
            for detail in &requirement.details {
                let _ = writeln!(text, "      {detail}");
            }
        }
        text
    }
}

fn supplier(requirement: &Requirement) -> String {
    if requirement.topic == domain::promotion::Topic::Time {
        "time will tell".into()
    } else {
        format!("{} can supply it", requirement.supplier)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(state: RequestState) -> Request {
        let at = "2026-11-20T10:00:00.000000Z".parse().unwrap();
        Request {
            number: 1,
            to: Stage::Staging,
            market: None,
            requested_by: "ana".parse().unwrap(),
            requested_at: at,
            due_at: at,
            blue_green: None,
            note: String::new(),
            entry: 9,
            state,
            assessed: None,
            committee: None,
        }
    }

    #[test]
    fn a_stage_that_lies_behind_counts_as_reached_and_an_archived_version_reaches_nothing() {
        assert_eq!(judge(Stage::Shadow, Some(Stage::Staging), None), Outcome::Reached);
        assert_eq!(judge(Stage::Staging, Some(Stage::Staging), None), Outcome::Reached);
        assert_eq!(judge(Stage::Archived, Some(Stage::Staging), None), Outcome::Refused);
        assert_eq!(judge(Stage::Archived, Some(Stage::Archived), None), Outcome::Reached);
        assert_eq!(judge(Stage::None, Some(Stage::Archived), None), Outcome::Waiting);
    }

    #[test]
    fn a_declined_or_withdrawn_request_is_a_no_and_an_open_one_waits() {
        let at = "2026-11-20T10:00:00.000000Z".parse().unwrap();
        let by = "max".parse::<domain::AccountId>().unwrap();
        let declined = request(RequestState::Declined { at, by: by.clone(), reason: "No.".into(), entry: 10 });
        let withdrawn = request(RequestState::Withdrawn { at, by, entry: 10 });
        assert_eq!(judge(Stage::None, Some(Stage::Staging), Some(&declined)), Outcome::Refused);
        assert_eq!(judge(Stage::None, Some(Stage::Staging), Some(&withdrawn)), Outcome::Refused);
        assert_eq!(judge(Stage::None, Some(Stage::Staging), Some(&request(RequestState::Open))), Outcome::Waiting);
    }
}
