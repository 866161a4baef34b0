//! What a restore could not restore, with what to do about it.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::{LINE, quoted, shown};

/// A file, folder or link that restic could not restore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Where it is in the snapshot.
    pub path: String,
    /// The system's word, or restic's.
    pub reason: String,
}

/// What restic could not restore.
#[derive(Debug, Default)]
pub struct Failures {
    /// How many files, folders and links.
    pub count: usize,
    /// The first of them.
    pub named: Vec<Failure>,
}

impl Failure {
    /// By restic's word (0.18): data of the repository is damaged or missing.
    fn is_damage(&self) -> bool {
        let has = |words: &str| self.reason.contains(words);
        has("ciphertext verification failed")
            || has("not found in repository")
            || has("invalid data returned")
            || (has("<data/") && self.reason.ends_with("does not exist"))
    }
}

impl Failures {
    /// The next step; `line` is the command that tries them again, none after a dry run.
    ///
    /// restic gives a file its time even where its content did not come whole, so that `if-changed` passes it over.
    pub(super) fn remedy(&self, line: Option<&str>) -> Cow<'static, str> {
        let reasons = || self.named.iter().map(|failure| &*failure.reason);
        let any = |words: &str| reasons().any(|reason| reason.ends_with(words));
        if let Some(damaged) = self.named.iter().find(|failure| failure.is_damage()) {
            return format!(
                "{}restic finds them damaged or missing in the repository. Take them from an older snapshot ({LINE} restic \
                 find {}; then --snapshot ID), and see what else is damaged: {LINE} verify --read-data-subset=100%{}",
                line.map_or("", |_| "What is there of them is not whole; all else was restored. "),
                quoted(&damaged.path),
                line.map_or(String::new(), |line| format!("; to try again: {line}")),
            )
            .into();
        }
        let Some(line) = line else {
            return "Nothing was written. A restore would name them again, and restore all else."
                .into();
        };
        if any("no space left on device") || any("disk quota exceeded") {
            return format!(
                "What is there of them is not whole. Make room there, then type: {line}"
            )
            .into();
        }
        // restic's word of `--overwrite always` and `if-changed`, which remove an empty one.
        if any("directory not empty") {
            return format!(
                "All else was restored. A directory is in the place of a file or link: move it away, then type: {line}"
            )
            .into();
        }
        if any("read-only file system") {
            return "It is mounted read-only: see the volumes in compose.yaml. Or restore to a new folder: leave out --target and \
                --in-place."
            .into();
        }
        if reasons().all(|reason| reason.starts_with("mknod ")) {
            return "Only root may make device files. All else was restored. With root's rights: docs/restore.md, \"Files of \
                other owners\"."
            .into();
        }
        if any("permission denied")
        || any("operation not permitted")
        // A file that it may not write restic makes writable by chmod, and tells how that went.
        || reasons().any(|reason| reason.starts_with("chmod /"))
        {
            return "uid 1000 may not write there. Restore to a new folder (leave out --target and --in-place) and copy as root; \
                or restore with root's rights: docs/restore.md, \"Files of other owners\"."
            .into();
        }
        format!(
        "All else was restored; what is there of them may not be whole. To try them again: {line}"
    )
    .into()
    }

    /// What could not be restored, or cannot where it has not begun.
    pub(super) fn told(&self, has_begun: bool) -> String {
        let plural = if self.count == 1 { "" } else { "s" };
        let mut text = format!(
            "{} file{plural} or folder{plural} {} be restored:",
            self.count,
            if has_begun { "could not" } else { "cannot" }
        );
        for Failure { path, reason } in &self.named {
            // Writing to a String cannot fail.
            let _ = write!(text, "\n  {}: {}", shown(path), shown(reason));
        }
        if self.count > self.named.len() {
            let _ = write!(text, "\n  and {} more", self.count - self.named.len());
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(reasons: &[&str]) -> Failures {
        let named = reasons.iter().map(|reason| Failure {
            path: "/d/a\x1b[2J".to_owned(),
            reason: (*reason).to_owned(),
        });
        Failures {
            count: reasons.len(),
            named: named.collect(),
        }
    }

    /// The reasons are restic's (0.18), as runs of it gave them.
    #[test]
    fn the_remedy_is_that_of_the_reason() {
        for (reason, remedy) in [
            (
                "decrypting blob <data/05a63cce> from cfb87676 failed: ciphertext verification failed",
                "damaged or missing",
            ),
            (
                "ReadFull(<data/cfb87676b7>): <data/cfb87676b7> does not exist",
                "damaged or missing",
            ),
            ("id 37f419cc not found in repository", "damaged or missing"),
            (
                "ReadFull(<data/cfb87676b7>): unexpected HTTP response (500): 500 Internal Server Error",
                "may not be whole. To try them again: LINE",
            ),
            (
                "write /backup/dir2/f2: no space left on device",
                "is not whole. Make room there, then type: LINE",
            ),
            (
                "open /backup/dir1/plain: read-only file system",
                "mounted read-only",
            ),
            (
                "mknod /t/dev: operation not permitted",
                "Only root may make device files",
            ),
            (
                "remove /backup/dir1/f: directory not empty",
                "move it away, then type: LINE",
            ),
            (
                "RemoveNode: remove /backup/dir1/l: directory not empty",
                "move it away, then type: LINE",
            ),
            (
                "mkdir /t/src: permission denied",
                "uid 1000 may not write there",
            ),
            (
                "chmod /t/a: operation not supported",
                "uid 1000 may not write there",
            ),
        ] {
            let said = of(&[reason]).remedy(Some("LINE"));
            assert!(said.contains(remedy), "{reason}: {said}");
        }
    }

    #[test]
    fn after_a_dry_run_nothing_is_there_and_nothing_was_restored() {
        for reason in [
            "lstat /d/a: not a directory",
            "id 37f4 not found in repository",
        ] {
            let said = of(&[reason]).remedy(None);
            assert!(!said.contains("was restored"), "{said}");
        }
    }

    #[test]
    fn names_are_told_without_what_a_terminal_would_obey() {
        let mut failures = of(&["a\nb"]);
        failures.count = 3;
        assert_eq!(
            failures.told(true),
            "3 files or folders could not be restored:\n  /d/a?[2J: a?b\n  and 2 more"
        );
        assert!(
            failures
                .told(false)
                .starts_with("3 files or folders cannot be restored:")
        );
    }
}
