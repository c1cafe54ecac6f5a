//! The files in `docs/operating`: dashboards and alerts name metrics that exist, deployment files options that exist.

use std::collections::BTreeSet;

use flowrun_sdk::testing::ExecutorHarness;
use flowrun_sdk::{Context, Value};

use crate::support::program::{command, directory, text};

fn read(name: &str) -> String {
    std::fs::read_to_string(format!("docs/operating/{name}")).unwrap()
}

/// Names of all metrics: those of the table, those of indexes, and those that Prometheus adds.
fn known_metrics() -> BTreeSet<String> {
    let mut known: BTreeSet<String> = BTreeSet::from(["up".to_owned()]);
    for metric in flowrun::gateway::METRICS {
        known.insert(metric.name.to_owned());
        if metric.kind == "histogram" {
            known.extend(["bucket", "sum", "count"].map(|suffix| format!("{}_{suffix}", metric.name)));
        }
    }
    let directory = tempfile::tempdir().unwrap();
    let context = Context::standalone(directory.path());
    let metrics = context.metrics.clone();
    let catalog = flowrun::catalog::built_in();
    let _indexer =
        ExecutorHarness::new(catalog.get("VectorIndexer").unwrap(), &Value::Null, context).unwrap();
    known.extend(metrics.samples().iter().map(|sample| format!("flowrun_executor_{}", sample.name)));
    known
}

/// Metrics that a text of PromQL names: words with the prefixes of flowrun's metrics.
fn named_metrics(text: &str) -> BTreeSet<String> {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    let is_metric = |word: &&str| word.starts_with("flowrun_") || word.starts_with("process_");
    words.filter(is_metric).map(str::to_owned).collect()
}

#[test]
fn dashboards_and_alerts_name_only_metrics_that_exist() {
    let known = known_metrics();
    for (file, least) in [("grafana-dashboard.json", 20), ("alerts.yml", 8)] {
        let named = named_metrics(&read(file));
        assert!(named.len() >= least, "{file} names {} metrics", named.len());
        let unknown: Vec<&String> = named.difference(&known).collect();
        assert!(unknown.is_empty(), "{file}: {unknown:?}");
    }
}

#[test]
fn the_dashboard_shows_every_metric_of_requests_and_pods() {
    let dashboard = named_metrics(&read("grafana-dashboard.json"));
    let shown = |name: &str| dashboard.contains(name) || dashboard.contains(&format!("{name}_bucket"));
    let is_shown = |name: &str| name.starts_with("flowrun_request") || name.starts_with("flowrun_pod_");
    // Traces and batches are not used by every flow; calls in progress are seen in the queue.
    let left_out = |name: &str| name.contains("_batch") || name == "flowrun_pod_calls_under_way";
    for metric in flowrun::gateway::METRICS.iter().filter(|metric| is_shown(metric.name)) {
        assert!(shown(metric.name) || left_out(metric.name), "{} is not shown", metric.name);
    }
}

#[test]
fn the_dashboard_is_valid_json_with_a_query_in_each_panel() {
    let dashboard: Value = serde_json::from_str(&read("grafana-dashboard.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    assert!(panels.len() >= 10);
    for panel in panels {
        let targets = panel["targets"].as_array().unwrap();
        let has_query = |target: &Value| target["expr"].as_str().is_some_and(|expr| !expr.is_empty());
        assert!(!targets.is_empty() && targets.iter().all(has_query), "{}", panel["title"]);
    }
}

/// Arguments of `flowrun serve` in the files for systemd, containers and Kubernetes.
fn serve_commands() -> Vec<Vec<String>> {
    let unit = read("flowrun.service");
    let unit = unit.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/local/bin/flowrun ")).unwrap();
    let dockerfile = read("Dockerfile");
    let dockerfile = dockerfile.lines().find_map(|line| line.strip_prefix("CMD ")).unwrap();
    let kubernetes = read("kubernetes.yml");
    let kubernetes = kubernetes.lines().find_map(|line| line.trim().strip_prefix("args: ")).unwrap();
    let words = |list: &str| -> Vec<String> {
        list.trim_matches(['[', ']'])
            .split([',', ' '])
            .map(|word| word.trim_matches('"').to_owned())
            .collect()
    };
    [unit, dockerfile, kubernetes]
        .map(|list| words(list).into_iter().filter(|word| !word.is_empty()).collect())
        .to_vec()
}

#[test]
fn the_options_of_the_deployment_files_exist() {
    let directory = directory("jtype: Flow\nexecutors: [{name: a, uses: Nowhere}]\n");
    std::fs::write(directory.path().join("token"), "secret").unwrap();
    for mut arguments in serve_commands() {
        assert_eq!(arguments[0], "serve");
        for argument in &mut arguments {
            match argument.as_str() {
                path if path.ends_with("/flow.yml") => *argument = "flow.yml".to_owned(),
                "/secrets/token" => *argument = "token".to_owned(),
                _ => {}
            }
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let output = command(directory.path(), &arguments).output().unwrap();
        // The options are accepted; the flow is the mistake.
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
        assert!(stderr.contains("there is no executor `Nowhere`"), "{arguments:?}: {stderr}");
    }
}
