//! Which of the arguments of `restic backup` are the sources: the verdict of a report names them.

use std::ffi::OsString;

/// Options of `restic backup` 0.18 and 0.19 that take a value as their next argument; a test holds it against restic.
const WITH_VALUE: [&str; 42] = [
    "-e",
    "--exclude",
    "--exclude-file",
    "--exclude-if-present",
    "--exclude-larger-than",
    "--files-from",
    "--files-from-raw",
    "--files-from-verbatim",
    "-g",
    "--group-by",
    "-H",
    "--host",
    "--iexclude",
    "--iexclude-file",
    "--parent",
    "--read-concurrency",
    "--stdin-filename",
    "--tag",
    "--time",
    "--cacert",
    "--cache-dir",
    "--compression",
    "--http-user-agent",
    "--key-hint",
    "--limit-download",
    "--limit-upload",
    "-o",
    "--option",
    "--pack-size",
    "--password-command",
    "-p",
    "--password-file",
    "-r",
    "--repo",
    "--repository-file",
    "--retry-lock",
    "--stuck-request-timeout",
    "--tls-client-cert",
    "--from-repo",
    "--from-password-file",
    "--from-password-command",
    "--from-key-hint",
];

/// The sources as a person would name them.
pub(in crate::command) fn describe(args: &[OsString]) -> String {
    let sources = named(args);
    if sources.is_empty() {
        return args
            .iter()
            .map(|arg| arg.to_string_lossy())
            .collect::<Vec<_>>()
            .join(" ");
    }
    sources.join(", ")
}

/// Whether they are nothing but empty directories, which is what a mistyped host directory looks like in a container.
pub(in crate::command) fn are_empty(sources: &[String]) -> bool {
    let is_empty = |source: &String| {
        std::fs::read_dir(source).is_ok_and(|mut entries| entries.next().is_none())
    };
    !sources.is_empty() && sources.iter().all(is_empty)
}

/// The arguments that are neither options nor their values.
pub(in crate::command) fn named(args: &[OsString]) -> Vec<String> {
    let mut sources = Vec::new();
    let mut args = args.iter().map(|arg| arg.to_string_lossy());
    while let Some(arg) = args.next() {
        if arg == "--" {
            sources.extend(args.map(std::borrow::Cow::into_owned));
            return sources;
        }
        if WITH_VALUE.contains(&&*arg) {
            args.next();
        } else if !arg.starts_with('-') {
            sources.push(arg.into_owned());
        }
    }
    sources
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(line: &str) -> String {
        describe(&line.split(' ').map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn values_of_options_are_no_sources() {
        assert_eq!(described("--tag example /backup/dir1"), "/backup/dir1");
        assert_eq!(
            described("/a --exclude=*.tmp -e /b --one-file-system /c"),
            "/a, /c"
        );
        assert_eq!(described("-- -odd"), "-odd");
    }

    #[test]
    fn only_directories_without_any_entry_are_empty() {
        let folder = tempfile::tempdir().unwrap();
        let [empty, full] = ["empty", "full"].map(|name| folder.path().join(name));
        std::fs::create_dir_all(&empty).unwrap();
        std::fs::create_dir_all(full.join("inner")).unwrap();
        let [empty, full] = [empty, full].map(|path| path.display().to_string());
        assert!(are_empty(std::slice::from_ref(&empty)));
        assert!(!are_empty(&[empty, full]));
        assert!(!are_empty(&["no such directory".to_owned()]));
        assert!(!are_empty(&[]));
    }

    #[test]
    fn without_sources_the_arguments_are_named() {
        assert_eq!(described("--files-from /list"), "--files-from /list");
    }
}
