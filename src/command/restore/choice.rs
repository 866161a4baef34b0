//! Which snapshot is taken: the newest of the host that has what is asked for, or the one that was named. Pure.

use std::path::Path;

use crate::cli::Restore;
use crate::moment::seen_from;
use crate::repository::{Group, Snapshot, grouped};
use crate::restore::{Host, Refusal};

use super::Place;

/// The snapshot that is taken, and what else there is.
#[derive(Debug)]
pub(super) struct Choice<'a> {
    pub snapshot: &'a Snapshot,
    /// The newest snapshots of other directories of the same host.
    pub others: Vec<Group>,
    /// Other hosts in the repository.
    pub hosts: Vec<String>,
    /// Newer snapshots of the same directories.
    pub newer: usize,
}

/// The paths that were asked for; `/` is all.
pub(super) fn asked(wish: &Restore) -> &[String] {
    if wish.paths.iter().any(|path| path == "/") {
        return &[];
    }
    &wish.paths
}

pub(super) fn choose<'a>(
    all: &'a [Snapshot],
    wish: &Restore,
    place: &Place<'_>,
) -> Result<Choice<'a>, Refusal> {
    if all.is_empty() {
        return Err(Refusal::NoSnapshots {
            remote: place.settings.remote.to_string(),
        });
    }
    let snapshot = if wish.snapshot == "latest" {
        newest(all, wish, place)?
    } else {
        named(all, &wish.snapshot)?
    };
    let is_same =
        |other: &Snapshot| (&other.hostname, &other.paths) == (&snapshot.hostname, &snapshot.paths);
    let (of_host, elsewhere): (Vec<Group>, Vec<Group>) = grouped(all.to_vec())
        .into_iter()
        .partition(|group| group.host == snapshot.hostname);
    let mut hosts: Vec<String> = elsewhere.into_iter().map(|group| group.host).collect();
    hosts.dedup();
    Ok(Choice {
        snapshot,
        others: of_host
            .into_iter()
            .filter(|group| group.paths != snapshot.paths)
            .collect(),
        hosts,
        newer: all
            .iter()
            .filter(|other| is_same(other) && other.time > snapshot.time)
            .count(),
    })
}

fn named<'a>(all: &'a [Snapshot], id: &str) -> Result<&'a Snapshot, Refusal> {
    let mut found = all.iter().filter(|snapshot| snapshot.id.starts_with(id));
    match (found.next(), found.next()) {
        (Some(snapshot), None) => Ok(snapshot),
        (first, _) => Err(Refusal::NoSuchSnapshot {
            id: id.to_owned(),
            several: first.is_some(),
        }),
    }
}

fn newest<'a>(
    all: &'a [Snapshot],
    wish: &Restore,
    place: &Place<'_>,
) -> Result<&'a Snapshot, Refusal> {
    let host = wish.host.as_ref().unwrap_or(&place.host);
    let of_host: Vec<&Snapshot> = all.iter().filter(|one| one.hostname == *host).collect();
    if of_host.is_empty() {
        return Err(has_none(host, all, wish, place));
    }
    let paths = asked(wish);
    let newest_where = |has: fn(&Snapshot, &str) -> bool| {
        let has_all = |snapshot: &&&Snapshot| paths.iter().all(|path| has(snapshot, path));
        of_host.iter().filter(has_all).max_by_key(|one| one.time)
    };
    let newest = newest_where(covers).or_else(|| newest_where(covers_as_typed));
    newest.copied().ok_or_else(|| {
        let mut holds: Vec<String> = of_host.iter().flat_map(|one| one.paths.clone()).collect();
        holds.sort_unstable();
        holds.dedup();
        // Where each is in one and no one has them all, they can be restored one by one.
        let nowhere = |path: &&String| !of_host.iter().any(|one| covers(one, path));
        let missing: Vec<String> = paths.iter().filter(nowhere).cloned().collect();
        Refusal::NoSuchPath {
            snapshot: if missing.is_empty() {
                format!("a single snapshot of {host} (restore them one by one)")
            } else {
                format!("a backup of {host} ({})", holds.join(" "))
            },
            paths: if missing.is_empty() {
                paths.to_vec()
            } else {
                missing
            },
            holds,
        }
    })
}

/// Whether a snapshot may have this path: it is below, or above, what was backed up.
fn covers(snapshot: &Snapshot, path: &str) -> bool {
    let path = Path::new(path);
    let backed_up = |of: &String| path.starts_with(of) || Path::new(of).starts_with(path);
    snapshot.paths.iter().any(backed_up)
}

/// The same of a backup that was given relative paths: it has `/dir1/file`, and `/backup/dir1` for its name.
fn covers_as_typed(snapshot: &Snapshot, path: &str) -> bool {
    let path = Path::new(path);
    snapshot.paths.iter().any(|known| {
        let mut ends = known.match_indices('/').map(|(at, _)| &known[at..]);
        ends.any(|end| end != "/" && path.starts_with(end))
    })
}

fn has_none(host: &str, all: &[Snapshot], wish: &Restore, place: &Place<'_>) -> Refusal {
    let mut hosts: Vec<(Host, jiff::Timestamp)> = Vec::new();
    for group in grouped(all.to_vec()) {
        match hosts.iter_mut().find(|(known, _)| known.name == group.host) {
            Some((known, newest)) => {
                known.count += group.count;
                *newest = group.newest.max(*newest);
            }
            None => hosts.push((
                Host {
                    name: group.host,
                    count: group.count,
                    newest: String::new(),
                },
                group.newest,
            )),
        }
    }
    hosts.sort_by_key(|(_, newest)| std::cmp::Reverse(*newest));
    let others: Vec<Host> = hosts
        .into_iter()
        .map(|(host, newest)| Host {
            newest: seen_from(place.now, newest, &place.zone),
            ..host
        })
        .collect();
    let line = Restore {
        host: others.first().map(|host| host.name.clone()),
        ..wish.clone()
    };
    Refusal::HostHasNone {
        host: host.to_owned(),
        others,
        line: line.line(),
    }
}

#[cfg(test)]
mod tests;
