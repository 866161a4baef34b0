//! The proof that the storage can be used: an object that is written, listed, read and deleted under the backup path.

use std::ffi::OsString;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::time::timeout;
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::settings::Settings;
use crate::supervise::{Interrupts, Redactor, without_tokens};
use crate::volume::Volume;

use super::rclone::require_section;
use super::{Place, Rclone, Supply};

/// One step; rclone tries a failing request again for a while.
const STEP: Duration = Duration::from_secs(40);
/// The deletion after an interruption.
const LAST: Duration = Duration::from_secs(8);
/// What the object holds; rclone takes nothing at all for a mistake.
const CONTENT: &[u8] = b"written by cloud-backup to see whether it can be; may be deleted\n";

/// What becomes of the login's bucket where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// It is made, by the writing.
    Made,
    /// The proof fails: who only looks leaves no bucket behind, whose name may be a slip of the hand.
    Told,
}

/// Writes an object under the backup path, lists, reads and deletes it; each step that works is told as it ends. Who
/// interrupts it waits for the deletion.
pub async fn write_list_read_delete(
    settings: &Settings,
    volume: &Volume,
    supply: Option<&Supply>,
    missing: Missing,
    interrupts: &mut Interrupts,
    told: impl Fn(&str),
) -> Result<()> {
    if supply.is_none() {
        require_section(settings)?;
    }
    let probe = Probe {
        rclone: Rclone::find(settings, volume, supply).await?,
        place: Place::of(settings),
        redactor: settings.environment.redactor(),
        missing,
    };
    let object = format!("{}cloud-backup-probe-{}", settings.remote, Uuid::new_v4());
    let mut may_be_there = false;
    let looked = interrupts.unless(async {
        if supply.is_some() && missing == Missing::Told {
            probe.bucket_is_there(settings).await?;
        }
        // First the writing: it makes what is missing, and then the listing must succeed.
        may_be_there = true;
        if let Err(error) = probe.step("write", &["rcat", &object]).await {
            may_be_there = false;
            return Err(error);
        }
        told("write an object: ok");
        probe.list_and_read(settings, &object, &told).await
    });
    let looked = looked.await;
    if !may_be_there {
        return looked;
    }
    // Whatever was seen of it, it must not stay.
    let delete = ["deletefile", object.as_str()];
    let delete = probe.step("delete", &delete);
    if matches!(looked, Err(Error::Interrupted { .. })) {
        // After that long `docker stop` kills.
        let _ = timeout(LAST, delete).await;
        return looked;
    }
    let deleted = delete.await;
    looked?;
    deleted?;
    told("delete it: ok");
    Ok(())
}

struct Probe {
    rclone: Rclone,
    place: Place,
    redactor: Redactor,
    missing: Missing,
}

impl Probe {
    /// A prefix without objects is an empty list, a bucket that is missing is none.
    async fn bucket_is_there(&self, settings: &Settings) -> Result<()> {
        let list = ["lsf", "--max-depth", "1", settings.remote.as_str()];
        match self.step("list", &list).await {
            Err(Error::ProbeFailed { detail, .. }) if detail.contains("directory not found") => {
                let bucket = settings.remote.bucket().unwrap_or_default();
                let detail = format!(
                    "there is no bucket {bucket} (if the name is right, this makes it: \
                     docker compose run --rm cloud-backup config)"
                );
                Err(self.failed("list", detail))
            }
            end => end.map(|_| ()),
        }
    }

    async fn list_and_read(
        &self,
        settings: &Settings,
        object: &str,
        told: &impl Fn(&str),
    ) -> Result<()> {
        let list = ["lsf", "--max-depth", "1", settings.remote.as_str()];
        let names = self.step("list", &list).await?;
        let name = object.rsplit(['/', ':']).next().unwrap_or_default();
        if !names.lines().any(|line| line == name) {
            return Err(self.failed("list", "the object just written is not listed"));
        }
        told("list: ok");
        let content = self.step("read", &["cat", object]).await?;
        if content.as_bytes() != CONTENT {
            return Err(self.failed("read", "it gives other bytes than were written"));
        }
        told("read it: ok");
        Ok(())
    }

    fn failed(&self, doing: &'static str, detail: impl Into<String>) -> Error {
        Error::ProbeFailed {
            doing,
            detail: detail.into(),
            place: Box::new(self.place.clone()),
        }
    }

    async fn step(&self, doing: &'static str, args: &[&str]) -> Result<String> {
        let args = ["--log-format="].iter().chain(args);
        let mut invocation = self.rclone.invocation(args.map(OsString::from));
        let no_check = match self.missing {
            Missing::Made => "false",
            Missing::Told => "true",
        };
        invocation.env.extend(
            [
                ("RCLONE_LOW_LEVEL_RETRIES", "3"),
                ("RCLONE_RETRIES", "1"),
                ("RCLONE_CONTIMEOUT", "10s"),
                ("RCLONE_TIMEOUT", "20s"),
                ("RCLONE_CONFIG_INFNCLOUD_NO_CHECK_BUCKET", no_check),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        let run = async {
            let mut child = invocation
                .command(true)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()?;
            if let Some(mut stdin) = child.stdin.take() {
                // Who does not read it has other things to tell.
                let _ = stdin.write_all(CONTENT).await;
            }
            child.wait_with_output().await
        };
        let output = timeout(STEP, run)
            .await
            .map_err(|_| {
                let after = humantime::format_duration(STEP);
                self.failed(doing, format!("no end within {after}"))
            })?
            .map_err(|source| invocation.cannot_start(source))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let detail = last_words(&String::from_utf8_lossy(&output.stderr));
        Err(self.failed(doing, self.redactor.text(&detail)))
    }
}

/// rclone's last line, without its level.
fn last_words(stderr: &str) -> String {
    let line = stderr
        .lines()
        .rev()
        .find(|line| !line.trim().is_empty())
        .unwrap_or("rclone did not say why");
    let words = line
        .split_once(": ")
        .filter(|(level, _)| ["NOTICE", "ERROR", "CRITICAL"].contains(&level.trim()))
        .map_or(line, |(_, words)| words);
    without_tokens(words.trim())
}
