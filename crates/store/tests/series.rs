//! Series: what goes in comes out, through sealing, merging, ageing and reopening.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;

use model::{Bytes, Metric, Span, WallTime};
use store::{Aggregate, Limits, Sample, SeriesId, SeriesKey, Store, StoreError};
use support::{Noise, START, all, at, cpu, open, sample, target};

#[test]
fn handles_name_series_and_survive_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    let keys = [cpu(1), SeriesKey::new(target(1), Metric::Memory), SeriesKey::application(target(1), "queue"), cpu(2)];
    let ids = store.series_ids(&keys).unwrap();
    assert_eq!(store.series_ids(&keys).unwrap(), ids, "asking again gives the same");
    drop(store);
    let mut store = open(dir.path());
    assert_eq!(store.series_ids(&keys).unwrap(), ids);
    assert_eq!(store.find(&SeriesKey::application(target(1), "other")), None);
    let listed: Vec<SeriesKey> = store.series().into_iter().map(|(_, key)| key).collect();
    assert_eq!(listed, keys);
    assert_eq!(store.reader().unwrap().of_target(&target(2)), [(ids[3], cpu(2))]);
}

#[test]
fn the_limit_of_series_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(dir.path(), Limits { series_max: 2, ..Limits::default() }).unwrap();
    store.series_ids(&[cpu(1), cpu(2)]).unwrap();
    assert!(matches!(store.series_ids(&[cpu(1), cpu(3)]), Err(StoreError::SeriesLimit { limit: 2 })));
    assert_eq!(store.series().len(), 2);
    store.series_id(&cpu(2)).unwrap();
}

#[test]
fn old_samples_are_counted_and_not_stored() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    let ids = store.series_ids(&[cpu(1), cpu(2)]).unwrap();
    let [a, b] = ids[..] else { unreachable!() };
    let first = store
        .append(&[sample(a, 10, 1.0), sample(b, 5, 2.0), sample(a, 11, 3.0), sample(a, 10, 4.0), sample(b, 5, 5.0)])
        .unwrap();
    assert_eq!((first.stored, first.out_of_order), (3, 2));
    store.seal().unwrap();
    let second = store.append(&[sample(a, 11, 6.0), sample(b, 6, 7.0)]).unwrap();
    assert_eq!((second.stored, second.out_of_order), (1, 1));
    drop(store);
    let mut store = open(dir.path());
    assert_eq!(store.newest(a), Some(at(11)));
    assert_eq!(store.append(&[sample(a, 9, 8.0), sample(b, 6, 9.0)]).unwrap().stored, 0, "also after reopening");
    assert_eq!(all(&store, a), [(10, 1f64.to_bits()), (11, 3f64.to_bits())]);
    assert_eq!(all(&store, b), [(5, 2f64.to_bits()), (6, 7f64.to_bits())]);
}

#[test]
fn a_strange_handle_stores_nothing_of_its_batch() {
    let dir = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    let mine = store.series_id(&cpu(1)).unwrap();
    let strange = *open(other.path()).series_ids(&[cpu(1), cpu(2)]).unwrap().last().unwrap();
    assert!(matches!(store.append(&[sample(mine, 1, 1.0), sample(strange, 1, 1.0)]), Err(StoreError::UnknownSeries(_))));
    assert_eq!(store.samples_stored(), 0);
    assert!(matches!(store.range(strange, at(0), at(9), None, Aggregate::Max), Err(StoreError::UnknownSeries(_))));
}

/// Random batches with random seals, merges, compactions and reopenings against a map.
#[test]
fn the_store_is_a_map_whatever_upkeep_runs() {
    for seed in 1..=6 {
        let dir = tempfile::tempdir().unwrap();
        let limits = Limits { tail_samples_max: 900, raw_keep: Span::from_secs(1 << 30), ..Limits::default() };
        let mut store = Store::open(dir.path(), limits).unwrap();
        let keys: Vec<SeriesKey> = (0..600).map(cpu).collect();
        let ids = store.series_ids(&keys).unwrap();
        let mut noise = Noise(seed);
        let mut expected: BTreeMap<SeriesId, BTreeMap<i64, u64>> = BTreeMap::new();
        for round in 0..120 {
            let batch = batch(&mut noise, &ids, round);
            store.append(&batch).unwrap();
            for sample in batch {
                let known = expected.entry(sample.series).or_default();
                let second = sample.at.unix_secs() - START;
                if known.last_key_value().is_none_or(|(newest, _)| *newest < second) {
                    known.insert(second, sample.value.to_bits());
                }
            }
            match noise.below(40) {
                0 => store.compact().unwrap(),
                1 => {
                    drop(store);
                    store = Store::open(dir.path(), limits).unwrap();
                    assert_eq!(store.series_ids(&keys).unwrap(), ids);
                }
                2..12 => assert!(store.maintain(at(round * 30)).unwrap().damaged.is_empty()),
                _ => {}
            }
        }
        store.verify().unwrap();
        let total: usize = expected.values().map(BTreeMap::len).sum();
        assert_eq!(store.samples_stored(), total as u64, "seed {seed}");
        for id in &ids {
            let wanted: Vec<(i64, u64)> = expected.remove(id).unwrap_or_default().into_iter().collect();
            assert_eq!(all(&store, *id), wanted, "seed {seed}, {id:?}");
        }
    }
}

/// Sometimes a tick of all series, sometimes some samples in no order.
fn batch(noise: &mut Noise, ids: &[SeriesId], round: i64) -> Vec<Sample> {
    if noise.below(2) == 0 {
        let few = &ids[..noise.below(ids.len() as u64) as usize];
        return few.iter().map(|id| sample(*id, round * 30, f64::from(noise.below(1_000) as f32 / 7.0))).collect();
    }
    (0..noise.below(300))
        .map(|_| {
            let id = ids[noise.below(ids.len() as u64) as usize];
            sample(id, round * 30 + noise.below(30) as i64 - 10, noise.below(100_000) as f64 / 100.0)
        })
        .collect()
}

#[test]
fn steps_put_samples_together() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    let id = store.series_id(&cpu(1)).unwrap();
    let samples: Vec<Sample> = (0..240).map(|second| sample(id, second, (second % 60) as f64)).collect();
    store.append(&samples).unwrap();
    let minute = Some(Span::from_secs(60));
    for sealed in [false, true] {
        if sealed {
            store.seal().unwrap();
        }
        let read = |aggregate| store.range(id, at(60), at(209), minute, aggregate).unwrap();
        let max: Vec<(i64, f64)> =
            read(Aggregate::Max).iter().map(|point| (point.at.unix_secs() - START, point.value)).collect();
        let mean: Vec<f64> = read(Aggregate::Mean).iter().map(|point| point.value).collect();
        assert_eq!(max, [(60, 59.0), (120, 59.0), (180, 29.0)]);
        assert!(mean.iter().zip([29.5, 29.5, 14.5]).all(|(found, wanted)| (found - wanted).abs() < 1e-9), "{mean:?}");
        assert_eq!(store.range(id, at(5), at(7), None, Aggregate::Max).unwrap().len(), 3, "both ends belong to the range");
        assert!(store.range(id, at(500), at(900), None, Aggregate::Max).unwrap().is_empty());
    }
}

#[test]
fn expired_samples_become_minutes_then_ten_minutes_then_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let day = 86_400;
    let mut store = open(dir.path());
    let ids = store.series_ids(&[cpu(1), cpu(300)]).unwrap();
    for second in (0..7_200).step_by(5) {
        let value = (second % 600) as f64;
        store.append(&[sample(ids[0], second, value), sample(ids[1], second, -value)]).unwrap();
        if second % 900 == 0 {
            store.seal().unwrap();
        }
    }
    store.seal().unwrap();
    let upkeep = |store: &mut Store, now: i64| {
        let mut all = Vec::new();
        loop {
            let done = store.maintain(at(now)).unwrap();
            let more = done.more;
            all.push(done);
            if !more {
                return all;
            }
        }
    };
    let read = |store: &Store, id: SeriesId, aggregate| -> Vec<(i64, f64)> {
        let points = store.range(id, at(0), at(7_200), None, aggregate).unwrap();
        points.iter().map(|point| (point.at.unix_secs() - START, point.value)).collect()
    };
    upkeep(&mut store, 6 * day);
    assert_eq!(read(&store, ids[0], Aggregate::Max).len(), 1_440, "raw for seven days");

    let done = upkeep(&mut store, 8 * day);
    assert_eq!(done.iter().map(|done| done.coarsened_points).sum::<u64>(), 2_880);
    let (max, mean) = (read(&store, ids[0], Aggregate::Max), read(&store, ids[0], Aggregate::Mean));
    assert_eq!((max.len(), mean.len()), (120, 120), "minutes for thirty days");
    assert_eq!((max[1], mean[1]), ((60, 115.0), (60, 87.5)));
    assert_eq!(read(&store, ids[1], Aggregate::Max)[1], (60, -60.0));

    upkeep(&mut store, 31 * day);
    let (max, mean) = (read(&store, ids[0], Aggregate::Max), read(&store, ids[0], Aggregate::Mean));
    assert_eq!(max.len(), 12, "ten minutes for 400 days");
    assert!(max.iter().all(|point| point.1 == 595.0) && mean.iter().all(|point| (point.1 - 297.5).abs() < 1e-3));
    assert_eq!(store.samples_stored(), 24);
    // New samples go on where the old were.
    store.append(&[sample(ids[0], 31 * day, 1.5)]).unwrap();
    assert_eq!(store.append(&[sample(ids[0], 100, 1.5)]).unwrap().out_of_order, 1);
    store.verify().unwrap();

    let done = upkeep(&mut store, 402 * day);
    assert_eq!(done.iter().map(|done| done.dropped_points).sum::<u64>(), 24);
    assert!(read(&store, ids[0], Aggregate::Max).is_empty());
}

#[test]
fn the_byte_cap_coarsens_the_oldest_first() {
    let dir = tempfile::tempdir().unwrap();
    let cap = Bytes(1 << 20);
    let limits = Limits { bytes_max: cap, raw_keep: Span::from_secs(1 << 30), ..Limits::default() };
    let mut store = Store::open(dir.path(), limits).unwrap();
    let ids = store.series_ids(&(0..20).map(cpu).collect::<Vec<_>>()).unwrap();
    let mut noise = Noise(5);
    for hour in 0..120 {
        for second in (0..3_600).step_by(5) {
            let now = hour * 3_600 + second;
            store.append(&ids.iter().map(|id| sample(*id, now, noise.next() as f64 / 4e9)).collect::<Vec<_>>()).unwrap();
        }
        store.seal().unwrap();
        while store.maintain(at(hour * 3_600 + 3_600)).unwrap().more {}
    }
    store.compact().unwrap();
    let used = store.bytes_on_disk().unwrap();
    assert!(used.0 < cap.0 + (1 << 18), "{used} for a cap of {cap}");
    let end = at(120 * 3_600);
    let recent = store.range(ids[0], end.minus(Span::from_secs(3_600)), end, None, Aggregate::Max).unwrap();
    assert!(!recent.is_empty());
    store.verify().unwrap();
}

#[test]
fn compacting_forgets_series_that_nobody_holds_and_reuses_their_numbers_later() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    let ids = store.series_ids(&[cpu(1), cpu(2), cpu(3)]).unwrap();
    store.append(&[sample(ids[1], 1, 1.0)]).unwrap();
    store.compact().unwrap();
    assert_eq!(store.series().len(), 3, "handles are out");
    drop(store);
    let mut store = open(dir.path());
    assert_eq!(store.series_id(&cpu(3)).unwrap(), ids[2]);
    store.compact().unwrap();
    let left: Vec<SeriesKey> = store.series().into_iter().map(|(_, key)| key).collect();
    assert_eq!(left, [cpu(2), cpu(3)], "the first had no samples and no holder");
    drop(store);
    let mut store = open(dir.path());
    assert_eq!(store.series_id(&cpu(9)).unwrap(), ids[0]);
    assert_eq!(store.newest(ids[0]), None);
    store.append(&[sample(ids[0], -50, 2.0)]).unwrap();
    assert_eq!(all(&store, ids[0]), [(-50, 2f64.to_bits())]);
}

#[test]
fn readers_see_a_whole_store_while_it_is_rewritten() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(dir.path(), Limits { tail_samples_max: 4_000, ..Limits::default() }).unwrap();
    let ids = store.series_ids(&(0..300).map(cpu).collect::<Vec<_>>()).unwrap();
    let reader = store.reader().unwrap();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for second in 0..400 {
                store.append(&ids.iter().map(|id| sample(*id, second, second as f64)).collect::<Vec<_>>()).unwrap();
                store.maintain(at(second)).unwrap();
            }
            store.compact().unwrap();
        });
        let mut seen = 0;
        while !writer.is_finished() {
            for id in [ids[0], ids[299]] {
                let points = reader.range(id, at(0), at(1_000), None, Aggregate::Max).unwrap();
                let gapless = points
                    .iter()
                    .enumerate()
                    .all(|(second, point)| point.at == at(second as i64) && point.value == second as f64);
                assert!(gapless, "a hole or a repeat among {} points", points.len());
                assert!(id != ids[0] || points.len() >= seen, "points went away");
                if id == ids[0] {
                    seen = points.len();
                }
            }
        }
        writer.join().unwrap();
        assert_eq!(reader.range(ids[7], at(0), at(1_000), None, Aggregate::Max).unwrap().len(), 400);
    });
}

#[test]
fn noisy_percents_take_under_a_byte() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    let ids = store.series_ids(&(0..50).map(cpu).collect::<Vec<_>>()).unwrap();
    let mut noise = Noise(3);
    for tick in 0..10_000 {
        store.append(&ids.iter().map(|id| sample(*id, tick, noise.below(101) as f64)).collect::<Vec<_>>()).unwrap();
    }
    store.compact().unwrap();
    let each = store.bytes_on_disk().unwrap().0 as f64 / store.samples_stored() as f64;
    assert!(each < 1.1, "{each:.3} bytes per sample, the noise itself has 0.83");
}

#[test]
fn extreme_times_and_values_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    let id = store.series_id(&cpu(1)).unwrap();
    let values = [f64::NAN, -0.0, f64::INFINITY, f64::MIN_POSITIVE, f64::from_bits(0x7FF0_0000_0000_0002)];
    let times = [-4_000_000_000_000i64, -1, 0, 1, 253_402_300_799_000];
    let samples: Vec<Sample> = times
        .iter()
        .zip(values)
        .map(|(millis, value)| Sample { series: id, at: WallTime::from_unix_millis(*millis), value })
        .collect();
    store.append(&samples).unwrap();
    for step in ["tail", "sealed", "compacted"] {
        match step {
            "sealed" => drop(store.seal().unwrap()),
            "compacted" => store.compact().unwrap(),
            _ => {}
        }
        let (from, to) = (WallTime::from_unix_millis(i64::MIN), WallTime::from_unix_millis(i64::MAX));
        let points = store.range(id, from, to, None, Aggregate::Max).unwrap();
        let same = points
            .iter()
            .zip(&samples)
            .all(|(point, sample)| point.at == sample.at && point.value.to_bits() == sample.value.to_bits());
        assert!(same && points.len() == samples.len(), "{step}");
    }
}
