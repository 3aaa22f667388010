//! `countersign serve`.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use clap::Args;
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

use super::CliError;
use crate::{
    clock::SystemClock,
    config::{Config, ConfigArgs},
    http,
    service::Service,
};

#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// Where to listen, such as 127.0.0.1:8080.
    #[arg(long, env = "COUNTERSIGN_LISTEN")]
    listen: Option<SocketAddr>,
    /// Fill an empty ledger with a story to click through, with accounts whose passwords are public.
    #[arg(long)]
    demo: bool,
}

/// Days for which answers to repeated requests are kept.
const KEEP_ANSWERS_DAYS: i64 = 7;
/// Days for which delivered webhooks are kept.
const KEEP_DELIVERIES_DAYS: i64 = 30;
/// Days after which a session that was not used is forgotten.
const KEEP_SESSIONS_DAYS: i64 = 8;

/// Days for which a report that was made can be fetched.
const KEEP_REPORTS_DAYS: i64 = 30;

/// Runs the server until it is told to stop.
pub(super) async fn serve(config: &ConfigArgs, args: ServeArgs) -> Result<(), CliError> {
    let filter = EnvFilter::try_from_env("COUNTERSIGN_LOG").unwrap_or_else(|_| EnvFilter::new("warn,countersign=info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let config = Config::load(config, args.listen).map_err(CliError::failed)?;
    let listener = TcpListener::bind(config.listen)
        .await
        .map_err(|error| CliError::Failed(format!("cannot listen on {}: {error}", config.listen)))?;
    if args.demo {
        crate::demo::fill(&config).await.map_err(CliError::failed)?;
    }
    let app = Service::open(config, Arc::new(SystemClock)).await.map_err(CliError::failed)?;
    greet(&app).await?;
    tokio::spawn(tidy(app.clone()));
    tokio::spawn(crate::clockwork::run(app.clone()));
    tokio::spawn(crate::reports::worker::run(app.clone()));
    tokio::spawn(crate::webhooks::run(app.clone()));
    let router = http::router(app).into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, router).with_graceful_shutdown(stop_signal()).await.map_err(CliError::failed)
}

async fn greet(app: &Service) -> Result<(), CliError> {
    println!("Countersign is at {}", app.config.public_url);
    println!("data in {}, {}", app.config.data.display(), app.store.engine_name());
    if app.demo {
        println!("{}", crate::demo::greeting());
    } else if let Some(link) = app.setup_link().await.map_err(CliError::failed)? {
        println!("Make the first administrator with this one-time link: {link}");
    } else {
        println!("Sign in at {}/sign-in", app.config.public_url);
    }
    Ok(())
}

/// Waits for Ctrl-C or a polite request to end. Long streams are cut after a moment so that the end is orderly.
async fn stop_signal() {
    let mut terminate = match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(terminate) => terminate,
        Err(error) => {
            tracing::warn!(%error, "the terminate signal cannot be heard");
            return std::future::pending().await;
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
    // Open event streams would keep the server up for ever.
    tokio::spawn(async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        std::process::exit(0);
    });
}

/// Forgets what is kept for a time only.
async fn tidy(app: Arc<Service>) {
    let mut every = tokio::time::interval(Duration::from_hours(1));
    loop {
        every.tick().await;
        app.attempts.tidy();
        let now = app.clock.now();
        let outcome =
            app.store.forget_before(now.plus_days(-KEEP_SESSIONS_DAYS), now.plus_days(-KEEP_ANSWERS_DAYS)).await;
        let outcome = match outcome {
            Ok(()) => app.store.forget_reports(now.plus_days(-KEEP_REPORTS_DAYS)).await,
            error => error,
        };
        if let Err(error) = outcome {
            tracing::warn!(%error, "old sessions and reports could not be removed");
        }
        if let Err(error) = app.store.forget_deliveries(now.plus_days(-KEEP_DELIVERIES_DAYS)).await {
            tracing::warn!(%error, "old deliveries could not be removed");
        }
    }
}
