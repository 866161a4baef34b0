//! What the backups of the schedule leave out: it need not be readable.
//!
//! Plain names and absolute paths are known here. Patterns are restic's own affair, so where a job has one nobody says which
//! files it is about.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// What restic leaves out by `--exclude` and the options beside it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Excluded {
    paths: Vec<PathBuf>,
    /// Wherever they are.
    names: Vec<OsString>,
    /// There is more, which only restic knows.
    more: bool,
}

impl Excluded {
    /// Adds what the arguments of a backup exclude.
    pub(super) fn add(&mut self, args: &[String]) {
        let mut args = args.iter().map(String::as_str);
        while let Some(arg) = args.next() {
            match arg.split_once('=') {
                _ if arg == "--" => return,
                Some(("--exclude", pattern)) => self.add_pattern(pattern),
                None if arg == "--exclude" || arg == "-e" => {
                    self.add_pattern(args.next().unwrap_or_default());
                }
                _ => {
                    let begins = ["--exclude", "--iexclude", "-e", "-x", "--one-file-system"];
                    self.more |= begins.iter().any(|begin| arg.starts_with(begin));
                }
            }
        }
    }

    fn add_pattern(&mut self, pattern: &str) {
        if pattern.is_empty() || pattern.contains(['*', '?', '[', '\\', '!', '$']) {
            self.more = true;
        } else if pattern.starts_with('/') {
            self.paths.push(PathBuf::from(pattern));
        } else if pattern.contains('/') {
            self.more = true;
        } else {
            self.names.push(OsString::from(pattern));
        }
    }

    /// Whether it is left out for certain.
    pub(super) fn has(&self, path: &Path) -> bool {
        let name = path.file_name().map(OsStr::to_owned);
        self.paths.iter().any(|excluded| path == excluded)
            || name.is_some_and(|name| self.names.contains(&name))
    }

    /// Whether others may be left out, too.
    pub(super) fn has_more(&self) -> bool {
        self.more
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(args: &str) -> Excluded {
        let args: Vec<String> = args.split(' ').map(str::to_owned).collect();
        let mut excluded = Excluded::default();
        excluded.add(&args);
        excluded
    }

    #[test]
    fn names_and_paths_are_known_and_patterns_are_restics_own() {
        let plain = of("--exclude /backup/dir1/secret --exclude=cache -e tmp /backup/dir1");
        for path in ["/backup/dir1/secret", "/backup/dir1/a/cache", "/backup/tmp"] {
            assert!(plain.has(Path::new(path)), "{path}");
        }
        for path in ["/backup/dir1", "/backup/dir1/other", "/backup/secret"] {
            assert!(!plain.has(Path::new(path)), "{path}");
        }
        assert!(!plain.has_more());
        assert!(!of("--tag example /backup/dir1 -- --exclude=*").has_more());
        for more in [
            "--exclude=*.key",
            "--exclude a/b",
            "--iexclude=x",
            "--exclude-file=/f",
            "--exclude-caches",
            "-x",
        ] {
            assert!(of(more).has_more(), "{more}");
        }
    }
}
