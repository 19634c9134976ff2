//! A trace as the scorer of sessions sees it: who acted when.

use std::collections::BTreeMap;

use model::WallTime;

use crate::trace::Arrival;

/// One user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PopulationUser {
    /// The name.
    pub name: String,
    /// When the user acted, in order; at least one.
    pub acts: Vec<WallTime>,
}

/// All users of a trace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Population {
    /// By name.
    pub users: Vec<PopulationUser>,
    /// All acts as (when, place in `users`), in order.
    pub acts: Vec<(WallTime, usize)>,
}

impl Population {
    /// Reads arrivals per user: the `user` column where it says who, else the unit. How long a request ran does not matter: a
    /// session is wanted by the person who asks, not by the job that was asked for. Arrivals of nobody are left out.
    pub fn from_arrivals(arrivals: &[Arrival]) -> Population {
        let mut by_user: BTreeMap<&str, Vec<WallTime>> = BTreeMap::new();
        for one in arrivals {
            if let Some(name) = one.user.as_deref().or(one.unit.as_deref()) {
                by_user.entry(name).or_default().push(WallTime::from_unix_millis((one.at_s * 1_000.0) as i64));
            }
        }
        let mut made = Population::default();
        for (name, mut acts) in by_user {
            acts.sort_unstable();
            made.acts.extend(acts.iter().map(|&at| (at, made.users.len())));
            made.users.push(PopulationUser { name: name.to_owned(), acts });
        }
        made.acts.sort_unstable();
        made
    }

    /// The first and the last act; `None` of nobody.
    pub fn bounds(&self) -> Option<(WallTime, WallTime)> {
        Some((self.acts.first()?.0, self.acts.last()?.0))
    }

    /// From when on is scored: the middle of the trace.
    pub fn scored_from(&self) -> WallTime {
        let (first, last) = self.bounds().unwrap_or_default();
        WallTime::from_unix_millis(first.unix_millis().midpoint(last.unix_millis()))
    }

    /// Days that users were known for in the scored part, summed over users.
    pub fn user_days(&self) -> f64 {
        let Some((_, last)) = self.bounds() else { return 0.0 };
        let from = self.scored_from();
        let known = self.users.iter().map(|user| last.unix_millis() - user.acts[0].max(from).unix_millis());
        known.map(|millis| millis as f64).sum::<f64>() / 86_400_000.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrival(at_s: f64, unit: Option<&str>, user: Option<&str>) -> Arrival {
        Arrival { at_s, unit: unit.map(str::to_owned), user: user.map(str::to_owned), duration: None, memory: None }
    }

    #[test]
    fn users_come_from_the_user_column_or_else_the_unit() {
        let day = 86_400.0;
        let population = Population::from_arrivals(&[
            arrival(0.0, Some("m"), Some("b")),
            arrival(1.0 * day, Some("a"), None),
            arrival(2.0 * day, None, None),
            arrival(3.0 * day, Some("m"), Some("b")),
            arrival(4.0 * day, Some("x"), Some("c")),
        ]);
        let names: Vec<&str> = population.users.iter().map(|user| user.name.as_str()).collect();
        assert_eq!(names, ["a", "b", "c"]);
        assert_eq!(population.users[1].acts.len(), 2);
        assert_eq!(population.scored_from().unix_secs(), 2 * 86_400);
        // a and b are known throughout the last two days, c appears at the very end.
        assert!((population.user_days() - 4.0).abs() < 1e-9);
        assert_eq!(Population::from_arrivals(&[]).user_days(), 0.0);
    }
}
