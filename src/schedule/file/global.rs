//! `[global]`: what holds for all jobs.

use std::path::PathBuf;
use std::time::Duration;

use super::Refusal;
use super::ini::Section;
use super::keys::{AGES, Keys};

/// What `[global]` says.
#[derive(Default)]
pub(super) struct Global {
    pub(super) save_folder: Option<PathBuf>,
    pub(super) keep_logs_days: Option<u32>,
    pub(super) max_age: Option<Duration>,
}

const KEYS: [&str; 3] = ["save-folder", "keep-logs-days", "max-age"];

/// A hundred years.
const MOST_DAYS: u32 = 36_500;

pub(super) fn read(sections: &[Section], refusals: &mut Vec<Refusal>) -> Global {
    let mut found: Option<usize> = None;
    let mut global = Global::default();
    for section in sections.iter().filter(|section| section.kind == "global") {
        if section.name.is_some() {
            refusals.push(Refusal::new(
                section.line,
                "global takes no name: write [global]",
            ));
        } else if let Some(first) = found {
            refusals.push(Refusal::new(
                section.line,
                format!("[global] stands on line {first} already: put its keys there"),
            ));
        }
        found = found.or(Some(section.line));
        let mut keys = Keys::new(section, &KEYS, refusals);
        let read = Global {
            save_folder: keys.folder("save-folder"),
            keep_logs_days: keys.number("keep-logs-days", 1, MOST_DAYS),
            max_age: keys.duration("max-age", &AGES),
        };
        global = Global {
            save_folder: global.save_folder.or(read.save_folder),
            keep_logs_days: global.keep_logs_days.or(read.keep_logs_days),
            max_age: global.max_age.or(read.max_age),
        };
    }
    global
}
