//! tmp
use decide as _;
use model::Span;
use predict::hazard::{ArrivalModel, Happened};
use crate::backtest::pool::{Keeper, PoolOptions, PoolPolicy, Seen, Workload};

#[derive(Clone, Copy, Debug, Default)]
pub struct ForerunPool;

pub const LAMBDAS: [f64; 25] = [1.0, 0.02, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 0.85, 1.25, 1.5, 2.0, 2.7, 3.5, 5.0, 8.0, 12.0, 20.0, 40.0, 80.0, 200.0];

impl PoolPolicy for ForerunPool {
    fn name(&self) -> &'static str { "forerun" }
    fn points(&self) -> Vec<String> { LAMBDAS.iter().map(|l| format!("lambda {l}")).collect() }
    fn begin<'w>(&self, workload: &'w Workload, options: &PoolOptions) -> Box<dyn Keeper + 'w> {
        let mut m = ArrivalModel::new();
        for (i, s) in workload.slots.iter().enumerate() { m.add((s.level > 0).then(|| i - 1)); }
        Box::new(K { m, w: workload, o: *options, ch: vec![0.0; workload.slots.len()], ll: (0.0, 0.0) })
    }
}
struct K<'w> { m: ArrivalModel, w: &'w Workload, o: PoolOptions, ch: Vec<f32>, ll: (f64, f64) }
impl Drop for K<'_> { fn drop(&mut self) { eprintln!("logloss/slotstep {:.6} n {}", self.ll.0 / self.ll.1, self.ll.1); } }
impl Keeper for K<'_> {
    fn step(&mut self, seen: &Seen<'_>, ready: &mut [Vec<bool>]) {
        if seen.step >= self.w.first_scored() && seen.step > 0 {
            let busy = self.w.busy_at_start(seen.step);
            for (i, s) in self.w.slots.iter().enumerate() {
                let wt = self.w.units[s.unit].weight;
                if busy[i] { continue; }
                let p = f64::from(self.ch[i]).clamp(1e-6, 1.0 - 1e-6);
                self.ll.0 -= wt * if seen.active[i] { p.ln() } else { (1.0 - p).ln() };
                self.ll.1 += wt;
            }
        }
        let counts: Vec<u32> = self.w.slots.iter().map(|s| seen.arrivals[s.unit]).collect();
        let mut visits: Vec<(u32, u32)> = seen.visits.iter().map(|v| (self.w.units[v.1 as usize].first_slot as u32, v.2)).collect();
        visits.sort_unstable(); visits.dedup();
        let at = self.w.start.plus(Span::from_millis(self.w.step.as_millis() * (seen.step as u64 + 1)));
        self.m.step(&Happened { active: seen.active, busy: seen.busy, counts: &counts, visits: &visits }, at, &mut self.ch);
        for (r, l) in ready.iter_mut().zip(LAMBDAS) {
            for (i, s) in self.w.slots.iter().enumerate() {
                let p = f64::from(self.ch[i]);
                let idle = self.o.idle_s(self.w.units[s.unit].memory_gb, self.w.step);
                r[i] = p * l * self.o.cold_s >= (1.0 - p) * idle;
            }
        }
    }
}
