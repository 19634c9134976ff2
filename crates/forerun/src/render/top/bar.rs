//! One bar for use, coming peak and limit of a metric: `███▒▒▒··│··`.

/// What a bar shows, all in one unit.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    /// In use now.
    pub used: Option<f64>,
    /// The 99 % quantile of the coming peak.
    pub ahead: Option<f64>,
    /// The limit; absent when unlimited.
    pub limit: Option<f64>,
}

/// The bar: filled up to use, hatched up to the coming peak, a stroke at the limit. The scale ends a little beyond the
/// largest of the three.
pub fn bar(figures: Figures, width: usize) -> String {
    let Figures { used, ahead, limit } = figures;
    let largest = [used, ahead, limit].into_iter().flatten().fold(0.0, f64::max);
    if largest <= 0.0 || width == 0 {
        return "·".repeat(width);
    }
    let scale = largest * 1.05;
    let cells = |value: Option<f64>| value.map_or(0, |value| ((value / scale * width as f64).round() as usize).min(width));
    let (filled, hatched) = (cells(used), cells(ahead));
    let stroke = limit.map(|_| cells(limit).min(width - 1));
    let cell = |index| match index {
        index if Some(index) == stroke => '│',
        index if index < filled => '█',
        index if index < hatched => '▒',
        _ => '·',
    };
    (0..width).map(cell).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_show_use_peak_and_limit() {
        let figures = |used, ahead, limit| Figures { used, ahead, limit };
        let cases = [
            (figures(Some(0.5), Some(0.8), Some(1.0)), "█████▒▒▒·│"),
            (figures(Some(1.0), Some(0.5), None), "██████████"),
            (figures(Some(0.1), None, Some(1.0)), "█········│"),
            (figures(None, None, None), "··········"),
            (figures(Some(0.0), None, None), "··········"),
        ];
        for (figures, expected) in cases {
            assert_eq!(bar(figures, 10), expected, "{figures:?}");
        }
    }
}
