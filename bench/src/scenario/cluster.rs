//! A cluster that is not there: CPU and memory for each node, answers over all pods.
//!
//! One collector at a time, so that none waits for another's CPU; beside each its own minimal reader was measured, which
//! fetches the same answers and throws them away.

use std::process::Child;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::cluster::collector::{Collector, EVERY, Kind, PODS, kinds, memory};
use crate::cluster::{Generator, cpu_seconds, fetch};
use crate::stats::{Table, at, median, short};
use crate::{Result, Settings};

/// Pods that are replaced in a minute, of a hundred nodes.
const CHURN: usize = 10;

/// What was measured of one.
struct Cost {
    name: String,
    /// CPU seconds of each window.
    cpu: Vec<f64>,
    window: f64,
    /// Resident and proportional bytes.
    memory: [u64; 2],
    round: Option<f64>,
    generator: f64,
}

pub(crate) fn run(settings: &Settings) -> Result<()> {
    let program =
        settings.testcluster.as_deref().ok_or("--testcluster FILE is wanted: bench/run builds it")?;
    for &nodes in settings.sizes.as_deref().unwrap_or(&[100, 1000, 5000]) {
        println!("\n## {nodes} nodes of 30 pods of two containers");
        let generator = Generator::start(program, nodes, CHURN * nodes / 100)?;
        let mut costs = Vec::new();
        for path in ["/metrics/resource", "/stats/summary"] {
            costs.push(least(settings, &generator, path)?);
        }
        let mut answers = Vec::new();
        for kind in kinds(settings) {
            costs.push(one(settings, &generator, kind, &mut answers)?);
        }
        tell(&generator, &costs);
        let table = Table::new("Answers", &["program", "route", "median ms", "most ms", "MB"]);
        answers.iter().for_each(|row: &Vec<String>| table.row(row));
    }
    Ok(())
}

/// CPU of the minimal reader.
fn least(settings: &Settings, generator: &Generator, path: &str) -> Result<Cost> {
    let mut child = fetch::start(&generator.kubelets, path, EVERY)?;
    // connections are made in the first round
    sleep(EVERY);
    let measured = windows(settings, generator, &child);
    let memory = memory(child.id());
    let _ = child.kill();
    let _ = child.wait();
    let (cpu, served) = measured?;
    Ok(Cost {
        name: format!("minimal, {path}"),
        cpu,
        window: window(settings),
        memory: memory?,
        round: None,
        generator: served,
    })
}

fn windows(settings: &Settings, generator: &Generator, child: &Child) -> Result<(Vec<f64>, f64)> {
    let (mut cpu, served) = (Vec::new(), cpu_seconds(generator.child.id())?);
    for _ in 0..settings.rounds {
        let before = cpu_seconds(child.id())?;
        sleep(Duration::from_secs_f64(window(settings)));
        cpu.push(cpu_seconds(child.id())? - before);
    }
    let served = (cpu_seconds(generator.child.id())? - served) / settings.rounds.max(1) as f64;
    Ok((cpu, served))
}

/// Seconds of a window: whole rounds, two at least.
fn window(settings: &Settings) -> f64 {
    let every = EVERY.as_secs();
    (settings.window.max(2 * every)).div_ceil(every) as f64 * every as f64
}

/// CPU, memory, answers of a collector.
fn one(
    settings: &Settings,
    generator: &Generator,
    kind: Kind,
    answers: &mut Vec<Vec<String>>,
) -> Result<Cost> {
    let mut collector = Collector::start(kind, settings, generator)?;
    let begin = Instant::now();
    // those that churn has just made have no rate yet
    let wanted = generator.nodes * generator.pods * 95 / 100;
    let complete = collector.complete(wanted)?;
    eprintln!("{}: {wanted} pods after {complete:?}", kind.name());
    sleep(EVERY.saturating_sub(begin.elapsed()) + EVERY);
    let (mut cpu, served) = (Vec::new(), cpu_seconds(generator.child.id())?);
    for _ in 0..settings.rounds {
        let before = collector.cpu_seconds()?;
        sleep(Duration::from_secs_f64(window(settings)));
        cpu.push(collector.cpu_seconds()? - before);
    }
    let served = (cpu_seconds(generator.child.id())? - served) / settings.rounds.max(1) as f64;
    // before anybody asks for an answer that is large itself
    let memory = collector.memory()?;
    let round = collector.rounds().filter(|(_, count)| *count > 0.0).map(|(sum, count)| sum / count);
    let routes = [
        (PODS, 10),
        ("/api/v1/model/metrics/cpu/usage_rate", 50),
        ("/api/v1/model/namespaces/team-1/metrics/memory/working_set", 50),
        ("/metrics", 20),
    ];
    for (route, times) in routes {
        let Some((took, size)) = collector.answers(route, times)? else { continue };
        answers.push(vec![
            kind.name(),
            format!("`{route}`"),
            short(median(&took)),
            short(at(1.0, &took)),
            short(size as f64 / 1e6),
        ]);
    }
    Ok(Cost { name: kind.name(), cpu, window: window(settings), memory, round, generator: served })
}

fn tell(generator: &Generator, costs: &[Cost]) {
    let columns = [
        "program",
        "millicores a node",
        "least",
        "most",
        "µs a node and round",
        "ratio to minimal",
        "RSS KB a node",
        "PSS KB a node",
        "RSS MB",
        "round s",
        "generator CPU %",
    ];
    let table = Table::new("CPU and memory", &columns);
    let nodes = generator.nodes as f64;
    for cost in costs {
        let millis = |seconds: f64| seconds / cost.window / nodes * 1e3;
        let least = costs.iter().find(|least| {
            let route = if cost.name.contains("summary") { "/stats/summary" } else { "/metrics/resource" };
            least.name == format!("minimal, {route}")
        });
        let ratio = least.map(|least| median(&cost.cpu) / median(&least.cpu).max(1e-3));
        let [rss, pss] = cost.memory.map(|bytes| bytes as f64);
        table.row(&[
            cost.name.clone(),
            format!("{:.4}", millis(median(&cost.cpu))),
            format!("{:.4}", millis(at(0.0, &cost.cpu))),
            format!("{:.4}", millis(at(1.0, &cost.cpu))),
            short(millis(median(&cost.cpu)) * EVERY.as_secs_f64() * 1e3),
            ratio.map_or_else(String::new, short),
            short(rss / nodes / 1e3),
            short(pss / nodes / 1e3),
            short(rss / 1e6),
            cost.round.map_or_else(String::new, |seconds| format!("{seconds:.2}")),
            short(cost.generator / cost.window * 100.0),
        ]);
    }
}
