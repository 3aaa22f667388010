//! Sealed commands a second, over HTTP, on both engines.

use std::ops::Range;

use serde::Serialize;

use crate::{
    Args, Failure,
    drive::{Run, count, drive},
    machine::Memory,
    scenario::{self, prepare_models, prepare_versions, promotions, register_version},
    server::Server,
};

/// Clients at a time.
const CLIENTS: [usize; 2] = [16, 64];
/// Models that the versions belong to.
const MODELS: usize = 50;

/// Figures of one engine.
#[derive(Debug, Serialize)]
pub struct Sealing {
    /// The engine.
    pub engine: &'static str,
    /// One for each command and number of clients.
    pub figures: Vec<SealFigure>,
    /// The server's memory at the end.
    pub memory: Memory,
}

/// How fast a command is sealed.
#[derive(Debug, Serialize)]
pub struct SealFigure {
    /// The command.
    pub command: &'static str,
    /// Clients at a time.
    pub clients: usize,
    /// Entries a second: the commands' times what each becomes.
    pub entries_per_second: f64,
    /// Processor time of the server for each command, in microseconds, all its threads together; without PostgreSQL's own.
    pub server_cpu_us: f64,
    /// The median of each figure over the runs.
    pub median: Run,
    /// The runs.
    pub runs: Vec<Run>,
}

struct Plan {
    runs: usize,
    /// Versions of each model in a run.
    versions: usize,
}

/// Measures both engines, or one where there is no `PostgreSQL`.
pub async fn measure(args: &Args) -> Result<Vec<Sealing>, Failure> {
    let plan = if args.quick { Plan { runs: 3, versions: 2 } } else { Plan { runs: 3, versions: 80 } };
    let mut sealings = Vec::new();
    for (engine, url) in [("SQLite", None), ("PostgreSQL", args.postgres.as_deref())] {
        if engine == "SQLite" || url.is_some() {
            println!("sealing on {engine}");
            let data = args.work.join(format!("seal-{}", engine.to_lowercase()));
            let server = Server::start(&args.countersign, data, url).await?;
            sealings.push(engine_figures(engine, &server, &plan).await?);
            server.stop().await?;
        }
    }
    Ok(sealings)
}

async fn engine_figures(engine: &'static str, server: &Server, plan: &Plan) -> Result<Sealing, Failure> {
    prepare_models(server, 0..MODELS).await?;
    // The first rounds warm up; every run gets versions that no other touched.
    let rounds = 1 + CLIENTS.len() * plan.runs;
    prepare_versions(server, MODELS, 1..1 + rounds * plan.versions).await?;
    let round = |number: usize| -> Range<usize> { 1 + number * plan.versions..1 + (number + 1) * plan.versions };
    drive(server.address, CLIENTS[0], promotions(server, MODELS, round(0))).await?;

    let mut figures = Vec::new();
    let mut next = 1;
    for clients in CLIENTS {
        let (mut runs, before) = (Vec::new(), server.cpu_s());
        for _ in 0..plan.runs {
            runs.push(drive(server.address, clients, promotions(server, MODELS, round(next))).await?);
            next += 1;
        }
        figures.push(figure("transition to Staging", clients, 2.0, runs, server.cpu_s() - before));
    }
    for clients in CLIENTS {
        let (mut runs, before) = (Vec::new(), server.cpu_s());
        for _ in 0..plan.runs {
            let calls =
                (0..plan.versions * MODELS).map(|at| register_version(server, &scenario::model(at % MODELS))).collect();
            runs.push(drive(server.address, clients, calls).await?);
        }
        figures.push(figure("register version", clients, 1.0, runs, server.cpu_s() - before));
    }
    Ok(Sealing { engine, figures, memory: server.memory() })
}

fn figure(command: &'static str, clients: usize, entries: f64, runs: Vec<Run>, cpu_s: f64) -> SealFigure {
    let median = Run::median(&runs);
    println!("   {command}, {clients} clients: {:.0}/s", median.per_second);
    SealFigure {
        command,
        clients,
        entries_per_second: median.per_second * entries,
        server_cpu_us: cpu_s * 1e6 / count(median.calls),
        median,
        runs,
    }
}
