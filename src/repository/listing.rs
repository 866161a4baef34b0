//! The files and folders of a snapshot, one by one as restic lists them: a list of millions is never held whole.

use std::process::Stdio;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::time::timeout;

use super::{Findings, Repository};
use crate::error::{Error, Result};
use crate::supervise::Streamed;

/// For so long restic may list nothing; it reads the directories one after the other.
const SILENCE: Duration = Duration::from_mins(5);

/// A regular file of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Where it is in the snapshot.
    pub path: String,
    /// How many bytes it has.
    #[serde(default)]
    pub size: u64,
    /// When it was last written.
    pub mtime: Timestamp,
}

impl Repository<'_> {
    /// Shows `look` each regular file of a snapshot. Takes no lock; dropped, it ends restic.
    pub async fn files(&self, snapshot: &str, mut look: impl FnMut(File)) -> Result<()> {
        self.walk(snapshot, &[], |line| {
            if let Some(file) = read(line) {
                look(file);
            }
        })
        .await
    }

    /// Shows `look` the path of each folder of a snapshot, of these paths and below them; none stands for all. As `files`.
    pub async fn folders(
        &self,
        snapshot: &str,
        paths: &[String],
        mut look: impl FnMut(String),
    ) -> Result<()> {
        self.walk(snapshot, paths, |line| {
            if let Some(folder) = read_folder(line) {
                look(folder);
            }
        })
        .await
    }

    async fn walk(
        &self,
        snapshot: &str,
        paths: &[String],
        mut look: impl FnMut(&[u8]),
    ) -> Result<()> {
        let args = ["ls", "--json", "--no-lock", "--recursive", snapshot].into_iter();
        let args = args.chain(paths.iter().map(String::as_str));
        let invocation = self.invocation(args.map(Into::into));
        let mut child = invocation
            .command(true)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|source| invocation.cannot_start(source))?;
        let (Some(stdout), Some(mut stderr)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(Error::System {
                what: "reading the output of restic",
                source: std::io::ErrorKind::BrokenPipe.into(),
            });
        };
        let failed = |source| Error::System {
            what: "reading the output of restic",
            source,
        };
        let silent = |_| Error::NoAnswer { after: SILENCE };
        let mut remarks = Vec::new();
        let list = async {
            let mut stdout = BufReader::new(stdout);
            let mut line = Vec::new();
            loop {
                line.clear();
                let length = timeout(SILENCE, stdout.read_until(b'\n', &mut line))
                    .await
                    .map_err(silent)?
                    .map_err(failed)?;
                if length == 0 {
                    return Ok::<(), Error>(());
                }
                look(&line);
            }
        };
        let aside = async {
            // It ends with restic, whose list has a bound.
            let _ = stderr.read_to_end(&mut remarks).await;
            Ok::<(), Error>(())
        };
        tokio::try_join!(list, aside)?;
        let status = timeout(SILENCE, child.wait())
            .await
            .map_err(silent)?
            .map_err(failed)?;
        let mut findings = Findings::default();
        let remarks = String::from_utf8_lossy(&remarks);
        remarks.lines().for_each(|line| findings.read(line));
        findings.judge(&Streamed {
            status,
            stopped: None,
        })
    }
}

/// The regular file of a line of `restic ls --json`; `None` for all else.
fn read(line: &[u8]) -> Option<File> {
    #[derive(Deserialize)]
    struct Node {
        r#type: String,
        #[serde(flatten)]
        file: File,
    }
    let node: Node = serde_json::from_slice(line).ok()?;
    (node.r#type == "file").then_some(node.file)
}

/// The path of a line of `restic ls --json` that is one of a folder.
fn read_folder(line: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Node {
        r#type: String,
        path: String,
    }
    let node: Node = serde_json::from_slice(line).ok()?;
    (node.r#type == "dir").then_some(node.path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_regular_file_is_read_as_restic_lists_it() {
        // Without a size restic means 0.
        for (size, expected) in [(r#""size":2,"#, 2), ("", 0)] {
            let line = format!(
                r#"{{"name":"a\\b","type":"file","path":"/d/a\\b","uid":0,"gid":0,{size}"mode":420,"permissions":"-rw-r--r--","mtime":"2026-11-28T12:13:29.989842347+01:00","message_type":"node","struct_type":"node"}}"#
            );
            let file = read(line.as_bytes()).unwrap();
            assert_eq!((file.path.as_str(), file.size), (r"/d/a\b", expected));
            let mtime: Timestamp = "2026-11-28T11:13:29.989842347Z".parse().unwrap();
            assert_eq!(file.mtime, mtime);
        }
    }

    #[test]
    fn directories_links_the_snapshot_and_remarks_are_no_files() {
        for line in [
            r#"{"name":"d","type":"dir","path":"/d","mtime":"2026-11-28T11:13:29Z","struct_type":"node"}"#,
            r#"{"name":"l","type":"symlink","path":"/l","mtime":"2026-11-28T11:13:29Z","struct_type":"node"}"#,
            r#"{"time":"2026-11-28T11:13:33Z","paths":["/d"],"hostname":"vm","struct_type":"snapshot"}"#,
            "repository 12345678 opened",
            "",
        ] {
            assert_eq!(read(line.as_bytes()), None, "{line}");
            let folder = line.contains(r#""dir""#).then(|| "/d".to_owned());
            assert_eq!(read_folder(line.as_bytes()), folder, "{line}");
        }
    }
}
