//! Which files are brought back: some of all, by chance, within bounds; the list of them may be of any length.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use crate::repository::{File, Snapshot};

use super::retrieval::{RESTORED, STREAMED, Way};

/// What was not backed up for so long before the newest snapshot was made is not backed up any more: a run a week is the
/// least that is looked after.
const CURRENT: SignedDuration = SignedDuration::from_hours(8 * 24);

/// So many files are restored at most.
const FILES: usize = 20;

/// A choice on its way.
#[derive(Debug)]
pub(super) struct Choice {
    restored: Reservoir,
    /// One, for where there are none to restore.
    streamed: Reservoir,
    /// A file to look out for.
    wanted: Option<File>,
    is_seen: bool,
}

impl Choice {
    pub(super) fn new(wanted: Option<File>) -> Self {
        Self {
            restored: Reservoir::new(FILES),
            streamed: Reservoir::new(1),
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
        let proves = (1..=STREAMED).contains(&file.size);
        if !proves || file.path.contains(char::REPLACEMENT_CHARACTER) {
            return;
        }
        match Way::of(file.size) {
            Way::Restored => self.restored.see(file),
            Way::Streamed => self.streamed.see(file),
        }
    }

    /// The choice, in an order of chance, and whether the wanted file is in the list.
    pub(super) fn chosen(self) -> (Vec<File>, bool) {
        let mut chosen = self.restored.drawn;
        fastrand::shuffle(&mut chosen);
        let mut left = RESTORED;
        chosen.retain(|file| {
            let fits = file.size <= left;
            if fits {
                left -= file.size;
            }
            fits
        });
        if chosen.is_empty() {
            chosen = self.streamed.drawn;
        }
        (chosen, self.is_seen)
    }
}

/// So many of all that it sees, each with the same chance: reservoir sampling.
#[derive(Debug)]
struct Reservoir {
    room: usize,
    drawn: Vec<File>,
    seen: u64,
}

impl Reservoir {
    fn new(room: usize) -> Self {
        Self {
            room,
            drawn: Vec::new(),
            seen: 0,
        }
    }

    fn see(&mut self, file: File) {
        self.seen += 1;
        if self.drawn.len() < self.room {
            self.drawn.push(file);
        } else if let Ok(place) = usize::try_from(fastrand::u64(..self.seen))
            && let Some(drawn) = self.drawn.get_mut(place)
        {
            *drawn = file;
        }
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
            file("/large", RESTORED + 1),
            file("/huge", STREAMED + 1),
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
    fn where_all_files_are_large_one_is_chosen_each_with_the_same_chance() {
        let mut files: Vec<File> = (0..4)
            .map(|n| file(&format!("/{n}"), RESTORED + 1))
            .collect();
        files[3].size = STREAMED;
        files.push(file("/huge", STREAMED + 1));
        files.push(file("/empty", 0));
        let mut counts: HashMap<String, usize> = HashMap::new();
        for _ in 0..1000 {
            let [chosen] = &chosen(&files)[..] else {
                panic!("one");
            };
            *counts.entry(chosen.path.clone()).or_default() += 1;
        }
        // 250 times each in the mean, with a standard deviation below 14.
        assert_eq!(counts.len(), 4);
        for (path, count) in counts {
            assert!((110..390).contains(&count), "{path}: {count}");
        }
    }

    #[test]
    fn where_none_is_small_enough_none_is_chosen() {
        assert_eq!(
            chosen(&[file("/huge", STREAMED + 1), file("/empty", 0)]),
            []
        );
    }

    #[test]
    fn all_together_fit_into_the_bound() {
        let files: Vec<File> = (0..FILES)
            .map(|n| file(&format!("/{n}"), RESTORED / 4))
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
}
