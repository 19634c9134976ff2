//! proto
use model::WallTime;
use predict::hazard::returns::ReturnModel;
use crate::backtest::users::{Population, SUBJECT, UserOptions, UserPolicy, Watcher};

#[derive(Clone, Copy, Debug, Default)]
pub struct ForerunUsers;
fn thresholds() -> Vec<f64> {
    std::iter::once(0.3).chain((0..64).map(|k| 20.0 * 0.8_f64.powi(k))).chain([0.0, 1e9]).collect()
}
impl UserPolicy for ForerunUsers {
    fn name(&self) -> &'static str { SUBJECT }
    fn points(&self) -> Vec<String> { thresholds().iter().map(|t| format!("rate {t:.6}")).collect() }
    fn begin<'p>(&self, population: &'p Population, _options: &UserOptions) -> Box<dyn Watcher + 'p> {
        let mut model = ReturnModel::new();
        population.users.iter().for_each(|_| { model.add(0); });
        Box::new(W { model, t: thresholds(), ll: 0.0, n: 0 })
    }
}
struct W { model: ReturnModel, t: Vec<f64>, ll: f64, n: u64 }
impl Watcher for W {
    fn acted(&mut self, user: usize, at: WallTime) { self.model.act(user, at); }
    fn look(&mut self, user: usize, now: WallTime, held: &mut [bool]) -> Option<WallTime> {
        let last = self.model.last_act(user)?;
        let age = (now.unix_millis() - last.unix_millis()) as f64 / 3.6e6;
        let step_s = if age < 48.0 { (age * 900.0).clamp(60.0, 1800.0) } else if age < 720.0 { 3600.0 } else if age < 4380.0 { 10800.0 } else { 43200.0 };
        let mut next = now.unix_millis() + (step_s * 1000.0) as i64;
        if step_s >= 1800.0 { let g = (step_s * 1000.0) as i64; next = (now.unix_millis().div_euclid(g) + 1) * g; }
        let next = WallTime::from_unix_millis(next);
        let o = self.model.outlook(user, now, next);
        for (h, &t) in held.iter_mut().zip(&self.t) { *h = f64::from(o.per_hour) >= t; }
        Some(next)
    }
}
