//! The sources of samples: histories of jobs that share some fields with the new one, each read in some way.

use std::collections::VecDeque;

use super::cloud::{Cloud, Sample};
use super::facts::{CPUS, Facts, GROUP, INPUT, Kin, MACHINE, MEMORY, NAME, Past, QUANTITIES, Quantity, TAIL, TIME, USER};

/// Jobs that a context remembers.
pub const HISTORY_MAX: usize = 96;
/// Kernels are at least so wide, in logarithms, by quantity: memory repeats to the percent, run times do not. Of one sample
/// it is [`WIDTH_FEW`] more, falling with their number.
const WIDTH_MIN: [f64; QUANTITIES] = [0.006, 0.03, 0.02];
const WIDTH_FEW: f64 = 0.02;
/// The same where other processes speak for this one: what carries over is the order of magnitude.
const WIDTH_OTHERS: f64 = 0.3;
/// A line needs so many points.
const LINE_POINTS: usize = 4;

/// How a history is read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reading {
    /// As it is; the weight halves every so many jobs back.
    Recent(f64),
    /// As shares of what was asked for; the weight halves every so many jobs back.
    Share(f64),
    /// Those with about the same input, within a kernel of so many logarithms.
    Near(f64),
    /// Along a line through (input, need), both as logarithms, with the errors of the past.
    Line,
    /// Those whose predecessor was about the same.
    Kin,
    /// Along a line through (what the predecessor wrote, need).
    KinLine,
}

/// A source: which fields must agree, and how the jobs that agree are read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Source {
    /// Fields that make the context.
    pub mask: u16,
    /// How it is read.
    pub reading: Reading,
    /// What it is called in reasons.
    pub name: &'static str,
    /// Its first score in the gate.
    pub score: f64,
}

const fn source(mask: u16, reading: Reading, score: f64, name: &'static str) -> Source {
    Source { mask, reading, name, score }
}

const PROCESS: u16 = GROUP | NAME;

/// All of them, from the most to the least specific.
pub const SOURCES: [Source; 40] = [
    source(PROCESS, Reading::Recent(1.5), 0.5, "last runs of the process"),
    source(PROCESS, Reading::Recent(8.0), 1.0, "recent runs of the process"),
    source(PROCESS, Reading::Recent(60.0), 1.5, "runs of the process"),
    source(PROCESS, Reading::Share(30.0), 0.0, "share of the request, same process"),
    source(PROCESS, Reading::Near(0.02), 1.5, "same process, same input size"),
    source(PROCESS, Reading::Near(0.25), 1.5, "same process, similar input size"),
    source(PROCESS, Reading::Line, 1.0, "line over input size"),
    source(PROCESS, Reading::Kin, 1.0, "same process after a similar predecessor"),
    source(PROCESS, Reading::KinLine, 1.0, "line over what the predecessor wrote"),
    source(PROCESS | MACHINE, Reading::Recent(10.0), 1.0, "same process and machine"),
    source(PROCESS | MACHINE, Reading::Near(0.05), 1.5, "same process, machine and input size"),
    source(PROCESS | MACHINE, Reading::Line, 1.0, "line over input size on the machine"),
    source(PROCESS | CPUS, Reading::Recent(20.0), 0.5, "same process and cores"),
    source(PROCESS | INPUT, Reading::Recent(20.0), 1.0, "same process and input"),
    source(PROCESS | MACHINE | INPUT, Reading::Recent(20.0), 1.5, "same process, machine and input"),
    source(PROCESS | USER, Reading::Recent(8.0), 1.0, "same process and user"),
    source(TAIL, Reading::Recent(20.0), 0.0, "same program"),
    source(TAIL, Reading::Near(0.25), 0.0, "same program, similar input size"),
    source(TAIL, Reading::Share(20.0), -0.5, "share of the request, same program"),
    source(TAIL | MACHINE, Reading::Near(0.25), 0.0, "same program and machine, similar input size"),
    source(USER, Reading::Recent(1.5), 0.5, "last jobs of the user"),
    source(USER, Reading::Recent(12.0), 0.5, "jobs of the user"),
    source(USER, Reading::Share(12.0), 0.5, "share of the request, same user"),
    source(USER | CPUS, Reading::Recent(1.5), 0.5, "last jobs of the user, same cores"),
    source(USER | CPUS, Reading::Recent(12.0), 0.5, "jobs of the user, same cores"),
    source(USER | TIME, Reading::Recent(1.5), 0.5, "last jobs of the user, same time asked for"),
    source(USER | TIME, Reading::Recent(12.0), 0.5, "jobs of the user, same time asked for"),
    source(USER | CPUS | TIME, Reading::Recent(1.5), 1.0, "last jobs of the user like this one"),
    source(USER | CPUS | TIME, Reading::Recent(12.0), 1.0, "jobs of the user like this one"),
    source(USER | MACHINE, Reading::Recent(1.5), 0.5, "last jobs of the user on the machine"),
    source(USER | MACHINE, Reading::Recent(12.0), 0.5, "jobs of the user on the machine"),
    source(USER | MEMORY, Reading::Recent(12.0), 0.5, "jobs of the user, same memory asked for"),
    source(GROUP | MACHINE, Reading::Recent(12.0), 0.0, "jobs of the group on the machine"),
    source(GROUP | MEMORY, Reading::Share(40.0), -1.0, "share of the request, same group and memory asked for"),
    source(MEMORY | TIME | CPUS, Reading::Recent(40.0), -1.5, "jobs that asked for the same"),
    source(TIME, Reading::Recent(40.0), -1.5, "jobs that asked for the same time"),
    source(GROUP, Reading::Near(0.25), -1.0, "jobs of the group, similar input size"),
    source(GROUP, Reading::Recent(60.0), -1.0, "jobs of the group"),
    source(0, Reading::Share(60.0), -1.5, "share of the request, all jobs"),
    source(0, Reading::Recent(60.0), -2.0, "all jobs"),
];

/// Reads `history`, oldest first, for a job with `facts`. `None` where it says nothing.
pub fn read(history: &VecDeque<Past>, source: &Source, facts: &Facts, quantity: Quantity) -> Option<Cloud> {
    let which = quantity as usize;
    let reading = source.reading;
    let aged = |half_life: f64, back: usize| 0.5_f64.powf(back as f64 / half_life);
    let known = || history.iter().rev().enumerate().filter_map(move |(back, past)| Some((back, past, past.needed[which]?)));
    let samples: Vec<Sample> = match reading {
        Reading::Recent(half_life) => {
            known().map(|(back, past, log)| Sample { log, weight: aged(half_life, back), seconds: past.seconds }).collect()
        }
        Reading::Share(half_life) => {
            let asked = facts.asked[which]?;
            let share = |(back, past, log): (usize, &Past, f64)| {
                let log = asked + log - past.asked[which]?;
                Some(Sample { log, weight: aged(half_life, back), seconds: past.seconds })
            };
            known().filter_map(share).collect()
        }
        Reading::Near(width) => {
            let input = facts.input?;
            let near = |(back, past, log): (usize, &Past, f64)| {
                let weight = (-(past.input? - input).abs() / width).exp() * aged(200.0, back);
                Some(Sample { log, weight, seconds: past.seconds }).filter(|_| weight > 1e-3)
            };
            known().filter_map(near).collect()
        }
        Reading::Line => {
            let points = known().filter_map(|(_, past, log)| Some((past.input?, log, past.seconds)));
            along_line(points.collect(), facts.input?)?
        }
        Reading::Kin => {
            let kin = facts.kin?;
            let pasts: Vec<(Kin, f64, f64)> =
                known().filter_map(|(_, past, log)| Some((past.kin?, log, past.seconds))).collect();
            near_kin(&pasts, &kin)
        }
        Reading::KinLine => {
            let points = known().filter_map(|(_, past, log)| Some((past.kin?[0], log, past.seconds)));
            along_line(points.collect(), facts.kin?[0])?
        }
    };
    let others = facts.is_named() && source.mask & NAME == 0;
    let width = if others { WIDTH_OTHERS } else { WIDTH_MIN[which] + WIDTH_FEW / samples.len().max(1) as f64 };
    let cloud = Cloud::new(samples, width);
    Some(cloud).filter(|cloud| !cloud.is_empty())
}

/// The need at `x` on the least-squares line through `points` (x, need, seconds), once with the error of each point.
fn along_line(points: Vec<(f64, f64, f64)>, x: f64) -> Option<Vec<Sample>> {
    let count = points.len() as f64;
    if points.len() < LINE_POINTS {
        return None;
    }
    let mean_x = points.iter().map(|point| point.0).sum::<f64>() / count;
    let mean_y = points.iter().map(|point| point.1).sum::<f64>() / count;
    let xx: f64 = points.iter().map(|point| (point.0 - mean_x).powi(2)).sum();
    let xy: f64 = points.iter().map(|point| (point.0 - mean_x) * (point.1 - mean_y)).sum();
    // A little ridge: a line through inputs that hardly differ would be steep by chance.
    let slope = xy / (xx + 0.05 * count.sqrt());
    // Beyond what was seen the line is followed for a factor of e only.
    let low = points.iter().map(|point| point.0).fold(f64::INFINITY, f64::min) - 1.0;
    let high = points.iter().map(|point| point.0).fold(f64::NEG_INFINITY, f64::max) + 1.0;
    let at = mean_y + slope * (x.clamp(low, high) - mean_x);
    let moved = |&(x, y, seconds): &(f64, f64, f64)| {
        let error = y - (mean_y + slope * (x - mean_x));
        Sample { log: at + error, weight: 1.0, seconds }
    };
    Some(points.iter().map(moved).collect())
}

/// Samples by the likeness of their predecessors; each feature counts in units of its spread.
fn near_kin(pasts: &[(Kin, f64, f64)], kin: &Kin) -> Vec<Sample> {
    let count = pasts.len().max(1) as f64;
    let scale: Kin = std::array::from_fn(|at| {
        let mean = pasts.iter().map(|past| past.0[at]).sum::<f64>() / count;
        (pasts.iter().map(|past| (past.0[at] - mean).powi(2)).sum::<f64>() / count).sqrt().max(0.02)
    });
    let sample = |&(other, log, seconds): &(Kin, f64, f64)| {
        let apart: f64 = (0..kin.len()).map(|at| ((other[at] - kin[at]) / scale[at]).powi(2)).sum::<f64>().sqrt();
        Sample { log, weight: (-4.0 * apart).exp().max(1e-6), seconds }
    };
    pasts.iter().map(sample).collect()
}
