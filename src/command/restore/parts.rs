//! What a restore has to be asked for to have the newest of everything, where a host has snapshots of several sets of
//! directories. Pure.

use std::path::Path;

use crate::repository::{Group, literally};
use crate::restore::quoted;

/// What one line restores.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::command) struct Part {
    /// The paths; none stands for all.
    pub paths: Vec<String>,
    /// Its snapshots have more, which newer ones have too.
    pub is_rest: bool,
    /// The ID of its newest snapshot, where a newer one of another set has something below these paths: by the paths that
    /// one would be taken.
    pub snapshot: Option<String>,
}

/// The oldest first, so that no old state comes over a newer one; a set that newer ones have whole is left out.
pub(in crate::command) fn parts(groups: &[Group], host: &str) -> Vec<Part> {
    let mut ours: Vec<&Group> = groups.iter().filter(|group| group.host == host).collect();
    if ours.len() < 2 {
        return vec![Part::default()];
    }
    ours.sort_by_key(|group| std::cmp::Reverse(group.newest));
    let mut newer: Vec<&Path> = Vec::new();
    let mut parts = Vec::new();
    for group in ours {
        let is_left =
            |path: &&String| !newer.iter().any(|above| Path::new(path).starts_with(above));
        let paths: Vec<String> = group.paths.iter().filter(is_left).cloned().collect();
        let has_newer = newer
            .iter()
            .any(|below| paths.iter().any(|path| below.starts_with(path)));
        newer.extend(group.paths.iter().map(Path::new));
        if !paths.is_empty() {
            parts.push(Part {
                is_rest: paths.len() < group.paths.len(),
                snapshot: has_newer.then(|| group.newest_id.clone()),
                paths,
            });
        }
    }
    parts.reverse();
    parts
}

impl Part {
    /// The arguments of our `restore`.
    pub(in crate::command) fn of_restore(&self, host: &str, options: &str) -> String {
        let which = match &self.snapshot {
            Some(id) => format!(" --snapshot {id}"),
            None => format!(" --host {}", quoted(host)),
        };
        format!("{which}{options}{}", words(" ", &self.paths))
    }

    /// The arguments of `restic restore`, whose `latest` is of those that were given all of these paths.
    pub(in crate::command) fn of_restic(&self, host: &str, options: &str) -> String {
        let only: Vec<String> = if self.is_rest {
            self.paths.iter().map(|path| literally(path)).collect()
        } else {
            Vec::new()
        };
        format!(
            " latest --host {}{}{options}{}",
            quoted(host),
            words(" --path ", &self.paths),
            words(" --include ", &only)
        )
    }
}

/// Each after the same sign or option, as a shell takes it.
fn words(before: &str, words: &[String]) -> String {
    let words = words.iter().map(|word| format!("{before}{}", quoted(word)));
    words.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(day: u8, id: &str, paths: &[&str]) -> Group {
        Group {
            host: "vm".to_owned(),
            paths: paths.iter().map(|path| (*path).to_owned()).collect(),
            count: 1,
            newest: format!("2026-11-{day:02}T02:00:00Z").parse().unwrap(),
            newest_id: id.to_owned(),
            newest_bytes: None,
        }
    }

    /// Each part as its paths, whether they are a rest, and the ID.
    fn of(groups: &[Group]) -> Vec<(String, bool, Option<String>)> {
        let parts = parts(groups, "vm").into_iter();
        parts
            .map(|part| (part.paths.join(" "), part.is_rest, part.snapshot))
            .collect()
    }

    fn part(paths: &str, is_rest: bool, id: Option<&str>) -> (String, bool, Option<String>) {
        (paths.to_owned(), is_rest, id.map(str::to_owned))
    }

    #[test]
    fn one_set_is_everything_and_other_hosts_do_not_count() {
        let mut other = group(27, "2", &["/c"]);
        other.host = "other".to_owned();
        assert_eq!(
            of(&[group(26, "1", &["/a", "/b"]), other]),
            [part("", false, None)]
        );
        assert_eq!(of(&[]), [part("", false, None)]);
    }

    #[test]
    fn a_set_that_newer_ones_have_whole_is_left_out() {
        assert_eq!(
            of(&[
                group(27, "2", &["/a"]),
                group(26, "1", &["/a", "/b/sub"]),
                group(28, "3", &["/b"]),
            ]),
            [part("/a", false, None), part("/b", false, None)]
        );
    }

    #[test]
    fn of_an_older_set_only_what_no_newer_one_has_and_before_the_newer_ones() {
        assert_eq!(
            of(&[group(27, "2", &["/a"]), group(26, "1", &["/a", "/ab"])]),
            [part("/ab", true, None), part("/a", false, None)]
        );
    }

    #[test]
    fn an_older_set_above_a_newer_one_is_named_by_its_snapshot() {
        assert_eq!(
            of(&[group(27, "2", &["/a/b"]), group(26, "1", &["/a"])]),
            [part("/a", false, Some("1")), part("/a/b", false, None)]
        );
    }
}
