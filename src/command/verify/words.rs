//! What a verification came to, in one line with its figures; and the names of the files that failed.

use super::canary::Returned;
use super::compare::{Compared, Outcome};
use super::retrieval::{STREAMED, Way};
use crate::restore::shown;
use crate::size::bytes;

/// All that was done.
#[derive(Debug)]
pub(super) struct Verified {
    /// The share of the data that was read, as restic takes it.
    subset: String,
    /// The snapshot, by its short id.
    snapshot: String,
    /// The files that were brought back, all on the same way.
    pub files: Vec<Compared>,
    /// The file of the last run, where there was one to bring back.
    pub canary: Option<Returned>,
}

impl Verified {
    pub(super) fn new(subset: String, snapshot: String) -> Self {
        Self {
            subset,
            snapshot,
            files: Vec::new(),
            canary: None,
        }
    }

    /// The files that are not what was backed up, each with what is wrong.
    pub(super) fn wrong(&self) -> Vec<String> {
        let files = self.files.iter().filter_map(|compared| {
            let wrong = match (&compared.outcome, Way::of(compared.file.size)) {
                (Outcome::Different, _) => {
                    "differs from its source, which has the same size and time"
                }
                (Outcome::NotWhole, Way::Restored) => "was not restored whole",
                (Outcome::NotWhole, Way::Streamed) => "did not come back whole",
                _ => return None,
            };
            let path = shown(&compared.file.path);
            Some(format!("{path} of snapshot {} {wrong}", self.snapshot))
        });
        let canary = self.canary.iter().filter(|returned| !returned.is_equal);
        let canary = canary.map(|Returned { canary, .. }| {
            format!(
                "{} of snapshot {:.8} is not what it was on {}",
                shown(&canary.file.path),
                canary.snapshot,
                canary.kept.strftime("%Y-%m-%d")
            )
        });
        files.chain(canary).collect()
    }

    /// The verdict where nothing is wrong.
    pub(super) fn verdict(&self, remote: &str) -> String {
        let mut parts = vec![
            format!("Verified {remote}: check ok"),
            format!("{} of the data read", share(&self.subset)),
        ];
        parts.push(self.brought_back());
        let others = [
            (Outcome::ChangedSince, "changed since"),
            (Outcome::GoneSince, "gone since"),
            (Outcome::Unreadable, "not readable here"),
        ];
        for (outcome, what) in others {
            let count = self.count(|found| *found == outcome);
            if count > 0 {
                parts.push(format!("{count} {what}"));
            }
        }
        if let Some(returned) = &self.canary {
            let kept = returned.canary.kept.strftime("%Y-%m-%d");
            parts.push(format!("the canary of {kept} equal"));
        }
        parts.join(", ")
    }

    fn brought_back(&self) -> String {
        let snapshot = &self.snapshot;
        let Some(first) = self.files.first() else {
            let most = STREAMED / 1_000_000_000;
            return format!("snapshot {snapshot} has no file to restore (of 1 byte to {most} GB)");
        };
        let way = Way::of(first.file.size);
        let came = match way {
            Way::Restored => "restored",
            Way::Streamed => "read back whole",
        };
        let is_equal = |outcome: &Outcome| matches!(outcome, Outcome::Equal { .. });
        let equal = self.count(is_equal);
        let all: u64 = self.files.iter().map(|compared| compared.file.size).sum();
        if equal == 0 {
            return format!(
                "{} of snapshot {snapshot} {came} ({}) and none could be compared",
                files(self.files.len(), way),
                bytes(all)
            );
        }
        let sizes = self.files.iter().filter(|file| is_equal(&file.outcome));
        let size: u64 = sizes.map(|compared| compared.file.size).sum();
        format!(
            "{} of snapshot {snapshot} {came} and equal ({})",
            files(equal, way),
            bytes(size)
        )
    }

    fn count(&self, is_meant: impl Fn(&Outcome) -> bool) -> usize {
        let meant = self.files.iter().filter(|file| is_meant(&file.outcome));
        meant.count()
    }
}

fn files(count: usize, way: Way) -> String {
    let large = match way {
        Way::Restored => "",
        Way::Streamed => "large ",
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {large}file{plural}")
}

/// `5%`, `1/10` and `500M` as a sentence has them.
fn share(subset: &str) -> String {
    if let Some(percent) = subset.strip_suffix('%') {
        format!("{percent} %")
    } else if let Some((part, of)) = subset.split_once('/') {
        format!("part {part} of {of}")
    } else {
        subset.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::verify::Canary;
    use crate::repository::File;

    fn equal() -> Outcome {
        Outcome::Equal {
            sha256: "00".to_owned(),
        }
    }

    fn file(path: &str) -> File {
        File {
            path: path.to_owned(),
            size: 1024 * 1024,
            mtime: "2026-11-20T05:00:00Z".parse().unwrap(),
        }
    }

    fn verified(outcomes: &[Outcome]) -> Verified {
        let mut verified = Verified::new("5%".to_owned(), "1a2b3c4d".to_owned());
        verified.files = outcomes
            .iter()
            .enumerate()
            .map(|(n, outcome)| Compared {
                file: file(&format!("/d/{n}")),
                outcome: outcome.clone(),
            })
            .collect();
        verified
    }

    fn returned(is_equal: bool) -> Returned {
        Returned {
            canary: Canary {
                kept: "2026-11-21T05:00:00Z".parse().unwrap(),
                snapshot: "9f".repeat(32),
                file: file("/d/bird\n"),
                sha256: "00".to_owned(),
            },
            is_equal,
        }
    }

    #[test]
    fn the_verdict_has_the_figures() {
        let mut all = verified(&[
            equal(),
            Outcome::ChangedSince,
            equal(),
            Outcome::GoneSince,
            Outcome::ChangedSince,
            Outcome::Unreadable,
        ]);
        all.canary = Some(returned(true));
        assert!(all.wrong().is_empty());
        assert_eq!(
            all.verdict("/store/"),
            "Verified /store/: check ok, 5 % of the data read, 2 files of snapshot 1a2b3c4d restored and equal (2.0 MiB), \
             2 changed since, 1 gone since, 1 not readable here, the canary of 2026-11-21 equal"
        );
        assert_eq!(
            verified(&[equal()]).verdict("/store/"),
            "Verified /store/: check ok, 5 % of the data read, 1 file of snapshot 1a2b3c4d restored and equal (1.0 MiB)"
        );
    }

    #[test]
    fn that_nothing_could_be_compared_is_said() {
        let verdict = verified(&[Outcome::GoneSince, Outcome::GoneSince]).verdict("/store/");
        assert!(
            verdict.ends_with(
                "2 files of snapshot 1a2b3c4d restored (2.0 MiB) and none could be compared, 2 gone since"
            ),
            "{verdict}"
        );
        let verdict = verified(&[]).verdict("/store/");
        assert!(
            verdict.ends_with("snapshot 1a2b3c4d has no file to restore (of 1 byte to 10 GB)"),
            "{verdict}"
        );
    }

    #[test]
    fn that_a_large_file_was_streamed_is_said() {
        let large = |outcome| {
            let mut all = verified(&[outcome]);
            all.files[0].file.size = 2_300_000_000;
            all
        };
        let verdict = large(equal()).verdict("/store/");
        assert!(
            verdict
                .ends_with("1 large file of snapshot 1a2b3c4d read back whole and equal (2.1 GiB)"),
            "{verdict}"
        );
        let verdict = large(Outcome::ChangedSince).verdict("/store/");
        assert!(
            verdict.ends_with(
                "1 large file of snapshot 1a2b3c4d read back whole (2.1 GiB) and none could be compared, 1 changed since"
            ),
            "{verdict}"
        );
        assert_eq!(
            large(Outcome::NotWhole).wrong(),
            ["/d/0 of snapshot 1a2b3c4d did not come back whole"]
        );
    }

    #[test]
    fn what_is_wrong_is_named_one_file_a_line() {
        let mut all = verified(&[Outcome::Different, equal(), Outcome::NotWhole]);
        all.canary = Some(returned(false));
        assert_eq!(
            all.wrong(),
            [
                "/d/0 of snapshot 1a2b3c4d differs from its source, which has the same size and time",
                "/d/2 of snapshot 1a2b3c4d was not restored whole",
                "/d/bird? of snapshot 9f9f9f9f is not what it was on 2026-11-21",
            ]
        );
    }

    #[test]
    fn a_share_is_told_as_people_say_it() {
        assert_eq!(share("2.5%"), "2.5 %");
        assert_eq!(share("1/10"), "part 1 of 10");
        assert_eq!(share("500M"), "500M");
    }
}
