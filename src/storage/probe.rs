//! The proof that the storage can be used: a listing, and an object that is written, read and deleted under the backup
//! path.

use std::ffi::OsString;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::time::timeout;
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::settings::Settings;
use crate::supervise::without_tokens;
use crate::volume::Volume;

use super::{Rclone, Supply};

/// One step; rclone tries a failing request again for a while.
const STEP: Duration = Duration::from_secs(40);
/// What the object holds; rclone takes nothing at all for a mistake.
const CONTENT: &[u8] = b"written by cloud-backup to see whether it can be; may be deleted\n";

/// Lists the backup path, writes an object there, reads and deletes it; a bucket that is missing is made on the way.
pub async fn list_write_read_delete(
    settings: &Settings,
    volume: &Volume,
    supply: Option<&Supply>,
) -> Result<()> {
    let probe = Probe {
        rclone: Rclone::find(settings, volume, supply).await?,
    };
    let object = format!("{}cloud-backup-probe-{}", settings.remote, Uuid::new_v4());
    // First the writing: it makes what is missing, and then the listing must succeed.
    probe.step("write", &["rcat", &object]).await?;
    let listed = probe
        .step(
            "list",
            &["lsf", "--max-depth", "1", settings.remote.as_str()],
        )
        .await;
    let read = probe.step("read", &["cat", &object]).await;
    let deleted = probe.step("delete", &["deletefile", &object]).await;
    let (names, content) = (listed?, read?);
    deleted?;
    if content.as_bytes() != CONTENT {
        return Err(Error::ProbeFailed {
            doing: "read",
            detail: "the object just written came back as another one".to_owned(),
        });
    }
    let name = object.rsplit('/').next().unwrap_or_default();
    if names.lines().any(|line| line == name) {
        return Ok(());
    }
    Err(Error::ProbeFailed {
        doing: "list",
        detail: "the object just written is not listed".to_owned(),
    })
}

struct Probe {
    rclone: Rclone,
}

impl Probe {
    async fn step(&self, doing: &'static str, args: &[&str]) -> Result<String> {
        let args = ["--log-format="].iter().chain(args);
        let mut invocation = self.rclone.invocation(args.map(OsString::from));
        invocation.env.extend(
            [
                ("RCLONE_LOW_LEVEL_RETRIES", "3"),
                ("RCLONE_RETRIES", "1"),
                ("RCLONE_CONTIMEOUT", "10s"),
                ("RCLONE_TIMEOUT", "20s"),
                ("RCLONE_CONFIG_INFNCLOUD_NO_CHECK_BUCKET", "false"),
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
            .map_err(|_| Error::ProbeFailed {
                doing,
                detail: format!("no end within {}", humantime::format_duration(STEP)),
            })?
            .map_err(|source| invocation.cannot_start(source))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(Error::ProbeFailed {
            doing,
            detail: last_words(&String::from_utf8_lossy(&output.stderr)),
        })
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
