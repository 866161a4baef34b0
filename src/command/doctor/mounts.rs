//! What is to be backed up: the sources of the schedule's backups, and what is mounted below `/backup`.
//!
//! Looked through as uid 1000 sees it, so many entries at most and so long at most: a network file system may hang.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::unistd::{AccessFlags, access};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::command::backup::sources;
use crate::place::Place;
use crate::plan::{self, Plan};
use crate::reading::Reading;

use super::configuration::is_backup;
use super::excluded::Excluded;
use super::finding::Finding;
use super::ledger::Look;

/// Where the guide mounts what is backed up.
const BELOW: &str = "/backup";
/// So many files and folders of a source are looked at.
const MOST: usize = 20_000;
/// All of it ends within this time.
const DEADLINE: Duration = Duration::from_secs(15);

/// A source, and the job that names it.
type Sources = BTreeMap<PathBuf, Option<String>>;

pub(super) async fn look(plan: Option<&Plan>) -> Look {
    if Place::here() == Place::Host {
        return Look::passed("on a host your own commands name what they back up");
    }
    let sources = sources_of(plan);
    if sources.is_empty() {
        return Look::passed(format!(
            "no job names a directory, and none is mounted below {BELOW}"
        ));
    }
    let named: Vec<String> = sources
        .keys()
        .map(|path| path.display().to_string())
        .collect();
    let named = named.join(", ");
    let reading = Reading::here();
    let mut excluded = Excluded::default();
    for job in backups(plan) {
        excluded.add(&job.args);
    }
    let looking = spawn_blocking(move || {
        let found = sources.iter();
        found
            .filter_map(|(path, job)| problem(path, job.as_deref(), reading, &excluded))
            .collect::<Vec<_>>()
    });
    match timeout(DEADLINE, looking).await {
        Ok(Ok(findings)) => {
            Look::strictly(findings, format!("{named}: there, not empty, readable"))
        }
        _ => Look::passed(format!(
            "{named} gave no answer within {}: a network file system that hangs?",
            humantime::format_duration(DEADLINE)
        )),
    }
}

fn backups(plan: Option<&Plan>) -> impl Iterator<Item = &plan::Job> {
    let jobs = plan.into_iter().flat_map(|plan| &plan.jobs);
    jobs.filter(|job| is_backup(job))
}

fn sources_of(plan: Option<&Plan>) -> Sources {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let mounted = mounted_below(&mounts, BELOW).map(|path| (path, None));
    let mut sources: Sources = mounted.collect();
    let here = std::env::current_dir().unwrap_or_else(|_| PathBuf::from(BELOW));
    for job in backups(plan) {
        let args: Vec<OsString> = job.args.iter().map(OsString::from).collect();
        for source in sources::named(&args) {
            // As `docker exec` has it: a relative one is one of the working directory.
            let name = job.job.name.clone();
            sources.insert(here.join(source), Some(name));
        }
    }
    sources
}

/// The mount points below a directory (proc_pid_mountinfo(5): the fifth field, in which a space is `\040`).
fn mounted_below(mountinfo: &str, below: &str) -> impl Iterator<Item = PathBuf> {
    mountinfo
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .map(|field| PathBuf::from(field.replace("\\040", " ").replace("\\011", "\t")))
        .filter(move |path| path.starts_with(below) && path != Path::new(below))
}

fn problem(
    path: &Path,
    job: Option<&str>,
    reading: Reading,
    excluded: &Excluded,
) -> Option<Finding> {
    let shown = path.display().to_string();
    if let Err(error) = std::fs::symlink_metadata(path)
        && error.kind() == ErrorKind::NotFound
    {
        return Some(Finding::SourceMissing {
            path: shown,
            job: job.unwrap_or_default().to_owned(),
        });
    }
    if sources::are_empty(std::slice::from_ref(&shown)) {
        return Some(Finding::SourceEmpty { path: shown });
    }
    if reading == Reading::All || excluded.has_more() {
        return None;
    }
    let unreadable = unreadable(path, excluded);
    Some(Finding::SourceUnreadable {
        path: shown,
        example: unreadable.first()?.display().to_string(),
        count: unreadable.len(),
        reading,
    })
}

/// The files that uid 1000 may not read and the folders that it may not look into, of the first [`MOST`].
fn unreadable(path: &Path, excluded: &Excluded) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = vec![path.to_owned()];
    let mut seen = 0;
    while let Some(path) = waiting.pop() {
        seen += 1;
        let Ok(meta) = std::fs::symlink_metadata(&path) else {
            continue;
        };
        let wanted = if meta.is_dir() {
            AccessFlags::R_OK | AccessFlags::X_OK
        } else {
            AccessFlags::R_OK
        };
        if excluded.has(&path) || !(meta.is_dir() || meta.is_file()) {
            continue;
        }
        if access(&path, wanted).is_err() {
            found.push(path);
        } else if meta.is_dir()
            && let Ok(entries) = std::fs::read_dir(&path)
        {
            let room = MOST.saturating_sub(seen + waiting.len());
            waiting.extend(entries.take(room).flatten().map(|entry| entry.path()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
36 35 98:0 / / rw,noatime - overlay overlay rw
40 36 254:1 /srv/a /backup/dir1 rw - ext4 /dev/vda1 rw
41 36 254:1 /srv/b /backup/my\\040files ro - ext4 /dev/vda1 rw
42 36 254:1 /srv/c /backups rw - ext4 /dev/vda1 rw
43 36 254:1 /srv/d /backup rw - ext4 /dev/vda1 rw
";

    #[test]
    fn what_is_mounted_below_a_directory_is_found() {
        let found: Vec<PathBuf> = mounted_below(MOUNTS, "/backup").collect();
        assert_eq!(
            found,
            [
                PathBuf::from("/backup/dir1"),
                PathBuf::from("/backup/my files")
            ]
        );
    }

    #[test]
    fn a_tree_is_looked_through_up_to_a_bound() {
        let folder = tempfile::tempdir().unwrap();
        let none = Excluded::default();
        assert_eq!(unreadable(folder.path(), &none), Vec::<PathBuf>::new());
        assert_eq!(
            unreadable(Path::new("/nowhere"), &none),
            Vec::<PathBuf>::new()
        );
        std::os::unix::fs::symlink("/nowhere", folder.path().join("link")).unwrap();
        std::fs::create_dir(folder.path().join("inner")).unwrap();
        std::fs::write(folder.path().join("inner/file"), "").unwrap();
        assert_eq!(unreadable(folder.path(), &none), Vec::<PathBuf>::new());
    }
}
