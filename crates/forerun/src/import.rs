//! `forerun import prometheus`: reads a range of PromQL into the store, so that forecasts do not start from nothing.

use collect::prometheus::RangeQuery;
use indicatif::ProgressBar;
use model::{Metric, Span, TargetId, WallTime};
use serde::Serialize;
use store::{Limits, Sample, SeriesKey, Store, StoreError};

use crate::cli::arguments::{Common, ImportPrometheusArguments};
use crate::cli::failure::{Failure, Outcome, Status};
use crate::cli::{configuration, output};
use crate::config::{Loaded, Written, units};

/// Use of containers and services, as cAdvisor names them, summed over CPUs, devices and interfaces.
const QUERIES: [(Metric, &str); 6] = [
    (Metric::Cpu, r#"sum by (id) (rate(container_cpu_usage_seconds_total{id!="/"}[5m]))"#),
    (Metric::Memory, r#"max by (id) (container_memory_working_set_bytes{id!="/"})"#),
    (Metric::DiskRead, r#"sum by (id) (rate(container_fs_reads_bytes_total{id!="/"}[5m]))"#),
    (Metric::DiskWrite, r#"sum by (id) (rate(container_fs_writes_bytes_total{id!="/"}[5m]))"#),
    (Metric::NetworkReceive, r#"sum by (id) (rate(container_network_receive_bytes_total{id!="/"}[5m]))"#),
    (Metric::NetworkTransmit, r#"sum by (id) (rate(container_network_transmit_bytes_total{id!="/"}[5m]))"#),
];

/// What was imported.
#[derive(Debug, Default, Serialize)]
struct Report {
    server: String,
    series: usize,
    samples: usize,
    /// Samples at or before the newest that the store had of their series.
    older_than_known: usize,
    /// Series without the label that names the workload.
    unnamed: usize,
}

/// Fetches and stores.
///
/// # Errors
/// [`Status::Usage`] for a bad address, metric or time; otherwise [`Status::Failed`] with the server's or the store's words.
pub fn prometheus(common: &Common, arguments: &ImportPrometheusArguments) -> Outcome {
    let loaded = configuration(common, &Written::default())?;
    let server = server(&loaded, arguments)?;
    let token = token(&loaded)?;
    let read = |text: &Option<String>, default: Span| match text {
        Some(text) => {
            units::read::<Span>(text).map_err(|what| Failure::new(Status::Usage, what, "for example 14d, 12h or 1m"))
        }
        None => Ok(default),
    };
    let range = read(&arguments.range, loaded.settings.import.range)?;
    let step = read(&arguments.step, loaded.settings.import.step)?;
    let queries: Vec<(Metric, String)> = match &arguments.query {
        None => QUERIES.iter().map(|(metric, query)| (*metric, (*query).to_owned())).collect(),
        Some(query) => {
            let metric = Metric::from_name(&arguments.metric).ok_or_else(|| {
                let known: Vec<&str> = model::METRICS.iter().map(|metric| metric.name()).collect();
                Failure::new(
                    Status::Usage,
                    format!("there is no metric `{}`", arguments.metric),
                    format!("one of {}", known.join(", ")),
                )
            })?;
            vec![(metric, query.clone())]
        }
    };
    let dir = &loaded.settings.daemon.state_dir;
    std::fs::create_dir_all(dir)
        .map_err(|error| Failure::of(Status::Failed, &error, format!("make {} first", dir.display())))?;
    let mut store = Store::open(dir, Limits::default()).map_err(|error| {
        let remedy = "stop the daemon first, or let Prometheus write to it: remote_write to /api/v1/write";
        Failure::of(Status::Failed, &error, remedy)
    })?;
    let end = now();
    let mut report = Report { server: server.clone(), ..Report::default() };
    let bar = if common.json { ProgressBar::hidden() } else { ProgressBar::new(queries.len() as u64) };
    for (metric, query) in &queries {
        let query = RangeQuery { url: &server, query, start: end.minus(range), end, step, token: token.as_deref() };
        let series = query.fetch(|done, of| bar.set_message(format!("page {done} of {of}")));
        let series = series.map_err(|error| Failure::of(Status::Failed, &error, "check --from, --query and the token"))?;
        for series in series {
            let Some(name) = series.labels.get(&arguments.label) else {
                report.unnamed += 1;
                continue;
            };
            append(&mut store, name, *metric, &series.samples, &mut report)
                .map_err(|error| Failure::of(Status::Failed, &error, "what was imported until then is kept"))?;
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    store.compact().map_err(|error| Failure::of(Status::Failed, &error, "what was imported is kept"))?;
    output(common.json, &report, || {
        format!(
            "{} samples of {} series imported from {}; {} were older than what is known, {} series have no label `{}`\n",
            report.samples, report.series, report.server, report.older_than_known, report.unnamed, arguments.label
        )
    })
}

fn append(
    store: &mut Store,
    name: &str,
    metric: Metric,
    samples: &[(WallTime, f64)],
    report: &mut Report,
) -> Result<(), StoreError> {
    let target = if name.starts_with('/') { TargetId::new(format!("cgroup:{name}")) } else { TargetId::new(name) };
    let series = store.series_id(&SeriesKey::new(target, metric))?;
    let batch: Vec<Sample> = samples.iter().map(|(at, value)| Sample { series, at: *at, value: *value }).collect();
    let appended = store.append(&batch)?;
    report.series += 1;
    report.samples += appended.stored;
    report.older_than_known += appended.out_of_order;
    Ok(())
}

fn server(loaded: &Loaded, arguments: &ImportPrometheusArguments) -> Outcome<String> {
    let given = arguments.server.clone().or_else(|| loaded.settings.import.prometheus_url.as_deref().map(str::to_owned));
    let given =
        given.ok_or_else(|| Failure::new(Status::Usage, "no Prometheus server is given", "--from http://127.0.0.1:9090"))?;
    match given.starts_with("http://") || given.starts_with("https://") {
        true => Ok(given),
        false => {
            Err(Failure::new(Status::Usage, format!("`{given}` is no address"), "it must begin with http:// or https://"))
        }
    }
}

fn token(loaded: &Loaded) -> Outcome<Option<String>> {
    let Some(path) = &loaded.settings.import.prometheus_token_file else { return Ok(None) };
    let text = std::fs::read_to_string(path);
    let text = text.map_err(|error| {
        Failure::of(Status::Failed, &error, format!("import.prometheus_token_file is {}", path.display()))
    })?;
    Ok(Some(text.trim().to_owned()))
}

fn now() -> WallTime {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    WallTime::from_unix_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
