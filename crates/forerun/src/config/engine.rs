//! What the engine is told, from the settings of a user.

use decide::warm::WarmSettings;
use model::{Permille, Resource, Tier};

use super::settings::Settings;

impl Settings {
    /// The engine's own settings; `first_ticket` is above every ticket used before.
    pub fn engine(&self, first_ticket: u64) -> decide::Settings {
        let tier = |tier: Tier| {
            let own = self.load.tier(tier);
            decide::TierSettings {
                tail: own.target_violation as f32,
                head_room: own.head_room as f32,
                price: (self.load.lambda * own.lambda_factor) as f32,
            }
        };
        decide::Settings {
            mode: self.mode,
            first_ticket,
            load: decide::LoadSettings {
                window: self.load.window,
                sample_interval: self.daemon.sample_interval,
                manage: self.managed(),
                tiers: [tier(Tier::BestEffort), tier(Tier::Standard), tier(Tier::Critical)],
                hysteresis: self.load.hysteresis as f32,
                release_below: self.load.release_below as f32,
                lower_step: self.load.lower_step as f32,
                changes_per_day: self.load.changes_per_day as f32,
                react: self.load.react,
            },
            arbiter: decide::ArbiterSettings {
                reserve: permille(self.rails.host_reserve),
                cpu_overcommit: permille(self.rails.cpu_overcommit),
            },
            rails: decide::Rails {
                changes_per_minute: self.rails.change_budget_per_minute,
                stale_after: self.rails.stale_after,
                rest_after_raise: self.rails.rest_after_raise,
                rest_after_lower: self.rails.rest_after_lower,
                probation: self.rails.probation,
                rest_after_rollback: self.rails.rest_after_rollback,
                memory_margin: self.rails.memory_margin as f32,
                memory_margin_min: self.rails.memory_margin_min,
                harm: self.rails.harm as f32,
                ledger_entries: self.rails.decisions_max as usize,
            },
            warm: decide::PoolSettings {
                memory: permille(self.pools.memory),
                planner: WarmSettings { step: self.pools.step, lambda: self.pools.lambda, ..WarmSettings::default() },
            },
        }
    }
}

impl Settings {
    /// The knobs that the engine turns: those of workloads, and those of pools.
    fn managed(&self) -> Vec<Resource> {
        let mut managed = self.load.manage.clone();
        if self.pools.enabled {
            managed.extend([Resource::WarmInstances, Resource::FrozenInstances]);
        }
        managed
    }
}

/// A share in thousandths; the checks keep it within 0 and 100.
fn permille(share: f64) -> Permille {
    Permille((share * 1_000.0).round() as u32)
}
