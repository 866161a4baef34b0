//! Which snapshot is taken: the newest of the host that has what is asked for, or the one that was named. Pure.

use std::path::Path;

use crate::cli::Restore;
use crate::moment::seen_from;
use crate::repository::{Group, Snapshot, grouped};
use crate::restore::{Host, Refusal};

use super::Place;
use super::parts::{Part, parts};

/// The snapshot that is taken, and what else there is.
#[derive(Debug)]
pub(super) struct Choice<'a> {
    pub snapshot: &'a Snapshot,
    /// The newest snapshots of other directories of the same host.
    pub others: Vec<Group>,
    /// Of these the newer ones that have something of what is asked for.
    pub newer_elsewhere: Vec<Group>,
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
    let wanted = match asked(wish) {
        [] => &snapshot.paths,
        asked => asked,
    };
    let is_newer = |group: &Group| {
        group.newest > snapshot.time && wanted.iter().any(|path| has(&group.paths, path))
    };
    let others = of_host.into_iter();
    let (newer_elsewhere, others) = others
        .filter(|group| group.paths != snapshot.paths)
        .partition(is_newer);
    Ok(Choice {
        snapshot,
        others,
        newer_elsewhere,
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

/// What the snapshot was made of, as far as the path is in it.
pub(super) fn above(snapshot: &Snapshot, path: &str) -> Vec<String> {
    let backed_up = snapshot.paths.iter();
    backed_up
        .filter(|of| Path::new(path).starts_with(of))
        .cloned()
        .collect()
}

/// Older snapshots of the same host that may have all of the paths, the newest first.
pub(super) fn older<'a>(
    all: &'a [Snapshot],
    than: &Snapshot,
    paths: &[String],
) -> Vec<&'a Snapshot> {
    let is_one = |one: &&Snapshot| {
        one.hostname == than.hostname
            && one.time < than.time
            && paths.iter().all(|path| covers(one, path))
    };
    let mut older: Vec<&Snapshot> = all.iter().filter(is_one).collect();
    older.sort_by_key(|one| std::cmp::Reverse(one.time));
    older
}

/// Whether a snapshot may have this path.
fn covers(snapshot: &Snapshot, path: &str) -> bool {
    has(&snapshot.paths, path)
}

/// Whether a path is below, or above, what was backed up.
fn has(backed_up: &[String], path: &str) -> bool {
    let path = Path::new(path);
    let overlaps = |of: &String| path.starts_with(of) || Path::new(of).starts_with(path);
    backed_up.iter().any(overlaps)
}

/// What of the paths that were asked for is in what was backed up.
fn common(backed_up: &[String], asked: &[String]) -> Vec<String> {
    let pairs = backed_up
        .iter()
        .flat_map(|of| asked.iter().map(move |path| (of, path)));
    let of_pair = |(of, path): (&String, &String)| {
        if Path::new(path).starts_with(of) {
            return Some(path.clone());
        }
        Path::new(of).starts_with(path).then(|| of.clone())
    };
    pairs.filter_map(of_pair).collect()
}

impl Choice<'_> {
    /// That no old state is put over a newer one by a line that asks for the latest. What was named by its ID is wanted.
    pub(super) fn require_newest(&self, wish: &Restore) -> Result<(), Refusal> {
        if !wish.in_place || wish.snapshot != "latest" || self.newer_elsewhere.is_empty() {
            return Ok(());
        }
        let is_older = |path: &&String| {
            self.newer_elsewhere
                .iter()
                .any(|group| has(&group.paths, path))
        };
        let this = Restore {
            snapshot: self.snapshot.short_id.clone(),
            host: None,
            ..wish.clone()
        };
        Err(Refusal::NotNewest {
            snapshot: self.snapshot.short_id.clone(),
            paths: asked(wish).iter().filter(is_older).cloned().collect(),
            lines: self.newest_lines(wish),
            line: this.line(),
        })
    }

    /// The lines by which the newest of all that was asked for comes.
    fn newest_lines(&self, wish: &Restore) -> Vec<String> {
        let this = Group {
            host: self.snapshot.hostname.clone(),
            paths: asked(wish).to_vec(),
            count: 1,
            newest: self.snapshot.time,
            newest_id: self.snapshot.short_id.clone(),
            newest_bytes: None,
        };
        let newer = self.newer_elsewhere.iter().map(|group| Group {
            paths: common(&group.paths, asked(wish)),
            ..group.clone()
        });
        let sets: Vec<Group> = std::iter::once(this).chain(newer).collect();
        let line = |part: Part| {
            let wish = wish.clone();
            Restore {
                paths: part.paths,
                snapshot: part.snapshot.unwrap_or(wish.snapshot),
                ..wish
            }
            .line()
        };
        parts(&sets, &self.snapshot.hostname)
            .into_iter()
            .map(line)
            .collect()
    }
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
