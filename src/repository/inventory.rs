//! What a repository holds, for `status`: its snapshots, grouped, and its size on the storage. Takes no lock.
//!
//! The snapshots are restic's own JSON (`restic snapshots --json`, 0.18). The size is the sum of the REST server's lists:
//! `restic stats` reads every directory of every snapshot for it, and leaves out what no snapshot needs any more.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{HOST, Repository};
use crate::error::{Error, Result};
use crate::log::say;
use crate::restore::shown;

/// The snapshots of one host and one set of paths, as `restic forget` groups them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Group {
    /// The host.
    pub host: String,
    /// What was backed up.
    pub paths: Vec<String>,
    /// How many snapshots.
    pub count: usize,
    /// When the newest of them was made.
    pub newest: Timestamp,
    /// Its id, the first eight digits.
    pub newest_id: String,
    /// How many bytes its files have; restic tells it from 0.17 on.
    pub newest_bytes: Option<u64>,
}

/// A snapshot, as restic lists it.
#[derive(Debug, Clone, Deserialize)]
pub struct Snapshot {
    /// When it was made.
    pub time: Timestamp,
    /// Of which host.
    #[serde(default)]
    pub hostname: String,
    /// What was backed up.
    #[serde(default)]
    pub paths: Vec<String>,
    /// All 64 digits.
    #[serde(default)]
    pub id: String,
    /// The first eight of them.
    pub short_id: String,
    summary: Option<Summary>,
}

#[derive(Debug, Clone, Deserialize)]
struct Summary {
    total_bytes_processed: Option<u64>,
}

impl Repository<'_> {
    /// All snapshots by host and paths; restic may take this long.
    pub async fn snapshots(&self, deadline: Duration) -> Result<Vec<Group>> {
        self.list(deadline).await.map(grouped)
    }

    /// All of them one by one, of every host: `RESTIC_HOST` would choose among them. restic may take this long.
    ///
    /// One that it cannot read restic leaves out, and calls that a success: who looks for the newest has to hear of it.
    pub async fn list(&self, deadline: Duration) -> Result<Vec<Snapshot>> {
        let mut invocation = self.invocation(["snapshots", "--json", "--no-lock"].map(Into::into));
        invocation.env.retain(|(name, _)| name != HOST);
        let (list, aside) = self.streams_of(&invocation, false, deadline).await?;
        for line in aside.lines().filter(|line| line.starts_with("Ignoring ")) {
            say(format_args!(
                "cloud-backup: warning: a snapshot cannot be read: {}",
                shown(line)
            ));
        }
        read(&list)
    }
}

/// The list of restic's JSON; null stands for an empty one.
fn read(json: &str) -> Result<Vec<Snapshot>> {
    let snapshots: Option<Vec<Snapshot>> =
        serde_json::from_str(json.trim()).map_err(|_| Error::Restic {
            code: 1,
            message: "restic snapshots gives no list of snapshots".to_owned(),
            complaint: None,
        })?;
    Ok(snapshots.unwrap_or_default())
}

/// By host and paths, in the order of their names.
#[must_use]
pub fn grouped(snapshots: Vec<Snapshot>) -> Vec<Group> {
    let mut groups: BTreeMap<(String, Vec<String>), Group> = BTreeMap::new();
    for snapshot in snapshots {
        let key = (snapshot.hostname.clone(), snapshot.paths.clone());
        let group = groups.entry(key).or_insert_with(|| Group {
            host: snapshot.hostname,
            paths: snapshot.paths,
            count: 0,
            newest: Timestamp::MIN,
            newest_id: String::new(),
            newest_bytes: None,
        });
        group.count += 1;
        if snapshot.time >= group.newest {
            group.newest = snapshot.time;
            group.newest_id = snapshot.short_id;
            group.newest_bytes = snapshot
                .summary
                .and_then(|summary| summary.total_bytes_processed);
        }
    }
    groups.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snapshots_are_grouped_by_host_and_paths() {
        let json = r#"[
            {"time":"2026-11-25T02:00:00.5+01:00","paths":["/b","/c"],"hostname":"vm","short_id":"11111111"},
            {"time":"2026-11-27T02:00:00Z","paths":["/a"],"hostname":"vm","short_id":"33333333",
             "summary":{"total_bytes_processed":300,"files_new":1}},
            {"time":"2026-11-26T02:00:00Z","paths":["/a"],"hostname":"vm","short_id":"22222222",
             "summary":{"total_bytes_processed":200}},
            {"time":"2026-11-26T02:00:00Z","paths":["/a"],"hostname":"other","short_id":"44444444"}
        ]"#;
        let groups = grouped(read(json).unwrap());
        let shown: Vec<_> = groups
            .iter()
            .map(|group| {
                let Group { host, paths, .. } = group;
                let newest = group.newest.to_string();
                (
                    format!("{host} {}", paths.join(" ")),
                    group.count,
                    newest,
                    group.newest_id.as_str(),
                    group.newest_bytes,
                )
            })
            .collect();
        let row = |name: &str, count, newest: &str, id, bytes| {
            (name.to_owned(), count, newest.to_owned(), id, bytes)
        };
        assert_eq!(
            shown,
            [
                row("other /a", 1, "2026-11-26T02:00:00Z", "44444444", None),
                row("vm /a", 2, "2026-11-27T02:00:00Z", "33333333", Some(300)),
                row("vm /b /c", 1, "2026-11-25T01:00:00.5Z", "11111111", None),
            ]
        );
    }

    #[test]
    fn no_snapshots_are_none_and_other_words_are_an_error() {
        assert!(read("[]\n").unwrap().is_empty());
        assert!(read("null").unwrap().is_empty());
        assert!(read("Fatal: no").is_err());
    }
}
