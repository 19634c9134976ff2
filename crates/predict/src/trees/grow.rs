//! One tree: bins, histograms, and the leaf that gains most is split next.

use super::BoostSettings;

/// The bin of missing values.
const MISSING: u8 = 0;

/// A node: a leaf's value, or where to go.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Node {
    Leaf(f64),
    /// At most `border` (or missing, where `missing_left`) goes left.
    Split {
        feature: u16,
        border: f32,
        missing_left: bool,
        left: u32,
        right: u32,
    },
}

/// A grown tree.
#[derive(Clone, Debug, PartialEq)]
pub struct Tree(Vec<Node>);

impl Tree {
    /// The value of the leaf that `row` falls into.
    pub fn value(&self, row: &[f32]) -> f64 {
        let mut at = 0;
        loop {
            match self.0[at] {
                Node::Leaf(value) => return value,
                Node::Split { feature, border, missing_left, left, right } => {
                    let value = row[usize::from(feature)];
                    let goes_left = if value.is_nan() { missing_left } else { value <= border };
                    at = if goes_left { left } else { right } as usize;
                }
            }
        }
    }

    /// Sets the value of a leaf.
    pub fn set(&mut self, leaf: usize, value: f64) {
        self.0[leaf] = Node::Leaf(value);
    }
}

/// The rows of a fit in bins.
pub struct Grower {
    /// Upper border of each bin but the missing one, by feature.
    borders: Vec<Vec<f32>>,
    /// Feature by feature, a bin per row.
    bins: Vec<Vec<u8>>,
    rows: usize,
    leaves: usize,
    leaf_rows: usize,
}

#[derive(Clone, Copy, Debug)]
struct Split {
    gain: f64,
    feature: usize,
    /// Bins up to this go left.
    bin: u8,
    missing_left: bool,
}

struct Open {
    node: usize,
    members: Vec<u32>,
    split: Option<Split>,
}

impl Grower {
    /// Cuts the features into bins of about equal counts.
    pub fn new<const F: usize>(rows: &[[f32; F]], settings: &BoostSettings) -> Grower {
        let bins_max = settings.bins.clamp(2, 255);
        let (mut borders, mut bins) = (Vec::with_capacity(F), Vec::with_capacity(F));
        for feature in 0..F {
            let mut values: Vec<f32> = rows.iter().map(|row| row[feature]).filter(|value| !value.is_nan()).collect();
            values.sort_by(f32::total_cmp);
            let step = (values.len() as f64 / (bins_max - 1) as f64).max(1.0);
            let mut own: Vec<f32> =
                (1..bins_max).filter_map(|bin| values.get((bin as f64 * step).ceil() as usize - 1).copied()).collect();
            own.extend(values.last());
            own.dedup();
            let bin = |value: f32| match value.is_nan() {
                true => MISSING,
                false => own.partition_point(|&border| border < value).min(own.len().saturating_sub(1)) as u8 + 1,
            };
            bins.push(rows.iter().map(|row| bin(row[feature])).collect());
            borders.push(own);
        }
        Grower { borders, bins, rows: rows.len(), leaves: settings.leaves, leaf_rows: settings.leaf_rows }
    }

    /// Grows a tree on `gradient`; also the leaves (node, rows).
    pub fn grow(&mut self, gradient: &[f64]) -> (Tree, Vec<(usize, Vec<u32>)>) {
        let mut nodes = vec![Node::Leaf(0.0)];
        let all: Vec<u32> = (0..self.rows as u32).collect();
        let split = self.best(&all, gradient);
        let mut open = vec![Open { node: 0, members: all, split }];
        while open.len() < self.leaves {
            let gain = |one: &Open| one.split.map_or(0.0, |split| split.gain);
            let Some(at) = (0..open.len()).max_by(|&a, &b| gain(&open[a]).total_cmp(&gain(&open[b])).then(b.cmp(&a))) else {
                break;
            };
            let Some(split) = open[at].split else { break };
            let Open { node, members, .. } = open.swap_remove(at);
            let bins = &self.bins[split.feature];
            let goes_left = |&row: &u32| match bins[row as usize] {
                MISSING => split.missing_left,
                bin => bin <= split.bin,
            };
            let (left, right): (Vec<u32>, Vec<u32>) = members.into_iter().partition(goes_left);
            nodes[node] = Node::Split {
                feature: split.feature as u16,
                border: self.borders[split.feature][usize::from(split.bin) - 1],
                missing_left: split.missing_left,
                left: nodes.len() as u32,
                right: nodes.len() as u32 + 1,
            };
            for members in [left, right] {
                let split = self.best(&members, gradient);
                open.push(Open { node: nodes.len(), members, split });
                nodes.push(Node::Leaf(0.0));
            }
        }
        (Tree(nodes), open.into_iter().map(|one| (one.node, one.members)).collect())
    }

    /// The split that gains most: `sum²/count` of both sides less that of the whole.
    fn best(&self, members: &[u32], gradient: &[f64]) -> Option<Split> {
        if members.len() < 2 * self.leaf_rows {
            return None;
        }
        let total: f64 = members.iter().map(|&row| gradient[row as usize]).sum();
        let count = members.len() as f64;
        let mut best = Split { gain: 1e-9, feature: 0, bin: 0, missing_left: false };
        for (feature, bins) in self.bins.iter().enumerate() {
            let mut sums = [(0.0, 0_u32); 256];
            for &row in members {
                let cell = &mut sums[usize::from(bins[row as usize])];
                cell.0 += gradient[row as usize];
                cell.1 += 1;
            }
            let missing = sums[usize::from(MISSING)];
            for missing_left in [false, true] {
                if missing_left && missing.1 == 0 {
                    continue;
                }
                let (mut sum, mut rows) = if missing_left { missing } else { (0.0, 0) };
                // The last bin to the left may be the last of all only where the missing stand alone on the right.
                let present = sums.iter().enumerate().take(self.borders[feature].len() + 1).skip(1);
                for (bin, (bin_sum, bin_rows)) in present {
                    sum += bin_sum;
                    rows += bin_rows;
                    let right = members.len() as u32 - rows;
                    if (rows as usize) < self.leaf_rows || (right as usize) < self.leaf_rows {
                        continue;
                    }
                    let gain =
                        sum * sum / f64::from(rows) + (total - sum).powi(2) / f64::from(right) - total * total / count;
                    if gain > best.gain {
                        best = Split { gain, feature, bin: bin as u8, missing_left };
                    }
                }
            }
        }
        Some(best).filter(|best| best.bin > 0)
    }
}
