//! Ours: jobs in instances that were claimed from a pool.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use sandbox::{
    Exit, HOST, Host, Image, Key, Limits, Output, Pool, PoolEvent, Program, Run, Runtime, SandboxError, Sealed, Settings,
    StartPath, Target, TemplateProgram,
};

use crate::held::Held;
use crate::program::{self, Language, PYTHON};

/// How long a pool may take to fill.
const FILL_WITHIN: Duration = Duration::from_secs(120);

/// A pool with a key for each language.
pub struct Pools {
    pool: Pool,
}

impl Pools {
    /// An empty pool; the image shows `folder`'s binary as `/bench/first`.
    pub fn start(folder: &Path) -> Result<Pools, SandboxError> {
        let mut image = Image::of_host();
        image.binds.push((folder.join("first"), "/bench/first".into()));
        let images = BTreeMap::from([(HOST.to_owned(), image)]);
        let host = Host::start(Settings { template: TemplateProgram::Own, images, ..Settings::default() })?;
        let pool = Pool::new(host, 2, |event| {
            if let PoolEvent::Failed { key, error } = event {
                eprintln!("{key}: {error}");
            }
        })?;
        Ok(Pools { pool })
    }

    pub fn ways(&self) -> Vec<(Language, &'static str)> {
        let in_image = (Language::Binary, "forerun, in the image");
        vec![(Language::Binary, "forerun"), in_image, (Language::Python, "forerun")]
    }

    fn key(language: Language) -> Key {
        let runtime = match language {
            Language::Binary => Runtime::Exec,
            Language::Python => Runtime::Python,
        };
        Key { limits: Limits { pids: 16, ..Limits::default() }, ..Key::new("bench", runtime) }
    }

    /// Waits until a key's instances are there.
    fn fill(&self, key: &Key, target: Target) -> Result<()> {
        self.pool.set_target(key, target)?;
        let began = Instant::now();
        loop {
            let counts = self.pool.counts();
            let counts = counts.iter().find(|(known, ..)| **known == *key).context("the key is not known")?.2;
            if counts.waiting == target.waiting && counts.frozen == target.frozen {
                return Ok(());
            }
            if began.elapsed() > FILL_WITHIN {
                bail!("the pool has {counts:?}, not {target:?}");
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn job(language: Language, way: &str) -> Result<Run, SandboxError> {
        Ok(Run::new(match (language, way) {
            (Language::Binary, "forerun, in the image") => Program::InImage("/bench/first".into()),
            (Language::Binary, _) => Program::Sealed(Sealed::new("first", &program::binary())?),
            (Language::Python, _) => Program::Sealed(Sealed::new("first.py", PYTHON.as_bytes())?),
        }))
    }

    /// Microseconds until the first instruction, once.
    pub fn once(&self, language: Language, way: &str) -> Result<f64> {
        let key = Self::key(language);
        self.fill(&key, Target { waiting: 2, frozen: 0 })?;
        // Making the next one, and destroying the last one, is over.
        std::thread::sleep(Duration::from_millis(3));
        self.timed(&key, language, way, StartPath::Warm)
    }

    fn timed(&self, key: &Key, language: Language, way: &str, path: StartPath) -> Result<f64> {
        let began = program::now();
        let output = self.pool.run(key, &Self::job(language, way)?)?.wait()?;
        let first = first_act(language, &output).with_context(|| format!("the job went wrong: {output:?}"))?;
        if output.finished.start != path {
            bail!("the job came by {:?}", output.finished.start);
        }
        Ok((first - began) as f64 / 1e3)
    }

    /// Waiting instances beside frozen ones, interleaved, in microseconds.
    pub fn thawed(&self, count: usize) -> Result<BTreeMap<Language, [Vec<f64>; 2]>> {
        let mut found = BTreeMap::new();
        for language in [Language::Binary, Language::Python] {
            let key = Self::key(language);
            let lists: &mut [Vec<f64>; 2] = found.entry(language).or_default();
            for _ in 0..count {
                for (list, target, path) in [
                    (0, Target { waiting: 1, frozen: 0 }, StartPath::Warm),
                    (1, Target { waiting: 0, frozen: 1 }, StartPath::Thawed),
                ] {
                    self.fill(&key, target)?;
                    std::thread::sleep(Duration::from_millis(3));
                    lists[list].push(self.timed(&key, language, "forerun", path)?);
                }
            }
        }
        Ok(found)
    }

    /// Proportional memory of an idle Python instance and of its template, in MB.
    pub fn idle_memory(&self) -> Result<(f64, f64)> {
        let key = Self::key(Language::Python);
        self.fill(&key, Target { waiting: 20, frozen: 0 })?;
        let pids = self.pool.idle_processes(&key);
        let each = pids.iter().map(|&pid| proportional(pid)).sum::<Result<f64, _>>()? / pids.len() as f64;
        let parent = std::fs::read_to_string(format!("/proc/{}/stat", pids[0]))?;
        let parent = parent.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse().ok());
        let template = proportional(parent.context("no template")?)?;
        self.fill(&key, Target { waiting: 2, frozen: 0 })?;
        Ok((each, template))
    }

    /// Starts per second when `count` jobs are handed in at once, and how many went wrong.
    pub fn burst(&self, count: usize) -> Result<(f64, usize)> {
        let key = Self::key(Language::Binary);
        self.fill(&Self::key(Language::Python), Target::default())?;
        self.fill(&key, Target { waiting: count, frozen: 0 })?;
        self.pool.set_target(&key, Target { waiting: count, frozen: 0 })?;
        let next = AtomicUsize::new(0);
        let began = program::now();
        let hand_in = || {
            let mut handed = Vec::new();
            while next.fetch_add(1, Ordering::Relaxed) < count {
                handed.push(Self::job(Language::Binary, "forerun").and_then(|run| self.pool.run(&key, &run)));
            }
            handed
        };
        let handed = std::thread::scope(|scope| {
            let threads = [scope.spawn(hand_in), scope.spawn(hand_in)];
            threads.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect::<Vec<_>>()
        });
        let first_acts = handed.into_iter().map(|running| {
            let output = running.and_then(sandbox::Running::wait).ok()?;
            first_act(Language::Binary, &output).filter(|_| output.finished.start == StartPath::Warm)
        });
        let first_acts = first_acts.collect::<Vec<_>>();
        let failures = first_acts.iter().filter(|first| first.is_none()).count() + count.saturating_sub(first_acts.len());
        let last = first_acts.into_iter().flatten().max().context("no job of the burst ran")?;
        let seconds = (last - began) as f64 / 1e9;
        eprintln!("burst: {count} starts within {seconds:.3} s");
        self.fill(&key, Target::default())?;
        Ok((count as f64 / seconds, failures))
    }

    /// How many of `row` jobs in a row and `crowd` at once ended wrongly, and how much was left behind.
    pub fn long(&self, row: usize, crowd: usize) -> Result<(usize, usize)> {
        let keys = [Key::new("long", Runtime::Exec), Key::new("long", Runtime::Shell), Key::new("long", Runtime::Python)];
        for key in &keys {
            self.fill(key, Target { waiting: 4, frozen: 0 })?;
        }
        let before = self.settled(None);
        let memory = resident()?;
        let job = |number: usize| {
            let code = (number % 256) as u8;
            let program = |name, text: String| Sealed::new(name, text.as_bytes()).map(Program::Sealed);
            let run = match number % 3 {
                0 => Run {
                    arguments: vec!["-c".into(), format!("exit {code}")],
                    ..Run::new(Program::InImage("/bin/sh".into()))
                },
                1 => Run::new(program("s.sh", format!("exit {code}"))?),
                _ => Run::new(program("s.py", format!("import sys; sys.exit({code})"))?),
            };
            let output = self.pool.run(&keys[number % 3], &run)?.wait()?;
            Ok::<bool, SandboxError>(output.finished.exit == Exit::Code(code))
        };
        let began = Instant::now();
        let mut wrong = 0;
        for number in 0..row {
            wrong += usize::from(!job(number).unwrap_or(false));
        }
        eprintln!("{row} jobs in a row: {:.1} s", began.elapsed().as_secs_f64());
        let wrong_in_crowd = std::thread::scope(|scope| {
            let threads = (0..crowd).map(|number| scope.spawn(move || !job(number).unwrap_or(false))).collect::<Vec<_>>();
            threads.into_iter().map(|thread| usize::from(thread.join().unwrap_or(true))).sum::<usize>()
        });
        for key in &keys {
            self.fill(key, Target { waiting: 4, frozen: 0 })?;
        }
        let after = self.settled(Some(&before));
        eprintln!("before {before:?}, after {after:?}; resident {memory} kB, now {} kB", resident()?);
        Ok((wrong + wrong_in_crowd, after.beyond(&before)))
    }

    /// What is held once destroying is over: when it is as before, or no longer changes for ten seconds.
    fn settled(&self, before: Option<&Held>) -> Held {
        let mut held = Held::now();
        for _ in 0..20 {
            std::thread::sleep(Duration::from_millis(500));
            let now = Held::now();
            if before.map_or(now == held, |before| now.beyond(before) == 0) {
                return now;
            }
            held = now;
        }
        held
    }
}

fn first_act(language: Language, output: &Output) -> Option<u64> {
    program::time_in(language, &output.stdout).filter(|_| output.finished.exit == Exit::Code(0))
}

fn proportional(pid: u32) -> Result<f64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).context("no Pss")?;
    Ok(line.trim().trim_end_matches(" kB").trim().parse::<f64>()? / 1_000.0 * 1.024)
}

/// This process's own memory, in kB.
fn resident() -> Result<u64> {
    let text = std::fs::read_to_string("/proc/self/status")?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").trim().parse()?)
}
