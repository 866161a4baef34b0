//! Whether the rclone that is installed is INFN's patched one, which asks oidc-agent itself.
//!
//! It knows an option more: `oidc_agent` of the backend s3. To ask takes a tenth of a second, so the answer is kept in
//! the volume for as long as the program's file is the same.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::supervise::Invocation;
use crate::volume::write_whole;

/// What is to be known about it, said once by the server.
pub const RISKS: &str = "this rclone is INFN's patched one: it asks oidc-agent itself, sends the token in an address, over a \
                         connection whose certificate it does not verify, and hides why it got no credentials; while \
                         they fail it says that there is no repository. An unpatched rclone from 1.66 on has none of this";

/// Asked longer than this it counts as a stock one.
const DEADLINE: Duration = Duration::from_secs(10);

/// One program, as far as its file tells, and what it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    program: PathBuf,
    /// In bytes.
    size: u64,
    /// In nanoseconds since 1970.
    modified: u128,
    patched: bool,
}

impl Known {
    fn of(program: &Path, patched: bool) -> Option<Self> {
        let meta = fs::metadata(program).ok()?;
        let modified = meta.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        Some(Self {
            program: program.to_owned(),
            size: meta.len(),
            modified: modified.as_nanos(),
            patched,
        })
    }
}

/// Whether this is INFN's patched rclone; `note` is the file where the answer is kept.
pub(super) async fn is_patched(help: Invocation, note: &Path) -> bool {
    let program = help.program.clone();
    remembered(&program, note, async || ask(help).await).await
}

/// What rclone is to be asked with.
pub(super) fn help_arguments() -> [&'static str; 5] {
    ["--config", "/dev/null", "help", "backend", "s3"]
}

/// The kept answer; else asks, and keeps what was answered.
async fn remembered(program: &Path, note: &Path, ask: impl AsyncFnOnce() -> Option<bool>) -> bool {
    let kept = fs::read(note)
        .ok()
        .and_then(|text| serde_json::from_slice::<Known>(&text).ok());
    if let Some(kept) = kept
        && Known::of(program, kept.patched).as_ref() == Some(&kept)
    {
        return kept.patched;
    }
    let Some(patched) = ask().await else {
        return false;
    };
    keep(program, note, patched);
    patched
}

/// Keeps the answer; where that fails, as on a full volume, it is asked again.
pub(super) fn keep(program: &Path, note: &Path, patched: bool) {
    if let Some(known) = Known::of(program, patched)
        && let Ok(text) = serde_json::to_vec(&known)
    {
        let _ = write_whole(note, &text);
    }
}

/// `None` where it gave no answer.
async fn ask(help: Invocation) -> Option<bool> {
    let mut command = help.command(true);
    command.stdin(Stdio::null()).stderr(Stdio::null());
    // Past the deadline it is killed as it is dropped.
    match tokio::time::timeout(DEADLINE, command.output()).await {
        Ok(Ok(output)) if output.status.success() => Some(knows_oidc_agent(&output.stdout)),
        Ok(Ok(output)) => {
            tracing::debug!("rclone help backend s3: {}", output.status);
            None
        }
        Ok(Err(error)) => {
            tracing::debug!("rclone help backend s3: {error}");
            None
        }
        Err(_) => {
            tracing::debug!("rclone help backend s3 gave no answer in time");
            None
        }
    }
}

/// Each option stands there as `--s3-no-head` and as `no_head`.
fn knows_oidc_agent(help: &[u8]) -> bool {
    String::from_utf8_lossy(help)
        .split_whitespace()
        .any(|word| matches!(word, "--s3-oidc-agent" | "oidc_agent"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patched_rclone_tells_of_its_option() {
        let stock =
            "#### --s3-provider\n\n- Config:      provider\n- Env Var:     RCLONE_S3_PROVIDER\n";
        assert!(!knows_oidc_agent(stock.as_bytes()));
        assert!(knows_oidc_agent(b"#### --s3-oidc-agent\n"));
        assert!(knows_oidc_agent(b"- Config:      oidc_agent\n"));
        assert!(!knows_oidc_agent(b"not an oidc_agent_of_ours"));
    }

    #[tokio::test]
    async fn a_program_is_asked_once_until_its_file_changes() {
        let folder = tempfile::tempdir().unwrap();
        let (program, note) = (folder.path().join("rclone"), folder.path().join("note"));
        fs::write(&program, "one").unwrap();
        let unasked = async || panic!("it is known");
        assert!(remembered(&program, &note, async || Some(true)).await);
        assert!(remembered(&program, &note, unasked).await);
        fs::write(&program, "another").unwrap();
        assert!(!remembered(&program, &note, async || Some(false)).await);
        assert!(!remembered(&program, &note, unasked).await);
        let other = folder.path().join("other");
        fs::copy(&program, &other).unwrap();
        assert!(remembered(&other, &note, async || Some(true)).await);
        fs::write(&note, "nonsense").unwrap();
        assert!(remembered(&other, &note, async || Some(true)).await);
    }

    #[tokio::test]
    async fn without_an_answer_it_is_a_stock_one_and_asked_again() {
        let folder = tempfile::tempdir().unwrap();
        let (program, note) = (folder.path().join("rclone"), folder.path().join("note"));
        fs::write(&program, "one").unwrap();
        assert!(!remembered(&program, &note, async || None).await);
        assert!(remembered(&program, &note, async || Some(true)).await);
    }
}
