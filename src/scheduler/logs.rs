//! The three log files of a run, named and filled as Ofelia does it (its middlewares/save.go), and the end of old ones.
//!
//! `20261128_020000_backup.stdout.log`, `.stderr.log` and `.json`. Other than Ofelia's, the JSON has the exit code and
//! no environment, and no file shows a secret.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use jiff::ZonedDateTime;
use serde::Serialize;

use crate::error::{Error, Result};
use crate::plan::Job;
use crate::volume::write_whole;

const ENDINGS: [&str; 3] = [".stdout.log", ".stderr.log", ".json"];
/// So many runs of one job at the same second of the clock, which comes twice where the clock goes back.
const SAME_SECOND: u32 = 100;

/// The beginning of the files' paths of one run.
#[derive(Debug, Clone)]
pub(super) struct Names(PathBuf);

impl Names {
    /// Names that no file has yet. The job's name is fit for a file's, as `schedule::file` has seen to.
    pub(super) fn free(folder: &Path, job: &str, begun: &ZonedDateTime) -> Self {
        let base = format!("{}_{job}", begun.strftime("%Y%m%d_%H%M%S"));
        let mut names = Self(folder.join(&base));
        for number in 2..=SAME_SECOND {
            if !ENDINGS.iter().any(|ending| names.path(ending).exists()) {
                break;
            }
            names = Self(folder.join(format!("{base}_{number}")));
        }
        names
    }

    pub(super) fn stdout(&self) -> PathBuf {
        self.path(ENDINGS[0])
    }

    pub(super) fn stderr(&self) -> PathBuf {
        self.path(ENDINGS[1])
    }

    /// Writes what the run was and how it ended.
    pub(super) fn write_summary(&self, summary: &Summary) {
        let path = self.path(ENDINGS[2]);
        let written = serde_json::to_string_pretty(summary)
            .map_err(std::io::Error::from)
            .and_then(|text| write_whole(&path, (text + "\n").as_bytes()));
        if let Err(error) = written {
            tracing::warn!("cannot write {}: {error}", path.display());
        }
    }

    fn path(&self, ending: &str) -> PathBuf {
        let mut path = self.0.clone().into_os_string();
        path.push(ending);
        path.into()
    }
}

/// The JSON file; its keys are Ofelia's, and some more.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Summary {
    pub(super) job: JobSummary,
    pub(super) execution: Execution,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct JobSummary {
    name: String,
    schedule: String,
    /// Without secrets.
    command: String,
}

impl JobSummary {
    pub(super) fn of(job: &Job) -> Self {
        Self {
            name: job.job.name.clone(),
            schedule: job.job.schedule.to_string(),
            command: format!("{} {}", job.command, job.args.join(" ")),
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Execution {
    #[serde(rename = "ID")]
    pub(super) id: String,
    /// When it was due.
    pub(super) scheduled: String,
    /// When it began; RFC 3339.
    pub(super) date: String,
    /// Nanoseconds, as Go has it.
    pub(super) duration: u64,
    pub(super) failed: bool,
    pub(super) exit_code: Option<u8>,
    /// What went wrong, in one line.
    pub(super) error: Option<String>,
}

/// Makes sure that logs can be written to this folder, so that it is known at the start and not at night.
pub(super) fn require(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)
        .and_then(|()| tempfile::tempfile_in(folder))
        .map(drop)
        .map_err(|source| Error::LogFolder {
            folder: folder.to_owned(),
            source,
        })
}

/// Removes the logs of runs, and nothing else, that were written longer than this ago.
pub(super) fn remove_old(folder: &Path, age: Duration, now: SystemTime) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let is_old = || {
            let written = entry.metadata().ok()?.modified().ok()?;
            Some(now.duration_since(written).ok()? > age)
        };
        if is_log(&entry.file_name().to_string_lossy())
            && is_old() == Some(true)
            && let Err(error) = std::fs::remove_file(entry.path())
        {
            tracing::warn!("cannot remove {}: {error}", entry.path().display());
        }
    }
}

/// `20261128_020000_` in front, one of the endings behind.
fn is_log(name: &str) -> bool {
    let shape = name.as_bytes();
    shape.len() > 16
        && shape[..16].iter().enumerate().all(|(at, byte)| match at {
            8 | 15 => *byte == b'_',
            _ => byte.is_ascii_digit(),
        })
        && ENDINGS.iter().any(|ending| name.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use jiff::tz::TimeZone;

    use super::*;

    fn begun() -> ZonedDateTime {
        date(2026, 11, 28)
            .at(2, 0, 0, 0)
            .to_zoned_datetime(TimeZone::UTC)
            .unwrap()
    }

    #[test]
    fn the_names_are_ofelias_and_none_is_taken_twice() {
        let folder = tempfile::tempdir().unwrap();
        let names = || Names::free(folder.path(), "backup", &begun());
        let first = names();
        assert_eq!(
            first.stdout(),
            folder.path().join("20261128_020000_backup.stdout.log")
        );
        std::fs::write(first.stderr(), "").unwrap();
        assert_eq!(
            names().stdout(),
            folder.path().join("20261128_020000_backup_2.stdout.log")
        );
    }

    #[test]
    fn old_logs_go_and_all_else_stays() {
        let folder = tempfile::tempdir().unwrap();
        let all = [
            "20261128_020000_backup.stdout.log",
            "20261128_020000_backup.json",
            "20261128_020000_backup.txt",
            "2026112x_020000_backup.json",
            "notes.json",
            "20261128_020000.json",
        ];
        for name in all {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let left = || {
            let mut names: Vec<_> = std::fs::read_dir(folder.path())
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            names
        };
        let day = Duration::from_hours(24);
        let now = SystemTime::now();
        remove_old(folder.path(), day, now + day / 2);
        assert_eq!(left().len(), all.len(), "they are not a day old");
        remove_old(folder.path(), day, now + day * 2);
        assert_eq!(
            left(),
            [
                "20261128_020000.json",
                "20261128_020000_backup.txt",
                "2026112x_020000_backup.json",
                "notes.json"
            ]
        );
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_told_by_name() {
        let error = require(Path::new("/proc/logs")).unwrap_err();
        assert!(error.to_string().contains("/proc/logs"), "{error}");
    }
}
