//! Who stands behind a version by name: signatures, votes of the committee, approvals of the drift it was trained on.

use app::{
    kit::{Tag, Tone},
    pages::version::Signature,
};
use domain::approval::{self, Act, Package};

use super::{question, words};
use crate::{accounts::Names, http::extract::App, service::Shelf};

/// Signatures, votes and approvals, newest first, each current or stale.
pub(super) fn signatures(app: &App, shelf: &Shelf, names: &Names) -> Vec<Signature> {
    shelf.version.acts().iter().rev().map(|act| signature(app, shelf, act, names)).collect()
}

fn signature(app: &App, shelf: &Shelf, act: &Act<'_>, names: &Names) -> Signature {
    let request = act.request.and_then(|number| shelf.version.request(number));
    let open = request.filter(|request| request.is_open());
    let changed = match (open, act.package) {
        (Some(request), Some((_, parts))) => {
            approval::changed_parts(parts, &Package::of(&question(app, shelf, request.to, request.market.as_ref())))
        }
        _ => Vec::new(),
    };
    let state = match (request, act.replaced_by) {
        (_, Some(entry)) => Tag::new(Tone::Quiet, format!("replaced by entry {entry}")),
        (Some(request), None) if request.is_open() && changed.is_empty() => Tag::new(Tone::Good, "current"),
        (Some(request), None) if request.is_open() => Tag::new(Tone::Warn, "stale"),
        (Some(request), None) => Tag::new(Tone::Quiet, format!("request {}", request.state.title())),
        (None, None) => Tag::new(Tone::Quiet, "recorded"),
    };
    let about = match (request, act.market) {
        (Some(request), _) => words::target(request.to, request.market.as_ref()),
        (None, Some(market)) => format!("the drift in {market}"),
        (None, None) => String::new(),
    };
    Signature {
        slot: act.role.title().to_owned(),
        signer: names.of(act.by.as_str()),
        meaning: act.meaning.clone(),
        request: about,
        comment: Some(act.comment.to_owned()).filter(|comment| !comment.is_empty()),
        package: act.package.map(|(package, _)| words::digest(package)),
        when: words::when(act.at),
        seq: act.entry,
        state,
        changed,
    }
}
