//! What watching costs: makes 200 cgroups with a sleeping process each (needs root), samples them at 1 Hz with a refresh
//! every five seconds, prints this process's share of a core and its resident memory, and removes the cgroups.
//!
//! Usage: `watch_cost [GROUPS] [SECONDS]`

use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use collect::layout::Layout;
use collect::{Glob, Roots, Sampler, Selectors};
use model::{Moment, Span};

/// The folders that were made and the processes in them; removed when dropped.
#[derive(Default)]
struct Groups {
    folders: Vec<PathBuf>,
    sleepers: Vec<Child>,
}

impl Drop for Groups {
    fn drop(&mut self) {
        for sleeper in &mut self.sleepers {
            if let Err(error) = sleeper.kill().and_then(|()| sleeper.wait()) {
                eprintln!("failed to end process {}: {error}", sleeper.id());
            }
        }
        for folder in self.folders.iter().rev() {
            if let Err(error) = std::fs::remove_dir(folder) {
                eprintln!("failed to remove {}: {error}", folder.display());
            }
        }
    }
}

impl Groups {
    fn make(layout: &Layout, parent: &str, count: usize) -> std::io::Result<Groups> {
        let mut made = Groups::default();
        for hierarchy in &layout.hierarchies {
            let parent = hierarchy.root.join(parent);
            std::fs::create_dir(&parent)?;
            made.folders.push(parent.clone());
            if hierarchy.version == collect::layout::Version::V2 {
                let wanted = [
                    (hierarchy.controllers.cpu, "+cpu"),
                    (hierarchy.controllers.memory, "+memory"),
                    (hierarchy.controllers.io, "+io"),
                ];
                let wanted: Vec<&str> = wanted.iter().filter(|(has, _)| *has).map(|(_, name)| *name).collect();
                if !wanted.is_empty() {
                    std::fs::write(parent.join("cgroup.subtree_control"), wanted.join(" "))?;
                }
            }
            for index in 0..count {
                let folder = parent.join(format!("group-{index}"));
                std::fs::create_dir(&folder)?;
                made.folders.push(folder);
            }
        }
        for index in 0..count {
            let sleeper = Command::new("sleep").arg("600").spawn()?;
            let pid = sleeper.id().to_string();
            made.sleepers.push(sleeper);
            for hierarchy in &layout.hierarchies {
                let group = hierarchy.root.join(parent).join(format!("group-{index}"));
                std::fs::write(group.join("cgroup.procs"), &pid)?;
            }
        }
        Ok(made)
    }
}

/// CPU time of this process so far.
fn cpu_seconds() -> f64 {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    used.tv_sec as f64 + used.tv_nsec as f64 / 1e9
}

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<usize>());
    let mut next = |default| arguments.next().and_then(Result::ok).unwrap_or(default);
    let (count, seconds) = (next(200), next(30));
    let roots = Roots::host();
    let layout = Layout::detect(&roots);
    let parent = format!("forerun-watch-cost-{}", std::process::id());
    let _groups = Groups::make(&layout, &parent, count)?;

    let mut sampler = Sampler::new(layout, roots);
    sampler.select(Selectors { include: vec![Glob::new(&format!("/{parent}/*"))], ..Selectors::default() });
    let found = sampler.refresh().appeared.len();
    let mut samples = Vec::new();
    let start = Instant::now();
    let (mut refreshing, mut sampling) = (0.0, 0.0);
    let before = cpu_seconds();
    for second in 1..=seconds {
        let due = start + Duration::from_secs(second as u64);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let began = cpu_seconds();
        if second % 5 == 0 {
            sampler.refresh();
        }
        let refreshed = cpu_seconds();
        let now = Moment::after_start(Span::from(start.elapsed()));
        sampler.sample(now, &mut samples);
        sampler.host(now);
        refreshing += refreshed - began;
        sampling += cpu_seconds() - refreshed;
    }
    let share = |cpu: f64| cpu / start.elapsed().as_secs_f64() * 100.0;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident = status.lines().find(|line| line.starts_with("VmRSS")).unwrap_or("VmRSS unknown");
    println!("{found} targets ({count} made), {} sampled, {seconds} s at 1 Hz", samples.len());
    println!(
        "CPU {:.3} % of a core (sampling {:.3} %, refresh {:.3} %)",
        share(cpu_seconds() - before),
        share(sampling),
        share(refreshing)
    );
    println!("{resident}");
    Ok(())
}
