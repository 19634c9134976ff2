//! `/metrics`: the daemon, its requests and its targets for Prometheus, in base units, names `forerun_*`.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::ApiError;
use crate::router::App;
use crate::view::{MetricName, ModeName, QuantilesView, ResourceName, StatusView, TargetPage, TargetQuery, TargetView};

type Labels = Vec<(&'static str, String)>;
type Figure = Gauge<f64, AtomicU64>;
type Figures = Family<Labels, Figure>;

/// Upper bounds of the request times, in seconds.
const REQUEST_SECONDS: [f64; 9] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10.0];

/// Counts of requests since the start.
pub(crate) struct HttpMetrics {
    requests: Family<Labels, Counter>,
    seconds: Family<Labels, Histogram, fn() -> Histogram>,
}

impl Default for HttpMetrics {
    fn default() -> Self {
        HttpMetrics {
            requests: Family::default(),
            seconds: Family::new_with_constructor(|| Histogram::new(REQUEST_SECONDS)),
        }
    }
}

impl HttpMetrics {
    /// Counts one request. `route` is the pattern, not the path: the number of series stays bounded.
    pub(crate) fn observe(&self, method: &Method, route: &str, status: StatusCode, took: Duration) {
        let known = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
        let method = if known.contains(method) { method.as_str() } else { "other" };
        let labels =
            vec![("method", method.to_owned()), ("route", route.to_owned()), ("status", status.as_str().to_owned())];
        self.requests.get_or_create(&labels).inc();
        self.seconds.get_or_create(&vec![("route", route.to_owned())]).observe(took.as_secs_f64());
    }

    fn register(&self, registry: &mut Registry) {
        registry.register("http_requests", "Requests answered", self.requests.clone());
        registry.register("http_request_duration_seconds", "Time until an answer began", self.seconds.clone());
    }
}

/// The text of one scrape.
pub(crate) async fn scrape(app: &App) -> Result<String, ApiError> {
    let status = app.backend.status().await?;
    let limit = Some(app.settings.limits.metrics_targets);
    let page = app.backend.targets(TargetQuery { limit, ..TargetQuery::default() }).await?;
    let mut registry = Registry::with_prefix("forerun");
    app.http.register(&mut registry);
    register_whole(&mut registry, &status);
    register_targets(&mut registry, &page);
    let taken = app.settings.limits.event_subscribers - app.subscribers.available_permits();
    gauge(&mut registry, "event_subscribers", "Subscribers of events", taken as f64);
    app.backend.register_metrics(&mut registry);
    let mut text = String::new();
    encode(&mut text, &registry).map_err(|error| ApiError::internal(format!("failed to write the metrics: {error}")))?;
    Ok(text)
}

fn gauge(registry: &mut Registry, name: &str, help: &str, value: f64) {
    let figure = Figure::default();
    figure.set(value);
    registry.register(name, help, figure);
}

fn counter(registry: &mut Registry, name: &str, help: &str, value: u64) {
    let counter: Counter = Counter::default();
    counter.inc_by(value);
    registry.register(name, help, counter);
}

fn register_whole(registry: &mut Registry, status: &StatusView) {
    let build = Figures::default();
    build.get_or_create(&vec![("version", status.version.clone())]).set(1.0);
    registry.register("build_info", "The daemon's version", build);
    let mode = Figures::default();
    for &name in ModeName::ALL {
        let value = f64::from(u8::from(name == status.mode));
        mode.get_or_create(&vec![("mode", name.word().to_owned())]).set(value);
    }
    registry.register("mode", "1 for the mode of the whole", mode);
    let degraded = Figures::default();
    for part in &status.degraded {
        degraded.get_or_create(&vec![("what", part.what.clone())]).set(1.0);
    }
    registry.register("degraded", "1 for each part that does not work on this host", degraded);
    counter(registry, "samples", "Samples taken", status.samples_total);
    counter(registry, "decisions", "Decisions made", status.decisions_total);
    let started = status.started_at.0.unix_millis() as f64 / 1e3;
    let capacity = &status.capacity;
    for (name, help, value) in [
        ("start_time_seconds", "When the daemon was started, since 1970-01-01 UTC", Some(started)),
        ("kill_switch", "1 while the kill switch is engaged", Some(f64::from(u8::from(status.kill_switch)))),
        ("targets", "Targets watched", Some(status.targets as f64)),
        ("last_sample_age_seconds", "Age of the newest sample", status.last_sample_age_seconds),
        ("engine_step_seconds", "How long the last step took", status.engine_step_ms.map(|ms| ms / 1e3)),
        ("store_bytes", "Bytes of the store on disk", Some(status.store.bytes as f64)),
        ("store_samples", "Samples kept", Some(status.store.samples as f64)),
        ("capacity_cpu_cores", "CPU of the host", Some(capacity.cpu_cores)),
        ("capacity_memory_bytes", "Memory of the host that targets may use", Some(capacity.memory_bytes as f64)),
        ("allotted_cpu_cores", "Sum of the CPU quotas", Some(capacity.cpu_cores_allotted)),
        ("allotted_memory_bytes", "Sum of the memory limits", Some(capacity.memory_bytes_allotted as f64)),
        ("saved_today_cpu_core_hours", "Given back since midnight UTC", Some(status.saved_today.cpu_core_hours)),
    ] {
        if let Some(value) = value {
            gauge(registry, name, help, value);
        }
    }
}

fn register_targets(registry: &mut Registry, page: &TargetPage) {
    let hidden = page.total.saturating_sub(page.targets.len() as u64);
    gauge(registry, "targets_without_metrics", "Targets beyond the limit of this page", hidden as f64);
    for &metric in MetricName::ALL {
        register_metric(registry, metric, &page.targets);
    }
    for &resource in ResourceName::ALL {
        let limits = Figures::default();
        for target in &page.targets {
            let knob = target.resources.iter().find(|knob| knob.resource == resource);
            if let Some(limit) = knob.and_then(|knob| knob.limit.at()) {
                limits.get_or_create(&labels(target)).set(limit);
            }
        }
        let (name, what) = limit_name(resource);
        registry.register(format!("target_{name}"), format!("{what}; absent when unlimited"), limits);
    }
    let throttled = Figures::default();
    let kills = Family::<Labels, Counter>::default();
    for target in &page.targets {
        if let Some(share) = target.throttled_share {
            throttled.get_or_create(&labels(target)).set(share);
        }
        kills.get_or_create(&labels(target)).inc_by(target.oom_kills);
    }
    registry.register("target_throttled_ratio", "Share of the last interval held back by the CPU quota", throttled);
    registry.register("target_oom_kills", "Kills for lack of memory", kills);
}

fn register_metric(registry: &mut Registry, metric: MetricName, targets: &[TargetView]) {
    let (used, forecast) = (Figures::default(), Figures::default());
    for target in targets {
        let Some(reading) = target.metrics.iter().find(|reading| reading.metric == metric) else {
            continue;
        };
        if let Some(current) = reading.current {
            used.get_or_create(&labels(target)).set(current);
        }
        for (quantile, value) in reading.forecast.iter().flat_map(|forecast| shown(&forecast.quantiles)) {
            let mut labels = labels(target);
            labels.push(("quantile", quantile.to_owned()));
            forecast.get_or_create(&labels).set(value);
        }
    }
    let name = use_name(metric);
    registry.register(format!("target_{name}"), "Newest reading", used);
    registry.register(format!("target_forecast_{name}"), "Quantiles of the peak over the coming window", forecast);
}

fn labels(target: &TargetView) -> Labels {
    vec![("target", target.id.clone()), ("application", target.application.clone().unwrap_or_default())]
}

fn shown(quantiles: &QuantilesView) -> [(&'static str, f64); 3] {
    [("0.5", quantiles.p50), ("0.9", quantiles.p90), ("0.99", quantiles.p99)]
}

/// What a reading is called, with its base unit last.
const fn use_name(metric: MetricName) -> &'static str {
    match metric {
        MetricName::Cpu => "cpu_cores",
        MetricName::Memory => "memory_bytes",
        MetricName::DiskRead => "disk_read_bytes_per_second",
        MetricName::DiskWrite => "disk_write_bytes_per_second",
        MetricName::NetworkReceive => "network_receive_bytes_per_second",
        MetricName::NetworkTransmit => "network_transmit_bytes_per_second",
        MetricName::Gpu => "gpus",
        MetricName::GpuMemory => "gpu_memory_bytes",
        MetricName::Application => "application_load",
    }
}

/// What a limit is called, with its base unit last, and what it is.
const fn limit_name(resource: ResourceName) -> (&'static str, &'static str) {
    match resource {
        ResourceName::CpuQuota => ("limit_cpu_cores", "CPU quota"),
        ResourceName::CpuWeight => ("cpu_weight", "CPU weight, 1 to 10,000"),
        ResourceName::MemoryLimit => ("limit_memory_bytes", "Memory limit"),
        ResourceName::DiskReadBandwidth => ("limit_disk_read_bytes_per_second", "Block read bandwidth"),
        ResourceName::DiskWriteBandwidth => ("limit_disk_write_bytes_per_second", "Block write bandwidth"),
        ResourceName::NetworkReceiveBandwidth => ("limit_network_receive_bytes_per_second", "Receive bandwidth"),
        ResourceName::NetworkTransmitBandwidth => ("limit_network_transmit_bytes_per_second", "Transmit bandwidth"),
        ResourceName::WarmInstances => ("warm_instances", "Instances kept waiting"),
        ResourceName::FrozenInstances => ("frozen_instances", "Instances kept frozen"),
    }
}
