//! The shared GRU's inputs, states and outputs of all series, side by side, so that one pass steps them all.

use predict::recurrent::{FEATURES, QUANTILES, Weights, step_batch};

/// Rows are handed out to series and taken back when their target ends.
#[derive(Clone, Debug, Default)]
pub struct Bank {
    weights: Option<Weights>,
    states: Vec<f32>,
    outputs: Vec<f32>,
    free: Vec<u32>,
    rows: u32,
}

impl Bank {
    /// New weights: states start afresh, since they mean nothing to other weights. Weights with other inputs are refused.
    pub fn load(&mut self, weights: Weights) -> bool {
        if weights.inputs() != FEATURES {
            return false;
        }
        self.states = vec![0.0; self.rows as usize * weights.hidden()];
        self.weights = Some(weights);
        true
    }

    /// Whether there are weights.
    pub fn is_loaded(&self) -> bool {
        self.weights.is_some()
    }

    /// Makes room for `rows` more.
    pub fn reserve(&mut self, rows: usize) {
        let rows = rows.saturating_sub(self.free.len());
        self.outputs.reserve(rows * QUANTILES);
        if let Some(weights) = &self.weights {
            self.states.reserve(rows * weights.hidden());
        }
    }

    /// A row for a series.
    pub fn take_row(&mut self) -> u32 {
        let row = self.free.pop().unwrap_or_else(|| {
            self.rows += 1;
            self.rows - 1
        });
        let rows = self.rows as usize;
        self.outputs.resize(rows * QUANTILES, 0.0);
        if let Some(weights) = &self.weights {
            let hidden = weights.hidden();
            self.states.resize(rows * hidden, 0.0);
            self.states[row as usize * hidden..(row as usize + 1) * hidden].fill(0.0);
        }
        row
    }

    /// Takes a row back.
    pub fn free_row(&mut self, row: u32) {
        self.free.push(row);
    }

    /// Steps all rows once, on the given inputs; rows that are not named see zeros. The inputs live only as long as the step.
    pub fn step(&mut self, named: &[(u32, [f32; FEATURES])]) {
        let Some(weights) = &self.weights else { return };
        let mut inputs = vec![0.0; self.rows as usize * FEATURES];
        for (row, input) in named {
            if let Some(place) = inputs.get_mut(*row as usize * FEATURES..).and_then(|rest| rest.first_chunk_mut()) {
                *place = *input;
            }
        }
        step_batch(weights, &inputs, &mut self.states, &mut self.outputs);
    }

    /// The output of a row; `None` while there are no weights.
    pub fn output(&self, row: u32) -> Option<&[f32; QUANTILES]> {
        self.weights.as_ref()?;
        self.outputs.get(row as usize * QUANTILES..)?.first_chunk()
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        (self.states.capacity() + self.outputs.capacity()) * size_of::<f32>()
    }
}
