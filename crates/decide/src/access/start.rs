//! What a start is about to touch: the extents of its working set that pay.

use predict::sequence::WorkingSet;

use super::planner::{AccessBecause, AccessSettings, Prestage, SourceSpec, figures, threshold};

/// What to bring in for a start of a program whose last runs are known, in the order of first touch: each extent whose share of
/// runs passes the one rule. Empty where no run is known.
pub fn plan_start(settings: &AccessSettings, spec: &SourceSpec, known: &WorkingSet) -> Vec<Prestage> {
    let lambda = settings.lambda * spec.price;
    let offers = known.expected(0.0).into_iter().map(|extent| {
        let figures = figures(settings, spec, extent.length, extent.share);
        let threshold = threshold(&figures, lambda);
        let because = AccessBecause { figures, lambda, threshold, gain: f64::from(extent.share) * lambda - threshold };
        Prestage { key: extent.key, length: extent.length, chance: extent.share, because }
    });
    offers.filter(|offer| f64::from(offer.chance) >= offer.because.threshold).collect()
}

#[cfg(test)]
mod tests {
    use model::Bytes;
    use predict::sequence::Touch;

    use super::super::storage::Storage;
    use super::*;

    #[test]
    fn what_most_runs_touched_is_brought_in_and_what_few_did_is_not() {
        let mut known = WorkingSet::default();
        for run in 0..8u64 {
            let keys = [7, 3, 1_000 + run].map(|key| Touch { key, length: 2, kind: 0 });
            known.learn(&keys);
        }
        let spec = SourceSpec { ordered: true, block: Bytes(4_096), storage: Storage::DISK, price: 1.0 };
        let plan = |lambda| plan_start(&AccessSettings { lambda, ..AccessSettings::default() }, &spec, &known);
        assert_eq!(plan(1.0).iter().map(|stage| (stage.key, stage.chance)).collect::<Vec<_>>(), [(7, 1.0), (3, 1.0)]);
        // Waiting that is worth more than twice as much pays for one run in eight too.
        assert_eq!(plan(2.1).len(), 10);
        assert!(plan(0.2).is_empty());
        assert!(plan_start(&AccessSettings::default(), &spec, &WorkingSet::default()).is_empty());
    }
}
