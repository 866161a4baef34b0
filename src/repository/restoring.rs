//! `restic restore` and `restic ls`, for their figures: both speak JSON, whose messages are those of its documentation
//! ("Scripting", 0.18).

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::SystemTime;

use serde::Deserialize;

use super::findings::PANIC;
use super::{Findings, Repository};
use crate::error::{Error, Result};
use crate::grace::Grace;
use crate::log::say;
use crate::restore::{Failure, Failures};
use crate::supervise::{Interrupts, Output, Redactor, stream};

/// So many failures are told; the rest is counted.
const NAMED: usize = 10;

/// What becomes of a file that is there already, in restic's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Overwrite {
    /// It becomes the snapshot's.
    Always,
    /// The same, where its size or time is another one.
    IfChanged,
    /// The same, where the snapshot's is newer.
    IfNewer,
    /// It stays.
    Never,
}

impl Overwrite {
    /// Whether a file may stay that is not the snapshot's.
    #[must_use]
    pub fn keeps(self) -> bool {
        matches!(self, Self::IfNewer | Self::Never)
    }

    /// restic's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::IfChanged => "if-changed",
            Self::IfNewer => "if-newer",
            Self::Never => "never",
        }
    }
}

/// What is restored, and where to.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The snapshot's id.
    pub snapshot: String,
    /// Files and directories as they were backed up; none stands for all.
    pub paths: Vec<String>,
    /// The root below which they come.
    pub target: PathBuf,
    /// What becomes of what is there.
    pub overwrite: Overwrite,
    /// Wait this long for a lock.
    pub lock_wait: Option<&'static str>,
}

/// What a restore has done, or would do: files, folders and links together, as restic counts them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Amount {
    /// How many are restored.
    pub files_restored: u64,
    /// How many bytes they have.
    pub bytes_restored: u64,
    /// How many there are.
    pub total_files: u64,
    /// How many bytes they have.
    pub total_bytes: u64,
    /// How many were there already, and stay.
    pub files_skipped: u64,
    /// How many bytes those have.
    pub bytes_skipped: u64,
}

/// Hears of the figures as they grow.
pub type Progress<'a> = &'a mut dyn FnMut(Amount);

/// A message of `restic restore --json`.
#[derive(Deserialize)]
#[serde(tag = "message_type", rename_all = "snake_case")]
enum Message {
    Status(Amount),
    Summary(Amount),
    Error {
        error: Text,
        #[serde(default)]
        item: String,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Text {
    message: String,
}

/// A line of `restic ls --json`.
#[derive(Deserialize)]
struct Node {
    path: String,
}

impl Plan {
    fn args(&self, dry_run: bool) -> Vec<OsString> {
        let mut args: Vec<OsString> = ["restore", "--json", "--overwrite", self.overwrite.as_str()]
            .map(OsString::from)
            .into();
        if dry_run {
            args.push("--dry-run".into());
        }
        if let Some(wait) = self.lock_wait {
            args.push(format!("--retry-lock={wait}").into());
        }
        args.extend(["--target".into(), self.target.clone().into_os_string()]);
        for path in &self.paths {
            args.extend(["--include".into(), literally(path).into()]);
        }
        args.push(self.snapshot.clone().into());
        args
    }
}

impl Repository<'_> {
    /// Says what a restore would do, and what it could not; does nothing.
    pub async fn would_restore(
        &self,
        plan: &Plan,
        redactor: &Redactor,
        interrupts: &mut Interrupts,
    ) -> Result<(Amount, Failures)> {
        self.restoring(plan.args(true), redactor, interrupts, &mut |_| ())
            .await
    }

    /// Restores; says what, and what could not be restored.
    pub async fn restore(
        &self,
        plan: &Plan,
        redactor: &Redactor,
        interrupts: &mut Interrupts,
        progress: Progress<'_>,
    ) -> Result<(Amount, Failures)> {
        self.restoring(plan.args(false), redactor, interrupts, progress)
            .await
    }

    /// Those of the paths that are not in the snapshot.
    pub async fn missing(
        &self,
        snapshot: &str,
        paths: &[String],
        redactor: &Redactor,
        interrupts: &mut Interrupts,
    ) -> Result<Vec<String>> {
        let mut missing: BTreeSet<&str> = paths.iter().map(String::as_str).collect();
        let args = ["ls", "--json", "--no-lock", snapshot].into_iter();
        let args = args.chain(paths.iter().map(String::as_str));
        let mut look = |line: &str| {
            if let Ok(node) = serde_json::from_str::<Node>(line) {
                missing.remove(node.path.as_str());
            }
        };
        self.unseen(
            args.map(OsString::from).collect(),
            redactor,
            interrupts,
            &mut look,
        )
        .await?;
        Ok(missing.into_iter().map(str::to_owned).collect())
    }

    async fn restoring(
        &self,
        args: Vec<OsString>,
        redactor: &Redactor,
        interrupts: &mut Interrupts,
        progress: Progress<'_>,
    ) -> Result<(Amount, Failures)> {
        let mut amount = Amount::default();
        let mut failures = Failures::default();
        // restic tells the same of one file again and again, where it is a large one.
        let mut failed = BTreeSet::new();
        let mut look = |line: &str| match serde_json::from_str(line) {
            Ok(Message::Status(so_far)) => progress(so_far),
            Ok(Message::Summary(all)) => amount = all,
            Ok(Message::Error { error, item }) => {
                let mut hasher = DefaultHasher::new();
                item.hash(&mut hasher);
                if failed.insert(hasher.finish()) && failures.named.len() < NAMED {
                    failures.named.push(Failure {
                        path: redactor.text(&item),
                        reason: redactor.text(&error.message),
                    });
                }
                failures.count = failed.len();
            }
            Ok(Message::Other) | Err(_) => (),
        };
        let end = self.unseen(args, redactor, interrupts, &mut look).await;
        match end {
            Err(Error::Restic { code: 1, .. }) if failures.count > 0 => Ok((amount, failures)),
            end => end.map(|()| (amount, failures)),
        }
    }

    /// Runs restic and shows its messages to `look`; what it says beside them to the user, without secrets.
    ///
    /// The messages are as they are: a path may have in it what is a secret elsewhere, and has to be known again.
    async fn unseen(
        &self,
        args: Vec<OsString>,
        redactor: &Redactor,
        interrupts: &mut Interrupts,
        look: &mut dyn FnMut(&str),
    ) -> Result<()> {
        let mut findings = Findings::default();
        // The figures may stand on this line.
        let clear = if std::io::stdout().is_terminal() {
            "\r\x1b[2K"
        } else {
            ""
        };
        let mut has_crashed = false;
        let mut both = |line: &str| {
            // The errors of single files are the caller's: there they are no files that could not be read.
            if !line.starts_with("{\"message_type\":\"error\"") {
                findings.read(&redactor.text(line));
            }
            has_crashed |= line.starts_with(PANIC);
            if line.starts_with('{') {
                look(line);
            } else if !has_crashed {
                // What it says beside its messages: that a request is tried again, for one.
                say(format_args!("{clear}restic: {}", redactor.text(line)));
            }
        };
        let begun = SystemTime::now();
        let streamed = stream(
            &self.invocation(args),
            &mut Redactor::new([]),
            interrupts,
            Grace::new(self.settings.stop_grace).restic(),
            &mut Output::unseen(&mut both),
            None,
        )
        .await?;
        self.complained(findings.judge(&streamed), begun)
    }
}

/// A path as a pattern of restic's that matches it alone (Go's `filepath.Match`).
#[must_use]
pub fn literally(path: &str) -> String {
    let mut pattern = String::with_capacity(path.len());
    for character in path.chars() {
        if matches!(character, '\\' | '*' | '?' | '[') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_with_signs_of_patterns_matches_itself_alone() {
        assert_eq!(literally(r"/a/[b]*?\c]"), r"/a/\[b]\*\?\\c]");
    }

    #[test]
    fn the_messages_of_restic_are_read() {
        let summary = r#"{"message_type":"summary","total_files":7,"files_restored":5,"files_skipped":5,"bytes_skipped":3000008}"#;
        let Ok(Message::Summary(amount)) = serde_json::from_str(summary) else {
            panic!("a summary")
        };
        assert_eq!(
            (amount.files_restored, amount.bytes_skipped),
            (5, 3_000_008)
        );
        let status = r#"{"message_type":"status","percent_done":0.8691400397586788,"total_files":9,"files_restored":3,"total_bytes":303000008,"bytes_restored":263349439}"#;
        let Ok(Message::Status(amount)) = serde_json::from_str(status) else {
            panic!("a status")
        };
        assert_eq!(amount.bytes_restored, 263_349_439);
        let error = r#"{"message_type":"error","error":{"message":"mkdir /t/src: permission denied"},"during":"restore","item":"/src"}"#;
        let Ok(Message::Error { error, item }) = serde_json::from_str(error) else {
            panic!("an error")
        };
        assert_eq!(
            (error.message, item),
            (
                "mkdir /t/src: permission denied".to_owned(),
                "/src".to_owned()
            )
        );
    }
}
