//! A plot of the report: axes on a fixed canvas, drawn as inline SVG.

use std::fmt::Write;

/// Canvas and margins, in SVG units.
const LEFT: f64 = 52.0;
const RIGHT: f64 = 26.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 40.0;

/// How data becomes a place on an axis.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    low: f64,
    high: f64,
    logarithmic: bool,
}

impl Axis {
    pub fn linear(low: f64, high: f64) -> Axis {
        Axis { low, high: if high > low { high } else { low + 1.0 }, logarithmic: false }
    }
    pub fn logarithmic(low: f64, high: f64) -> Axis {
        Axis { low, high, logarithmic: true }
    }
    /// 0 at the low end, 1 at the high end.
    fn share(&self, value: f64) -> f64 {
        let share = match self.logarithmic {
            true => (value / self.low).ln() / (self.high / self.low).ln(),
            false => (value - self.low) / (self.high - self.low),
        };
        share.clamp(0.0, 1.0)
    }
    /// About five round values.
    pub fn ticks(&self) -> Vec<f64> {
        let rough = (self.high - self.low) / 5.0;
        let power = 10_f64.powf(rough.log10().floor());
        let factor = [1.0, 2.0, 5.0, 10.0].into_iter().find(|factor| factor * power >= rough).unwrap_or(10.0);
        let step = factor * power;
        let first = (self.low / step).ceil() as i64;
        let last = (self.high / step).floor() as i64;
        (first..=last).map(|tick| tick as f64 * step).collect()
    }
}

/// A plot under construction.
pub(super) struct Plot {
    svg: String,
    width: f64,
    height: f64,
    x: Axis,
    y: Axis,
}

impl Plot {
    /// Frame, grid and labels. `label` is read by screen readers.
    pub fn new(size: (f64, f64), x: Axis, y: Axis, label: &str) -> Plot {
        let (width, height) = size;
        let mut plot = Plot { svg: String::new(), width, height, x, y };
        plot.push(format_args!("<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{}\">", escaped(label)));
        plot
    }

    pub fn x_ticks(&mut self, ticks: &[(f64, String)], title: &str) {
        let bottom = self.height - BOTTOM;
        for (value, text) in ticks {
            let x = self.at_x(*value);
            self.push(format_args!("<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{bottom}\"/>"));
            let y = bottom + 15.0;
            self.push(format_args!("<text x=\"{x:.1}\" y=\"{y}\" text-anchor=\"middle\">{}</text>", escaped(text)));
        }
        let (x, y) = ((LEFT + self.width - RIGHT) / 2.0, self.height - 6.0);
        self.push(format_args!(
            "<text class=\"title\" x=\"{x}\" y=\"{y}\" text-anchor=\"middle\">{}</text>",
            escaped(title)
        ));
    }

    pub fn y_ticks(&mut self, ticks: &[(f64, String)], title: &str) {
        let right = self.width - RIGHT;
        for (value, text) in ticks {
            let y = self.at_y(*value);
            self.push(format_args!("<line class=\"grid\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>"));
            let (x, y) = (LEFT - 6.0, y + 4.0);
            self.push(format_args!("<text x=\"{x}\" y=\"{y:.1}\" text-anchor=\"end\">{}</text>", escaped(text)));
        }
        let y = (TOP + self.height - BOTTOM) / 2.0;
        self.push(format_args!(
            "<text class=\"title\" x=\"12\" y=\"{y}\" text-anchor=\"middle\" transform=\"rotate(-90 12 {y})\">{}</text>",
            escaped(title)
        ));
    }

    /// A polyline through `points`; `class` and `style` as in the style sheet.
    pub fn line(&mut self, points: impl Iterator<Item = (f64, f64)>, class: &str, style: &str) {
        let mut path = String::new();
        for (x, y) in points {
            let sign = if path.is_empty() { 'M' } else { 'L' };
            write!(path, "{sign}{:.1} {:.1}", self.at_x(x), self.at_y(y)).expect("writing to a string does not fail");
        }
        self.push(format_args!("<path class=\"{class}\" style=\"{style}\" d=\"{path}\"/>"));
    }

    /// A dot with a tooltip.
    pub fn dot(&mut self, x: f64, y: f64, class: &str, tip: &str) {
        let (x, y) = (self.at_x(x), self.at_y(y));
        self.push(format_args!(
            "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\"><title>{}</title></circle>",
            escaped(tip)
        ));
    }

    pub fn finish(mut self) -> String {
        self.svg.push_str("</svg>");
        self.svg
    }

    /// How many pixels wide the inner area is.
    pub fn columns(&self) -> usize {
        (self.width - LEFT - RIGHT) as usize
    }

    fn at_x(&self, value: f64) -> f64 {
        LEFT + self.x.share(value) * (self.width - LEFT - RIGHT)
    }
    fn at_y(&self, value: f64) -> f64 {
        self.height - BOTTOM - self.y.share(value) * (self.height - TOP - BOTTOM)
    }
    fn push(&mut self, text: std::fmt::Arguments<'_>) {
        self.svg.write_fmt(text).expect("writing to a string does not fail");
    }
}

/// `text` fit for HTML content and attributes.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A number for a tick, in few digits.
pub(super) fn short(value: f64) -> String {
    const UNITS: [(f64, &str); 4] = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
    for (size, name) in UNITS {
        if value.abs() >= size * 0.9999 {
            return format!("{}{name}", trimmed(value / size));
        }
    }
    trimmed(value)
}

fn trimmed(value: f64) -> String {
    let digits = if value == 0.0 { 0 } else { (2 - value.abs().log10().floor() as i32).clamp(0, 8) as usize };
    let text = format!("{value:.digits$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_short() {
        assert_eq!(Axis::linear(0.0, 100.0).ticks(), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        let ticks: Vec<String> = Axis::linear(0.0, 2.6e9).ticks().into_iter().map(short).collect();
        assert_eq!(ticks, ["0", "1G", "2G"]);
        assert_eq!([0.05, 1.0, 12.5, 1_500.0, 100.0].map(short), ["0.05", "1", "12.5", "1.5k", "100"]);
    }
}
