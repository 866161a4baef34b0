//! How many snapshots a retention should leave in the whole repository, asked of restic itself after a `forget`.
//!
//! `forget` keeps the newest snapshots of each host and path. Where the host name changes with every container, each of
//! them keeps its own for ever, and each run succeeds. So the same policy is asked once more (`--dry-run`), for each
//! path whatever the host: what it would still remove then is too much.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use tokio::time::timeout;

use crate::error::{Error, Result};
use crate::settings::SnapshotBound;
use crate::supervise::Streamed;

use super::{Findings, HOST, Repository};

/// An answer that takes longer is done without.
const DEADLINE: Duration = Duration::from_mins(1);
/// A policy that removes nothing, to count what is there.
const KEEP_ALL: [&str; 2] = ["--keep-last", "unlimited"];
/// So many snapshots too many are no alarm: a machine that was renamed has some for a while.
const TOLERATED: usize = 10;
/// So many hosts are named; the rest is counted.
const NAMED_HOSTS: usize = 3;
/// A host name of RFC 1035 has 63 characters at most; nothing else keeps a repository to that.
const LONGEST_NAME: usize = 63;

/// What the arguments of a `forget` keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Retention {
    /// What these `--keep-*` options and their values say, for all snapshots.
    Whole(Vec<String>),
    /// Some of a part of the snapshots, or none: what it should leave in all is not known.
    Own,
    /// Snapshots of a repository that is not ours.
    Elsewhere,
}

/// More snapshots than there should be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surplus {
    there: usize,
    /// What `MAX_SNAPSHOTS` allows, where that decided.
    bound: Option<u32>,
    excess: Option<Excess>,
}

/// What this retention would remove, were it not for the host names.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Excess {
    leaves: usize,
    hosts: String,
    policy: String,
}

/// How many snapshots restic would keep, and of which hosts it would remove how many.
#[derive(Debug, Default, PartialEq, Eq)]
struct Count {
    keep: usize,
    remove: BTreeMap<String, usize>,
}

/// A group of `restic forget --json`; null stands for an empty list.
#[derive(Deserialize)]
struct Group {
    keep: Option<Vec<Snapshot>>,
    remove: Option<Vec<Snapshot>>,
}

#[derive(Deserialize)]
struct Snapshot {
    #[serde(default)]
    hostname: String,
}

impl Repository<'_> {
    /// Whether more snapshots are left than there should be after a `forget` with this retention.
    ///
    /// An error says that it is not known. Takes no lock and changes nothing; dropped, it ends restic.
    pub async fn surplus(&self, retention: &Retention) -> Result<Option<Surplus>> {
        let bound = self.settings.snapshot_bound;
        let policy = match (bound, retention) {
            (SnapshotBound::Off, _)
            | (_, Retention::Elsewhere)
            | (SnapshotBound::ByRetention, Retention::Own) => return Ok(None),
            (SnapshotBound::AtMost(_), Retention::Own) => &KEEP_ALL.map(str::to_owned)[..],
            (_, Retention::Whole(policy)) => policy,
        };
        let count = self.count(policy).await?;
        Ok(Surplus::of(bound, policy, &count))
    }

    async fn count(&self, policy: &[String]) -> Result<Count> {
        let question = [
            "forget",
            "--dry-run",
            "--json",
            "--no-lock",
            "--group-by",
            "paths",
        ];
        let args = question
            .into_iter()
            .chain(policy.iter().map(String::as_str));
        let mut invocation = self.invocation(args.map(Into::into));
        invocation.env.retain(|(name, _)| name != HOST);
        let mut command = invocation.command(true);
        let answer = timeout(DEADLINE, command.stdin(Stdio::null()).output())
            .await
            .map_err(|_| Error::NoAnswer { after: DEADLINE })?
            .map_err(|source| invocation.cannot_start(source))?;
        let mut findings = Findings::default();
        let remarks = String::from_utf8_lossy(&answer.stderr);
        remarks.lines().for_each(|line| findings.read(line));
        findings.judge(&Streamed {
            status: answer.status,
            stopped: None,
        })?;
        Count::read(&String::from_utf8_lossy(&answer.stdout)).ok_or_else(|| Error::Restic {
            code: 1,
            message: "restic forget --json gives no list of snapshots".to_owned(),
            complaint: None,
        })
    }
}

impl Count {
    /// Reads the output of restic, which may have remarks around its JSON; without any snapshot restic prints nothing.
    fn read(output: &str) -> Option<Self> {
        if output.trim().is_empty() {
            return Some(Self::default());
        }
        let ends = output.match_indices('\n').map(|(end, _)| end + 1);
        let groups = std::iter::once(0).chain(ends).find_map(|line| {
            let json = serde_json::Deserializer::from_str(&output[line..]);
            json.into_iter::<Vec<Group>>().next()?.ok()
        })?;
        let mut count = Self::default();
        for group in groups {
            count.keep += group.keep.unwrap_or_default().len();
            for snapshot in group.remove.unwrap_or_default() {
                *count.remove.entry(snapshot.hostname).or_default() += 1;
            }
        }
        Some(count)
    }

    fn removable(&self) -> usize {
        self.remove.values().sum()
    }

    /// The hosts with the most removable snapshots, as a person would name them.
    fn hosts(&self) -> String {
        let mut hosts: Vec<(&String, &usize)> = self.remove.iter().collect();
        // Stable: hosts with equally many stay in the order of their names.
        hosts.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        let named: Vec<String> = hosts
            .iter()
            .take(NAMED_HOSTS)
            .map(|(name, count)| format!("{} ({count})", shown(name)))
            .collect();
        let others = hosts.len() - named.len();
        match (&named[..], others) {
            ([one], 0) => format!("the host {one}"),
            ([first @ .., last], 0) => format!("the hosts {} and {last}", first.join(", ")),
            (all, 1) => format!("the hosts {} and 1 more host", all.join(", ")),
            (all, n) => format!("the hosts {} and {n} more hosts", all.join(", ")),
        }
    }
}

impl Surplus {
    fn of(bound: SnapshotBound, policy: &[String], count: &Count) -> Option<Self> {
        let removable = count.removable();
        let there = count.keep + removable;
        let (too_many, bound) = match bound {
            SnapshotBound::ByRetention => (removable > TOLERATED.max(count.keep / 2), None),
            SnapshotBound::AtMost(most) => (!fits(there, most), Some(most)),
            SnapshotBound::Off => (false, None),
        };
        let excess = (removable > 0).then(|| Excess {
            leaves: count.keep,
            hosts: count.hosts(),
            policy: policy.join(" "),
        });
        too_many.then_some(Self {
            there,
            bound,
            excess,
        })
    }

    /// What to do next; the line to type stands at its end.
    #[must_use]
    pub fn remedy(&self) -> Cow<'static, str> {
        let is_enough = |leaves| self.bound.is_none_or(|most| fits(leaves, most));
        match &self.excess {
            // An empty RESTIC_HOST is none, to our program and to restic; one of .env would hide the other hosts.
            Some(excess) if is_enough(excess.leaves) => format!(
                "forget keeps the newest of each host name: hostname in compose.yaml is not set or was changed, or \
                 RESTIC_HOST of forget is not that of backup. Correct that. Then, unless other machines share this \
                 repository on purpose (for them set MAX_SNAPSHOTS), type once: docker compose run --rm -e RESTIC_HOST= \
                 cloud-backup restic forget --group-by paths {} --prune",
                excess.policy
            )
            .into(),
            _ => "Let forget keep fewer (its --keep-* options), or set MAX_SNAPSHOTS higher. To see them all: docker \
                  compose run --rm -e RESTIC_HOST= cloud-backup restic snapshots --group-by host"
                .into(),
        }
    }
}

impl fmt::Display for Surplus {
    /// A fragment that fits after "Forget --keep-last 1 failed: ".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} snapshots are in the repository", self.there)?;
        if let Some(most) = self.bound {
            write!(f, ", more than MAX_SNAPSHOTS={most}")?;
        }
        if let Some(Excess { leaves, hosts, .. }) = &self.excess {
            write!(
                f,
                ", and this retention should leave {leaves}; the others are of {hosts}"
            )?;
        }
        Ok(())
    }
}

fn fits(snapshots: usize, most: u32) -> bool {
    u32::try_from(snapshots).is_ok_and(|snapshots| snapshots <= most)
}

/// A host name as it can stand in a sentence, whatever a client has put there.
fn shown(name: &str) -> String {
    if name.is_empty() {
        return "without a name".to_owned();
    }
    name.chars()
        .take(LONGEST_NAME)
        .map(|char| if char.is_control() { '?' } else { char })
        .collect()
}

#[cfg(test)]
mod tests;
