//! The journal: every observation comes back to the bit, and damage is named by file and byte.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::{
    Announcement, AnnouncementId, Bounds, Bytes, BytesPerSecond, Capacity, Digest, History, Limit, METRICS, Metric,
    MilliCores, Mode, Moment, Observation, Ordinal, Outcome, Permille, Planner, Pressure, Resource, RunEvent, Scope,
    Setting, Span, TargetId, TargetKind, TargetSample, TargetSpec, Ticket, Tier, WallTime, Weight,
};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use store::{Epoch, Journal, JournalError, JournalLimits, JournalReader, Record};

fn moments() -> impl Strategy<Value = Moment> {
    any::<u64>().prop_map(|nanos| Moment::after_start(Span::from_nanos(nanos)))
}
fn walls() -> impl Strategy<Value = WallTime> {
    any::<i64>().prop_map(WallTime::from_unix_millis)
}
fn ordinals() -> impl Strategy<Value = Ordinal> {
    any::<u32>().prop_map(Ordinal)
}
fn tickets() -> impl Strategy<Value = Ticket> {
    any::<u64>().prop_map(Ticket)
}
fn metrics() -> impl Strategy<Value = Metric> {
    prop::sample::select(METRICS.to_vec())
}
fn tiers() -> impl Strategy<Value = Tier> {
    prop::sample::select(vec![Tier::BestEffort, Tier::Standard, Tier::Critical])
}
/// Any but not-a-number, which equals nothing; that has a test of its own.
fn floats() -> impl Strategy<Value = f32> {
    any::<f32>().prop_filter("equals itself", |value| !value.is_nan())
}

fn settings() -> impl Strategy<Value = Setting> {
    prop_oneof![
        of(any::<u64>()).prop_map(|cpu| Setting::Cpu(cpu.map_or(Limit::Unlimited, |cpu| Limit::At(MilliCores(cpu))))),
        any::<u64>().prop_map(|weight| Setting::Weight(Weight::clamped(weight))),
        of(any::<u64>()).prop_map(|bytes| Setting::Memory(bytes.map_or(Limit::Unlimited, |bytes| Limit::At(Bytes(bytes))))),
        of(any::<u64>())
            .prop_map(|rate| Setting::Bandwidth(rate.map_or(Limit::Unlimited, |rate| Limit::At(BytesPerSecond(rate))))),
        any::<u32>().prop_map(Setting::Instances),
    ]
}

fn bounds() -> impl Strategy<Value = Bounds> {
    [of(any::<u64>()), of(any::<u64>()), of(any::<u64>()), of(any::<u64>())].prop_map(|[a, b, c, d]| Bounds {
        cpu_min: a.map(MilliCores),
        cpu_max: b.map(MilliCores),
        memory_min: c.map(Bytes),
        memory_max: d.map(Bytes),
    })
}

fn specs() -> impl Strategy<Value = TargetSpec> {
    let kinds = vec![TargetKind::Service, TargetKind::Container, TargetKind::Own, TargetKind::Group, TargetKind::Series];
    (any::<String>(), prop::sample::select(kinds), tiers(), bounds(), of(any::<String>())).prop_map(
        |(id, kind, tier, bounds, application)| TargetSpec {
            id: TargetId::new(id),
            kind,
            tier,
            bounds,
            application: application.map(String::into_boxed_str),
        },
    )
}

fn samples() -> impl Strategy<Value = TargetSample> {
    let usage = vec(of(floats()), METRICS.len());
    let counts = (of(any::<u64>()), of(any::<u64>()), any::<u32>());
    (ordinals(), usage, of(floats()), counts, of(any::<[u32; 4]>())).prop_map(
        |(target, usage, throttled, (anon, file, kills), pressure)| {
            let mut sample = TargetSample::new(target);
            METRICS.into_iter().zip(usage).for_each(|(metric, value)| sample.usage.set(metric, value.unwrap_or(-1.0)));
            sample.throttled = throttled;
            sample.memory_anon = anon.map(Bytes);
            sample.memory_file = file.map(Bytes);
            sample.out_of_memory_kills = kills;
            sample.pressure = pressure.map(|[a, b, c, d]| Pressure {
                cpu_some: Permille(a),
                memory_some: Permille(b),
                memory_full: Permille(c),
                io_some: Permille(d),
            });
            sample
        },
    )
}

fn outcomes() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        Just(Outcome::Applied),
        Just(Outcome::Recommended),
        settings().prop_map(|found| Outcome::ChangedElsewhere { found }),
        any::<u64>().prop_map(|in_use| Outcome::WouldHarm { in_use }),
        Just(Outcome::TargetGone),
        any::<String>().prop_map(|reason| Outcome::Unsupported { reason: reason.into() }),
        any::<String>().prop_map(|reason| Outcome::Failed { reason: reason.into() }),
    ]
}

fn histories() -> impl Strategy<Value = History> {
    (ordinals(), metrics(), walls(), any::<u64>(), vec(of(floats()), 0..300)).prop_map(
        |(target, metric, start, step, values)| History { target, metric, start, step: Span::from_nanos(step), values },
    )
}

fn announcements() -> impl Strategy<Value = Announcement> {
    (any::<u64>(), ordinals(), metrics(), walls(), walls(), of(floats()), any::<String>()).prop_map(
        |(id, target, metric, from, until, expected, source)| Announcement {
            id: AnnouncementId(id),
            target,
            metric,
            from,
            until,
            expected,
            source: source.into(),
        },
    )
}

fn observations() -> impl Strategy<Value = Observation> {
    let modes = prop::sample::select(vec![Mode::Observe, Mode::Recommend, Mode::Act]);
    let scopes = prop_oneof![Just(Scope::All), Just(Scope::Planner(Planner::Load)), ordinals().prop_map(Scope::Target)];
    let resources = prop::sample::select(Resource::ALL.to_vec());
    let decisions = (any::<u64>(), resources.clone(), any::<u64>(), any::<u64>(), any::<bool>());
    prop_oneof![
        (ordinals(), specs()).prop_map(|(target, spec)| Observation::TargetAppeared { target, spec }),
        ordinals().prop_map(|target| Observation::TargetGone { target }),
        (walls(), vec(samples(), 0..40)).prop_map(|(wall, samples)| Observation::Samples { wall, samples }),
        histories().prop_map(Observation::History),
        (any::<u64>(), any::<u64>())
            .prop_map(|(cpu, memory)| Observation::Capacity(Capacity { cpu: MilliCores(cpu), memory: Bytes(memory) })),
        (ordinals(), vec((resources, settings()), 0..8))
            .prop_map(|(target, settings)| Observation::Settings { target, settings }),
        announcements().prop_map(Observation::Announced),
        any::<u64>().prop_map(|id| Observation::AnnouncementWithdrawn(AnnouncementId(id))),
        (any::<[u8; 32]>(), vec(any::<u8>(), 0..2_000))
            .prop_map(|(digest, weights)| Observation::ModelReady { digest: Digest(digest), weights: Arc::from(weights) }),
        (scopes, modes).prop_map(|(scope, mode)| Observation::ModeSet { scope, mode }),
        any::<bool>().prop_map(Observation::KillSwitch),
        (ordinals(), bounds()).prop_map(|(target, bounds)| Observation::BoundsSet { target, bounds }),
        (ordinals(), tiers()).prop_map(|(target, tier)| Observation::TierSet { target, tier }),
        tickets().prop_map(Observation::UndoAsked),
        floats().prop_map(|lambda| Observation::LambdaSet(f64::from(lambda))),
        (ordinals(), any::<[u64; 2]>(), any::<[u32; 2]>()).prop_map(|(target, [memory, cold], [at_least, at_most])| {
            Observation::PoolPriced { target, memory: Bytes(memory), cold: Span::from_nanos(cold), at_least, at_most }
        }),
        vec((ordinals(), any::<u64>(), any::<i32>(), any::<bool>()), 0..5).prop_map(|events| {
            let event =
                |(target, run, at, ended)| RunEvent { target, run, at: WallTime::from_unix_millis(i64::from(at)), ended };
            Observation::Runs(events.into_iter().map(event).collect())
        }),
        decisions.prop_map(|(ticket, resource, before, after, undo)| {
            let made = support::decision(ticket >> 8, resource, before, after);
            Observation::Adopted(Box::new(if undo { support::restore(ticket >> 9, &made) } else { made }))
        }),
        (tickets(), outcomes()).prop_map(|(ticket, outcome)| Observation::Done { ticket, outcome }),
    ]
}

fn small() -> JournalLimits {
    JournalLimits { segment_max: Bytes(2_000), ..JournalLimits::default() }
}

fn write(dir: &Path, limits: JournalLimits, records: &[(Moment, Observation)]) -> u64 {
    let mut journal = Journal::begin_epoch(dir, limits, b"the engine's settings").unwrap();
    for (place, (at, observation)) in records.iter().enumerate() {
        assert_eq!(journal.append(*at, observation).unwrap(), place as u64 + 1);
    }
    journal.sync().unwrap();
    journal.epoch()
}

fn numbered(count: u64) -> Vec<(Moment, Observation)> {
    (0..count).map(|i| (Moment::after_start(Span::from_secs(i)), Observation::UndoAsked(Ticket(i)))).collect()
}

fn read(dir: &Path, epoch: u64) -> Vec<Result<Record, JournalError>> {
    JournalReader::open(dir, epoch).unwrap().collect()
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_observations_come_back(records in vec((moments(), observations()), 0..30)) {
        let dir = tempfile::tempdir().unwrap();
        let epoch = write(dir.path(), small(), &records);
        let back: Vec<Record> = read(dir.path(), epoch).into_iter().map(Result::unwrap).collect();
        prop_assert_eq!(back.len(), records.len());
        for (place, (record, (at, observation))) in back.into_iter().zip(records).enumerate() {
            prop_assert_eq!(record.sequence, place as u64 + 1);
            prop_assert_eq!(record.at, at);
            // The debug form tells -0 from 0, which equality does not.
            prop_assert_eq!(format!("{:?}", &record.observation), format!("{observation:?}"));
            prop_assert_eq!(record.observation, observation);
        }
    }
}

#[test]
fn not_a_number_keeps_its_bits() {
    let odd = f32::from_bits(0xFFC1_2345);
    let history = History {
        target: Ordinal(1),
        metric: Metric::Cpu,
        start: support::at(0),
        step: Span::from_secs(1),
        values: vec![Some(odd)],
    };
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), small(), &[(Moment::START, Observation::History(history))]);
    let Ok(Record { observation: Observation::History(back), .. }) = &read(dir.path(), 1)[0] else {
        panic!("another record")
    };
    assert_eq!(back.values[0].unwrap().to_bits(), odd.to_bits());
}

#[test]
fn every_cut_of_the_tail_leaves_the_records_before_it() {
    let dir = tempfile::tempdir().unwrap();
    let records = numbered(20);
    write(dir.path(), JournalLimits::default(), &records);
    let path = segments(dir.path()).remove(0);
    let whole = fs::read(&path).unwrap();
    let ends = record_ends(dir.path(), &whole);
    for len in ends[0]..whole.len() {
        fs::write(&path, &whole[..len]).unwrap();
        let good = ends.iter().filter(|end| **end <= len).count() - 1;
        let recovered = JournalReader::open(dir.path(), 1).unwrap().recover().unwrap();
        assert_eq!(recovered.records.len(), good, "cut at {len}");
        match recovered.lost {
            None => assert!(ends.contains(&len), "cut at {len}: nothing said"),
            Some(lost) => {
                assert_eq!((lost.offset, lost.lost_bytes), (ends[good] as u64, (len - ends[good]) as u64), "cut at {len}");
                assert_eq!(lost.path, path);
                let last = read(dir.path(), 1).pop().unwrap().unwrap_err().to_string();
                assert!(last.contains(&format!("ends damaged at byte {}", lost.offset)), "{last}");
            }
        }
    }
    // Also within the head, where no record is left.
    for len in 0..ends[0] {
        fs::write(&path, &whole[..len]).unwrap();
        let error = JournalReader::open(dir.path(), 1).unwrap_err();
        assert!(matches!(error, JournalError::TailDamaged { offset: 0, .. }), "cut at {len}: {error}");
    }
}

/// Where the head and each record end, found by cutting.
fn record_ends(dir: &Path, whole: &[u8]) -> Vec<usize> {
    let path = segments(dir).remove(0);
    let mut ends = Vec::new();
    for len in 0..=whole.len() {
        fs::write(&path, &whole[..len]).unwrap();
        if JournalReader::open(dir, 1).is_ok_and(|reader| reader.recover().is_ok_and(|recovered| recovered.lost.is_none())) {
            ends.push(len);
        }
    }
    fs::write(&path, whole).unwrap();
    ends
}

#[test]
fn every_flipped_bit_is_named() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), JournalLimits::default(), &numbered(6));
    let path = segments(dir.path()).remove(0);
    let whole = fs::read(&path).unwrap();
    let ends = record_ends(dir.path(), &whole);
    for bit in 0..whole.len() * 8 {
        let mut bad = whole.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, &bad).unwrap();
        let begin = ends.iter().rev().find(|end| **end <= bit / 8).copied().unwrap_or(0) as u64;
        let error = match JournalReader::open(dir.path(), 1) {
            Err(error) => error,
            Ok(reader) => reader.map(Result::err).last().flatten().unwrap_or_else(|| panic!("bit {bit} was not seen")),
        };
        let in_last = bit / 8 >= ends[ends.len() - 2];
        match error {
            JournalError::TailDamaged { offset, .. } => assert!(in_last && offset == begin, "bit {bit}: tail at {offset}"),
            JournalError::MiddleDamaged { offset, .. } => {
                assert!(!in_last && offset == begin, "bit {bit}: middle at {offset}")
            }
            JournalError::Version { .. } => assert!((8..10).contains(&(bit / 8)), "bit {bit}: version"),
            other => panic!("bit {bit}: {other}"),
        }
    }
}

#[test]
fn damage_in_the_middle_names_segment_and_byte_and_gives_no_prefix() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), small(), &numbered(400));
    let paths = segments(dir.path());
    assert!(paths.len() > 4, "{} segments", paths.len());
    let mut bytes = fs::read(&paths[2]).unwrap();
    let place = bytes.len() - 1;
    bytes[place] ^= 1;
    fs::write(&paths[2], &bytes).unwrap();
    let error = JournalReader::open(dir.path(), 1).unwrap().recover().unwrap_err();
    let JournalError::MiddleDamaged { path, offset, .. } = &error else { panic!("{error}") };
    assert!(*path == paths[2] && *offset < place as u64 && *offset + 40 > place as u64, "{error}");

    fs::write(&paths[2], &bytes[..*offset as usize]).unwrap();
    let error = JournalReader::open(dir.path(), 1).unwrap().recover().unwrap_err();
    assert!(
        matches!(&error, JournalError::MiddleDamaged { path, .. } if *path == paths[2]),
        "a whole record is missing: {error}"
    );

    fs::remove_file(&paths[2]).unwrap();
    let error = JournalReader::open(dir.path(), 1).unwrap_err();
    assert!(matches!(error, JournalError::SegmentMissing { segment: 3, .. }), "{error}");
}

#[test]
fn another_version_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), small(), &numbered(1));
    let path = segments(dir.path()).remove(0);
    let mut bytes = fs::read(&path).unwrap();
    bytes[8] = 9;
    fs::write(&path, &bytes).unwrap();
    let error = JournalReader::open(dir.path(), 1).unwrap_err();
    assert!(matches!(error, JournalError::Version { found: 9, known: 1, .. }), "{error}");
    assert!(error.to_string().contains("version 9"), "{error}");
}

#[test]
fn epochs_follow_one_another_and_the_oldest_are_pruned() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(Epoch::list(&dir.path().join("none")).unwrap(), []);
    for epoch in 1..=4 {
        assert_eq!(write(dir.path(), small(), &numbered(100)), epoch);
    }
    let epochs = Epoch::list(dir.path()).unwrap();
    assert_eq!(epochs.iter().map(|epoch| epoch.number).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert!(epochs.iter().all(|epoch| epoch.whole && epoch.segments > 1 && epoch.bytes > Bytes(2_000)));
    assert_eq!(JournalReader::open(dir.path(), 3).unwrap().settings(), b"the engine's settings");
    assert!(matches!(JournalReader::open(dir.path(), 9), Err(JournalError::NoEpoch { epoch: 9, .. })));

    // A cap that two epochs fit under: the two oldest go whole.
    let cap = JournalLimits { total_max: Bytes(epochs[0].bytes.0 * 2 + 500), ..small() };
    let journal = Journal::begin_epoch(dir.path(), cap, b"").unwrap();
    assert_eq!(Epoch::list(dir.path()).unwrap().iter().map(|epoch| epoch.number).collect::<Vec<_>>(), [3, 4, 5]);
    assert!(journal.bytes_on_disk() <= cap.total_max);
    let mut journal = journal;
    journal.prune_epochs(1).unwrap();
    assert_eq!(Epoch::list(dir.path()).unwrap().iter().map(|epoch| epoch.number).collect::<Vec<_>>(), [4, 5]);
}

#[test]
fn an_epoch_over_the_cap_loses_its_beginning_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let cap = JournalLimits { total_max: Bytes(9_000), ..small() };
    let mut journal = Journal::begin_epoch(dir.path(), cap, b"x").unwrap();
    for (at, observation) in numbered(1_000) {
        journal.append(at, &observation).unwrap();
        assert!(journal.bytes_on_disk().0 <= cap.total_max.0 + cap.segment_max.0, "{}", journal.bytes_on_disk());
    }
    let error = JournalReader::open(dir.path(), 1).unwrap_err();
    let JournalError::HeadPruned { epoch: 1, first_sequence, .. } = error else { panic!("{error}") };
    let rest = JournalReader::open_pruned(dir.path(), 1).unwrap().recover().unwrap();
    assert_eq!(rest.records.first().unwrap().sequence, first_sequence);
    assert_eq!(rest.records.last().unwrap().sequence, 1_000);
    assert_eq!(rest.settings, b"x");
    assert!(!Epoch::list(dir.path()).unwrap()[0].whole);
}

#[test]
fn large_records_are_compressed() {
    let dir = tempfile::tempdir().unwrap();
    let samples = (0..2_000).map(|target| {
        let mut sample = TargetSample::new(Ordinal(target));
        sample.usage.set(Metric::Cpu, 0.5);
        sample
    });
    let tick = Observation::Samples { wall: support::at(0), samples: samples.collect() };
    write(dir.path(), JournalLimits::default(), &[(Moment::START, tick.clone())]);
    assert!(fs::metadata(&segments(dir.path())[0]).unwrap().len() < 9_000);
    assert_eq!(read(dir.path(), 1)[0].as_ref().unwrap().observation, tick);
}
