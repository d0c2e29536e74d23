//! The outward names, over the sample that cAdvisor's own tests have.

use super::families::ROWS;
use super::*;
use crate::families::tests::text;
use crate::sample::Sample;

fn sample(per_cpu: bool) -> Sample {
    let count = |cpu, value, ratio| CpuCount { cpu, value, scaling_ratio: Ratio(ratio) };
    let uncore = |socket, value| UncoreEvent {
        scaling_ratio: Ratio(1.0),
        value,
        name: "cas_count_read".into(),
        socket,
        pmu: "uncore_imc_0".into(),
    };
    let perf = Perf {
        per_cpu,
        core: vec![
            CoreEvent { name: "instructions".into(), cpus: vec![count(0, 123, 1.0), count(1, 456, 0.5)] },
            CoreEvent {
                name: "instructions_retired".into(),
                cpus: vec![count(0, 321, 0.75), count(1, 789, 0.25)],
            },
        ],
        uncore: vec![uncore(0, 1_231_231_512), uncore(-1, 7)],
    };
    Sample { perf: Some(perf), ..Sample::default() }
}

#[test]
fn every_cpu_has_its_lines() {
    assert_eq!(
        text(ROWS, &sample(true)),
        r#"container_perf_events_scaling_ratio{cpu="0",event="instructions"} 1
container_perf_events_scaling_ratio{cpu="1",event="instructions"} 0.5
container_perf_events_scaling_ratio{cpu="0",event="instructions_retired"} 0.75
container_perf_events_scaling_ratio{cpu="1",event="instructions_retired"} 0.25
container_perf_events_total{cpu="0",event="instructions"} 123
container_perf_events_total{cpu="1",event="instructions"} 456
container_perf_events_total{cpu="0",event="instructions_retired"} 321
container_perf_events_total{cpu="1",event="instructions_retired"} 789
container_perf_uncore_events_scaling_ratio{event="cas_count_read",pmu="uncore_imc_0",socket="0"} 1
container_perf_uncore_events_scaling_ratio{event="cas_count_read",pmu="uncore_imc_0",socket="-1"} 1
container_perf_uncore_events_total{event="cas_count_read",pmu="uncore_imc_0",socket="0"} 1231231512
container_perf_uncore_events_total{event="cas_count_read",pmu="uncore_imc_0",socket="-1"} 7
"#
    );
}

#[test]
fn without_percpu_the_cpus_are_summed_and_the_least_ratio_counts() {
    let text = text(&ROWS[..2], &sample(false));
    assert_eq!(
        text,
        r#"container_perf_events_scaling_ratio{cpu="",event="instructions"} 0.5
container_perf_events_scaling_ratio{cpu="",event="instructions_retired"} 0.25
container_perf_events_total{cpu="",event="instructions"} 579
container_perf_events_total{cpu="",event="instructions_retired"} 1110
"#
    );
}
