//! `countersign webhooks …`: register, list, change secrets, remove, see what was given up, have it sent again.

use clap::{Args, Subcommand};
use domain::ModelName;
use serde_json::json;

use super::{
    EXIT_CODES,
    api::{Api, Remote},
    print_json, tell,
};
use crate::{
    cli::CliError,
    http::api::webhooks::{DeliveryView, NewWebhookView, Replayed, WebhookView},
    narrate::count,
    seal::Receipt,
};

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(in crate::cli) struct WebhooksArgs {
    #[command(subcommand)]
    what: What,
}

/// On which server.
#[derive(Debug, Args)]
struct On {
    #[command(flatten)]
    remote: Remote,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Register an endpoint; prints its secret, this once.
    Add {
        #[command(flatten)]
        on: On,
        /// What people call it.
        #[arg(long)]
        label: String,
        /// Its address, https://….
        #[arg(long)]
        url: String,
        /// An event such as trigger.fired, or a family such as trigger.*; may be given several times; all, if left out.
        #[arg(long = "event")]
        events: Vec<String>,
        /// Only what concerns this model.
        #[arg(long)]
        model: Option<ModelName>,
    },
    /// List endpoints and what is on its way to them.
    List {
        #[command(flatten)]
        on: On,
    },
    /// Give an endpoint a new secret; prints it, this once. The old one signs too until the overlap ends.
    Rotate {
        #[command(flatten)]
        on: On,
        /// The endpoint's id.
        id: String,
        /// Hours of overlap; as policy says, if left out; 0 ends the old secret at once.
        #[arg(long)]
        overlap_hours: Option<u32>,
    },
    /// Stop sending to an endpoint and forget its address and secret.
    Remove {
        #[command(flatten)]
        on: On,
        /// The endpoint's id.
        id: String,
    },
    /// List an endpoint's deliveries that were given up.
    Dead {
        #[command(flatten)]
        on: On,
        /// The endpoint's id.
        id: String,
    },
    /// Have deliveries that were given up sent again.
    Replay {
        #[command(flatten)]
        on: On,
        /// The endpoint's id.
        id: String,
        /// Only what tells of this entry.
        #[arg(long)]
        seq: Option<u64>,
    },
}

/// Runs `countersign webhooks`.
pub(in crate::cli) fn run(args: WebhooksArgs) -> Result<(), CliError> {
    match args.what {
        What::Add { on, label, url, events, model } => {
            let body = json!({ "label": label, "url": url, "events": events, "model": model });
            let new: NewWebhookView = Api::new(&on.remote)?.post("/webhooks", &body)?;
            if on.json {
                return print_json(&new);
            }
            println!("webhook {} is registered: entry {}", new.id, new.receipt.last_seq());
            println!("its secret, shown this once: {}", new.secret);
            Ok(())
        }
        What::Rotate { on, id, overlap_hours } => {
            let body = json!({ "overlap_hours": overlap_hours });
            let new: NewWebhookView = Api::new(&on.remote)?.post(&format!("/webhooks/{id}/rotate"), &body)?;
            if on.json {
                return print_json(&new);
            }
            println!("the secret of webhook {id} is changed: entry {}", new.receipt.last_seq());
            println!("the new secret, shown this once: {}", new.secret);
            Ok(())
        }
        What::List { on } => {
            let found: Vec<WebhookView> = Api::new(&on.remote)?.get("/webhooks", &[])?;
            if on.json {
                return print_json(&found);
            }
            for view in found {
                let events = &view.endpoint.filter.events;
                let events = if events.is_empty() { "every event".to_owned() } else { events.join(", ") };
                println!(
                    "{}  {} at {}: {events}; {} on their way, {} given up",
                    view.id, view.endpoint.label, view.endpoint.host, view.pending, view.dead
                );
            }
            Ok(())
        }
        What::Remove { on, id } => {
            let receipt: Receipt = Api::new(&on.remote)?.delete(&format!("/webhooks/{id}"))?;
            tell(&receipt, on.json, &format!("webhook {id} is removed"))
        }
        What::Dead { on, id } => {
            let found: Vec<DeliveryView> = Api::new(&on.remote)?.get(&format!("/webhooks/{id}/deliveries"), &[])?;
            if on.json {
                return print_json(&found);
            }
            for delivery in found {
                let error = delivery.error.unwrap_or_default();
                println!("entry {}: {}; {error}", delivery.seq, count(delivery.attempts, "attempt", "attempts"));
            }
            Ok(())
        }
        What::Replay { on, id, seq } => {
            let query = seq.map(|seq| format!("?seq={seq}")).unwrap_or_default();
            let done: Replayed = Api::new(&on.remote)?.post(&format!("/webhooks/{id}/replay{query}"), &json!({}))?;
            if on.json {
                return print_json(&done);
            }
            println!("{} deliveries are sent again", done.replayed);
            Ok(())
        }
    }
}
