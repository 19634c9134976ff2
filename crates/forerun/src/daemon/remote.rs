//! Samples from outside: pushed by applications, written by Prometheus, or imported from it.

use std::collections::BTreeMap;

use model::{Metric, TargetId, WallTime};
use serve::view::PushedSample;
use serve::{ApiError, WrittenSeries};
use store::{Sample, SeriesKey};

use super::core::Core;

/// How a written series maps to one of ours.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mapped {
    pub key: SeriesKey,
    /// Whether its values are a counter whose rate per second is meant.
    pub counter: bool,
}

/// Maps the usual cAdvisor names to targets; everything else is kept under its own name.
pub(super) fn map(labels: &[(String, String)]) -> Mapped {
    let label = |name: &str| labels.iter().find(|(label, _)| label == name).map(|(_, value)| value.as_str());
    let name = label("__name__").unwrap_or("unnamed");
    let known = match name {
        "container_cpu_usage_seconds_total" => Some((Metric::Cpu, true)),
        "container_memory_working_set_bytes" => Some((Metric::Memory, false)),
        "container_fs_reads_bytes_total" => Some((Metric::DiskRead, true)),
        "container_fs_writes_bytes_total" => Some((Metric::DiskWrite, true)),
        "container_network_receive_bytes_total" => Some((Metric::NetworkReceive, true)),
        "container_network_transmit_bytes_total" => Some((Metric::NetworkTransmit, true)),
        _ => None,
    };
    match (known, label("id").filter(|id| id.starts_with('/'))) {
        (Some((metric, counter)), Some(id)) => {
            Mapped { key: SeriesKey::new(TargetId::new(format!("cgroup:{id}")), metric), counter }
        }
        _ => {
            let mut rest: Vec<&(String, String)> = labels.iter().filter(|(label, _)| label != "__name__").collect();
            rest.sort();
            let rest: Vec<String> = rest.iter().map(|(label, value)| format!("{label}={value:?}")).collect();
            let target = TargetId::new(format!("prometheus:{name}{{{}}}", rest.join(",")));
            Mapped { key: SeriesKey::new(target, Metric::Application), counter: false }
        }
    }
}

/// The rate per second between neighbours; a counter that fell was reset and counts from zero.
pub(super) fn rates(samples: &[(i64, f64)]) -> Vec<(i64, f64)> {
    let pairs = samples.windows(2).filter(|pair| pair[1].0 > pair[0].0);
    pairs
        .map(|pair| {
            let grown = if pair[1].1 >= pair[0].1 { pair[1].1 - pair[0].1 } else { pair[1].1 };
            (pair[1].0, grown / ((pair[1].0 - pair[0].0) as f64 / 1_000.0))
        })
        .collect()
}

impl Core {
    /// Takes in values of applications' own metrics.
    pub(super) fn push(&mut self, samples: Vec<PushedSample>) -> Result<(), ApiError> {
        let mut taken = BTreeMap::new();
        for sample in &samples {
            let metric = sample.metric.map(Metric::from).unwrap_or(Metric::Application);
            if metric != Metric::Application {
                return Err(ApiError::invalid(
                    format!("metric {} cannot be pushed: forerun measures it itself", metric.name()),
                    "push `app`",
                ));
            }
            taken.insert(self.ordinal(&sample.target)?, sample.value as f32);
        }
        self.pushed.extend(taken);
        Ok(())
    }

    /// Stores samples of Prometheus remote write; answered when they are durable.
    pub(super) fn write(&mut self, series: Vec<WrittenSeries>) -> Result<(), ApiError> {
        let mapped: Vec<(Mapped, Vec<(i64, f64)>)> =
            series.into_iter().map(|series| (map(&series.labels), series.samples)).collect();
        let last = std::mem::take(&mut self.counters);
        let (rows, counters) = to_rates(mapped, last);
        self.counters = counters;
        let stored = self.store.call(move |store| -> Result<store::Appended, store::StoreError> {
            let keys: Vec<SeriesKey> = rows.iter().map(|(key, _)| key.clone()).collect();
            let ids = store.series_ids(&keys)?;
            let batch = ids.iter().zip(&rows).flat_map(|(series, (_, samples))| {
                samples.iter().map(|(at, value)| Sample {
                    series: *series,
                    at: WallTime::from_unix_millis(*at),
                    value: *value,
                })
            });
            store.append(&batch.collect::<Vec<_>>())
        });
        match stored {
            Ok(Ok(appended)) if appended.out_of_order > 0 => Err(ApiError::invalid(
                format!(
                    "{} samples are not newer than what is known of their series; the other {} are stored",
                    appended.out_of_order, appended.stored
                ),
                "do not send them again; `forerun import prometheus` brings earlier history before the daemon first starts",
            )),
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) | Err(error) => Err(ApiError::unavailable(format!("failed to store the samples: {error}"))),
        }
    }
}

/// The newest reading of each counter, so that the rate goes on from one write to the next.
pub(super) type Counters = BTreeMap<SeriesKey, (i64, f64)>;
type Rows = Vec<(SeriesKey, Vec<(i64, f64)>)>;

/// At most this many counters are followed.
const COUNTERS_MAX: usize = 200_000;

fn to_rates(series: Vec<(Mapped, Vec<(i64, f64)>)>, mut last: Counters) -> (Rows, Counters) {
    let mut rows = Rows::new();
    for (mapped, mut samples) in series {
        samples.sort_by_key(|sample| sample.0);
        if !mapped.counter {
            rows.push((mapped.key, samples));
            continue;
        }
        let newest = samples.last().copied();
        if let Some(before) = last.get(&mapped.key) {
            samples.insert(0, *before);
        }
        rows.push((mapped.key.clone(), rates(&samples)));
        if let Some(newest) = newest
            && (last.len() < COUNTERS_MAX || last.contains_key(&mapped.key))
        {
            last.insert(mapped.key, newest);
        }
    }
    (rows, last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn names_map_to_targets() {
        let mapped =
            map(&labels(&[("__name__", "container_cpu_usage_seconds_total"), ("id", "/system.slice/nginx.service")]));
        assert_eq!(mapped.key, SeriesKey::new(TargetId::new("cgroup:/system.slice/nginx.service"), Metric::Cpu));
        assert!(mapped.counter);
        let other = map(&labels(&[("b", "2"), ("__name__", "up"), ("a", "1")]));
        assert_eq!(other.key.target.as_str(), "prometheus:up{a=\"1\",b=\"2\"}");
    }

    #[test]
    fn counters_become_rates_across_writes_and_resets() {
        let mapped = map(&labels(&[("__name__", "container_cpu_usage_seconds_total"), ("id", "/a")]));
        let (rows, last) = to_rates(vec![(mapped.clone(), vec![(0, 10.0), (1_000, 10.5)])], Counters::new());
        assert_eq!(rows[0].1, [(1_000, 0.5)]);
        let (rows, _) = to_rates(vec![(mapped, vec![(3_000, 11.5), (4_000, 0.25)])], last);
        assert_eq!(rows[0].1, [(3_000, 0.5), (4_000, 0.25)]);
    }
}
