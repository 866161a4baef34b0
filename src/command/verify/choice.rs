//! Which files are restored: some of all, by chance, within bounds; the list of them may be of any length.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use crate::repository::{File, Snapshot};

/// What was not backed up for so long before the newest snapshot was made is not backed up any more: a run a week is the
/// least that is looked after.
const CURRENT: SignedDuration = SignedDuration::from_hours(8 * 24);

/// So many files at most.
const FILES: usize = 20;
/// So many bytes at most, in all.
const BYTES: u64 = 200 * 1000 * 1000;

/// A choice on its way.
#[derive(Debug)]
pub(super) struct Choice {
    /// Each with the same chance: reservoir sampling.
    chosen: Vec<File>,
    seen: u64,
    /// A file to look out for.
    wanted: Option<File>,
    is_seen: bool,
}

impl Choice {
    pub(super) fn new(wanted: Option<File>) -> Self {
        Self {
            chosen: Vec::new(),
            seen: 0,
            wanted,
            is_seen: false,
        }
    }

    /// Takes the next file of the list.
    pub(super) fn see(&mut self, file: File) {
        if self.wanted.as_ref() == Some(&file) {
            self.is_seen = true;
        }
        // An empty file proves nothing; a name that is no text is not in the list as it is.
        let proves = (1..=BYTES).contains(&file.size);
        if !proves || file.path.contains(char::REPLACEMENT_CHARACTER) {
            return;
        }
        self.seen += 1;
        if self.chosen.len() < FILES {
            self.chosen.push(file);
        } else if let Ok(place) = usize::try_from(fastrand::u64(..self.seen))
            && let Some(chosen) = self.chosen.get_mut(place)
        {
            *chosen = file;
        }
    }

    /// The choice, in an order of chance, and whether the wanted file is in the list.
    pub(super) fn chosen(mut self) -> (Vec<File>, bool) {
        fastrand::shuffle(&mut self.chosen);
        let mut left = BYTES;
        self.chosen.retain(|file| {
            let fits = file.size <= left;
            if fits {
                left -= file.size;
            }
            fits
        });
        (self.chosen, self.is_seen)
    }
}

/// The newest snapshot of each set of paths that is still backed up.
pub(super) fn newest(snapshots: impl IntoIterator<Item = Snapshot>) -> Vec<Snapshot> {
    let mut newest: BTreeMap<Vec<String>, Snapshot> = BTreeMap::new();
    for snapshot in snapshots {
        let known = newest.get(&snapshot.paths);
        if known.is_none_or(|known| known.time <= snapshot.time) {
            newest.insert(snapshot.paths.clone(), snapshot);
        }
    }
    let last = newest.values().map(|snapshot| snapshot.time).max();
    newest
        .into_values()
        .filter(|snapshot| last.is_some_and(|last| last.duration_since(snapshot.time) <= CURRENT))
        .collect()
}

/// The option by which restic restores exactly this file: its patterns are those of Go's `filepath.Match`.
pub(super) fn include(path: &str) -> String {
    let mut option = "--include=".to_owned();
    for char in path.chars() {
        if matches!(char, '\\' | '*' | '?' | '[' | ']') {
            option.push('\\');
        }
        option.push(char);
    }
    option
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn file(path: &str, size: u64) -> File {
        File {
            path: path.to_owned(),
            size,
            mtime: "2026-11-20T05:00:00Z".parse().unwrap(),
        }
    }

    fn chosen(files: &[File]) -> Vec<File> {
        let mut choice = Choice::new(None);
        files.iter().cloned().for_each(|file| choice.see(file));
        choice.chosen().0
    }

    #[test]
    fn of_few_files_all_are_chosen_but_those_that_prove_nothing() {
        let files = [
            file("/a", 1),
            file("/empty", 0),
            file("/huge", BYTES + 1),
            file("/odd\u{fffd}", 1),
            file("/b", 2),
        ];
        let mut paths: Vec<String> = chosen(&files).into_iter().map(|file| file.path).collect();
        paths.sort();
        assert_eq!(paths, ["/a", "/b"]);
    }

    #[test]
    fn of_many_files_each_has_the_same_chance() {
        let files: Vec<File> = (0..100).map(|n| file(&format!("/{n}"), 1)).collect();
        let mut counts: HashMap<String, usize> = HashMap::new();
        for _ in 0..1000 {
            let chosen = chosen(&files);
            assert_eq!(chosen.len(), FILES);
            for file in chosen {
                *counts.entry(file.path).or_default() += 1;
            }
        }
        // 200 times each in the mean, with a standard deviation below 13: ten of them away is no chance.
        assert_eq!(counts.len(), 100);
        for (path, count) in counts {
            assert!((70..330).contains(&count), "{path}: {count}");
        }
    }

    #[test]
    fn all_together_fit_into_the_bound() {
        let files: Vec<File> = (0..FILES)
            .map(|n| file(&format!("/{n}"), BYTES / 4))
            .collect();
        let chosen = chosen(&files);
        assert_eq!(chosen.len(), 4);
    }

    #[test]
    fn a_wanted_file_is_seen_only_as_it_was() {
        let wanted = file("/a", 3);
        for (listed, is_seen) in [
            (wanted.clone(), true),
            (file("/a", 4), false),
            (file("/b", 3), false),
        ] {
            let mut choice = Choice::new(Some(wanted.clone()));
            choice.see(listed);
            assert_eq!(choice.chosen().1, is_seen);
        }
    }

    #[test]
    fn the_newest_of_each_set_of_paths_that_is_still_backed_up() {
        let snapshots = [
            ("2026-11-27T02:00:00Z", "/home", "1"),
            ("2026-11-28T02:00:00Z", "/home", "2"),
            ("2026-11-26T02:00:00Z", "/home", "3"),
            ("2026-11-20T02:00:00Z", "/database", "4"),
            // Nobody backs that up any more.
            ("2026-11-20T01:59:59Z", "/old", "5"),
        ]
        .map(|(time, path, id)| {
            let json =
                format!(r#"{{"time":"{time}","paths":["{path}"],"id":"{id}","short_id":""}}"#);
            serde_json::from_str(&json).unwrap()
        });
        let ids = |snapshots: Vec<Snapshot>| -> Vec<String> {
            newest(snapshots)
                .into_iter()
                .map(|snapshot| snapshot.id)
                .collect()
        };
        assert_eq!(ids(snapshots.into()), ["4", "2"]);
        assert_eq!(ids(Vec::new()), [""; 0]);
    }

    #[test]
    fn a_name_is_no_pattern() {
        assert_eq!(
            include("/d[1]*/a\\b? $HOME"),
            r"--include=/d\[1\]\*/a\\b\? $HOME"
        );
    }
}
