//! Many clients at once, each waiting for its answer before it asks again (a closed loop).

use std::{
    cell::{Cell, RefCell},
    net::SocketAddr,
    rc::Rc,
    time::{Duration, Instant},
};

use serde::Serialize;
use tokio::task::LocalSet;

use crate::{
    Failure,
    http::{Call, Client},
};

/// What one run gave.
#[derive(Debug, Clone, Serialize)]
pub struct Run {
    /// Calls answered well.
    pub calls: usize,
    /// From the first call to the last answer, in seconds.
    pub seconds: f64,
    /// Calls a second.
    pub per_second: f64,
    /// Half of the calls were answered within this time, in milliseconds.
    pub p50_ms: f64,
    /// 95 of 100 were.
    pub p95_ms: f64,
    /// 99 of 100 were.
    pub p99_ms: f64,
    /// The slowest.
    pub max_ms: f64,
}

impl Run {
    /// From the times of all calls.
    pub fn of(mut times: Vec<Duration>, elapsed: Duration) -> Self {
        times.sort_unstable();
        let at = |share: f64| ms(quantile(&times, share));
        let seconds = elapsed.as_secs_f64();
        let calls = times.len();
        Self {
            calls,
            seconds,
            per_second: count(calls) / seconds,
            p50_ms: at(0.50),
            p95_ms: at(0.95),
            p99_ms: at(0.99),
            max_ms: at(1.0),
        }
    }

    /// The median of each figure over several runs.
    pub fn median(runs: &[Self]) -> Self {
        let of = |figure: fn(&Self) -> f64| median(runs.iter().map(figure).collect());
        Self {
            calls: runs.iter().map(|run| run.calls).sum(),
            seconds: of(|run| run.seconds),
            per_second: of(|run| run.per_second),
            p50_ms: of(|run| run.p50_ms),
            p95_ms: of(|run| run.p95_ms),
            p99_ms: of(|run| run.p99_ms),
            max_ms: of(|run| run.max_ms),
        }
    }
}

/// The smallest time that at least this share of the sorted times does not exceed.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rank within the list")]
fn quantile(sorted: &[Duration], share: f64) -> Duration {
    let rank = (share * count(sorted.len())).ceil() as usize;
    sorted.get(rank.clamp(1, sorted.len().max(1)) - 1).copied().unwrap_or_default()
}

/// The middle value.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        even if even % 2 == 0 => f64::midpoint(values[middle - 1], values[middle]),
        _ => values[middle],
    }
}

/// A count as a number to calculate with.
#[expect(clippy::cast_precision_loss, reason = "counts here stay far below 2^52")]
pub fn count(value: usize) -> f64 {
    value as f64
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Sends all calls over `clients` connections, which are open before the clock starts. The first bad answer ends it.
pub async fn drive(address: SocketAddr, clients: usize, calls: Vec<Call>) -> Result<Run, Failure> {
    let mut connections = Vec::with_capacity(clients);
    for _ in 0..clients {
        connections.push(Client::connect(address).await?);
    }
    let times = Rc::new(RefCell::new(Vec::with_capacity(calls.len())));
    let (calls, next) = (Rc::new(calls), Rc::new(Cell::new(0)));
    let all = LocalSet::new();
    let begun = Instant::now();
    let tasks: Vec<_> = connections
        .into_iter()
        .map(|mut client| {
            let (calls, next, times) = (calls.clone(), next.clone(), times.clone());
            all.spawn_local(async move {
                while let Some(call) = calls.get(next.replace(next.get() + 1)) {
                    let asked = Instant::now();
                    let answer = client.send(call).await?;
                    times.borrow_mut().push(asked.elapsed());
                    if !answer.status.is_success() {
                        return answer.ok(&call.name()).map(drop);
                    }
                }
                Ok(())
            })
        })
        .collect();
    all.await;
    let elapsed = begun.elapsed();
    for task in tasks {
        task.await.map_err(|error| Failure::Unexpected(format!("a client broke off: {error}")))??;
    }
    Ok(Run::of(times.take(), elapsed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_and_medians_are_those_of_the_textbook() {
        let times: Vec<Duration> = (1..=100).rev().map(Duration::from_millis).collect();
        let run = Run::of(times, Duration::from_secs(10));
        assert_eq!((run.p50_ms, run.p95_ms, run.p99_ms, run.max_ms), (50.0, 95.0, 99.0, 100.0));
        assert!((run.per_second - 10.0).abs() < 1e-9);
        assert_eq!(median(vec![3.0, 1.0, 2.0]).to_bits(), 2.0_f64.to_bits());
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]).to_bits(), 2.5_f64.to_bits());
    }
}
