//! The command line of `restore`.

use std::path::PathBuf;

use clap::Args;

use crate::repository::Overwrite;
use crate::restore::{LINE, quoted, quoted_path};

/// What shall be restored, and where to.
#[derive(Debug, Clone, Args)]
pub struct Restore {
    /// Files and directories as they were backed up, such as /backup/dir1/file [default: all of the snapshot]
    #[arg(value_name = "PATH", value_parser = absolute)]
    pub paths: Vec<String>,
    /// The snapshot; the newest of the host is the latest one that has the paths
    #[arg(long, value_name = "ID|latest", default_value = "latest", value_parser = snapshot)]
    pub snapshot: String,
    /// The host whose newest snapshot is taken [default: this one]
    #[arg(long, value_name = "NAME")]
    pub host: Option<String>,
    /// Where to: below this directory [default: a new one in /home/user/restored]
    #[arg(long, value_name = "DIR", conflicts_with = "in_place")]
    pub target: Option<PathBuf>,
    /// Restore to the original paths
    #[arg(long, requires = "overwrite")]
    pub in_place: bool,
    /// What becomes of files that are there already
    #[arg(long, value_name = "WHEN", value_enum)]
    pub overwrite: Option<Overwrite>,
    /// Say what would be restored, and restore nothing
    #[arg(long, short = 'n')]
    pub dry_run: bool,
}

impl Restore {
    /// The line to type for this restore.
    #[must_use]
    pub fn line(&self) -> String {
        let mut words = vec![format!("{LINE} restore")];
        if self.snapshot != "latest" {
            words.push(format!("--snapshot {}", self.snapshot));
        }
        if let Some(host) = &self.host {
            words.push(format!("--host {}", quoted(host)));
        }
        if let Some(target) = &self.target {
            words.push(format!("--target {}", quoted_path(target)));
        }
        if self.in_place {
            words.push("--in-place".to_owned());
        }
        if let Some(overwrite) = self.overwrite {
            words.push(format!("--overwrite {}", overwrite.as_str()));
        }
        if self.dry_run {
            words.push("--dry-run".to_owned());
        }
        words.extend(self.paths.iter().map(|path| quoted(path).into_owned()));
        words.join(" ")
    }
}

fn absolute(text: &str) -> Result<String, String> {
    if !text.starts_with('/') || text.split('/').any(|part| matches!(part, "." | "..")) {
        return Err(
            "write the whole path as it was backed up, such as /backup/dir1/file".to_owned(),
        );
    }
    let parts: Vec<&str> = text.split('/').filter(|part| !part.is_empty()).collect();
    Ok(format!("/{}", parts.join("/")))
}

fn snapshot(text: &str) -> Result<String, String> {
    let is_id = !text.is_empty()
        && text.len() <= 64
        && text.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'));
    if is_id || text == "latest" {
        return Ok(text.to_owned());
    }
    Err("must be the ID of a snapshot, as restic snapshots shows it, or latest".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_whole_and_without_slashes_too_many() {
        assert_eq!(absolute("/backup//dir1/").as_deref(), Ok("/backup/dir1"));
        assert_eq!(absolute("/").as_deref(), Ok("/"));
        for wrong in ["", "dir1", "./dir1", "/backup/../etc"] {
            assert!(absolute(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_snapshot_is_an_id_or_the_latest() {
        assert!(snapshot("31b39f2e").is_ok() && snapshot("latest").is_ok());
        for wrong in ["", "31b39f2e:/backup", "LATEST", "-x"] {
            assert!(snapshot(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_line_says_what_was_typed() {
        let restore = Restore {
            paths: vec!["/backup/a b".to_owned(), "/backup/c".to_owned()],
            snapshot: "31b39f2e".to_owned(),
            host: Some("my-VM".to_owned()),
            target: Some("/restored".into()),
            in_place: false,
            overwrite: Some(Overwrite::IfChanged),
            dry_run: true,
        };
        assert_eq!(
            restore.line(),
            "docker compose run --rm cloud-backup restore --snapshot 31b39f2e --host my-VM --target /restored \
             --overwrite if-changed --dry-run '/backup/a b' /backup/c"
        );
    }
}
