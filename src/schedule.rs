//! When jobs run: the file that Ofelia reads, its schedules as times, and what a job has to do at a given time.
//!
//! Pure: nothing here reads a clock or a file or starts anything; time, zone and records come in as parameters. The
//! file is read as Ofelia reads it, with the one difference that what cannot be kept is refused, all of it at once and
//! by line; the schedules are those of Ofelia's cron library (robfig/cron v3).

mod calendar;
pub mod cron;
pub mod file;
pub mod timetable;

pub use cron::Schedule;
pub use file::{Job, Kind, Plan, Refusal};
pub use timetable::{Due, Missed, Timetable};

/// A piece of somebody's text in a sentence of ours: on one line, and not longer than the sentence.
pub(crate) fn shown(text: &str) -> String {
    const LONGEST: usize = 40;
    let mut shown: String = text
        .chars()
        .take(LONGEST)
        .map(|c| if c.is_control() { '?' } else { c })
        .collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push_str("...");
    }
    shown
}

#[cfg(test)]
mod tests;
