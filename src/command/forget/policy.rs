//! What the arguments of `restic forget` keep, read as restic itself reads options (the library pflag).
//!
//! `-H` is `--keep-hourly` here, not the host as with restic's other commands.

use std::ffi::OsString;

use crate::repository::Retention;

/// The one-letter options of `restic forget` 0.18 that have a value, and their long names.
const LETTERS_WITH_VALUE: [(char, &str); 10] = [
    ('l', "keep-last"),
    ('H', "keep-hourly"),
    ('d', "keep-daily"),
    ('w', "keep-weekly"),
    ('m', "keep-monthly"),
    ('y', "keep-yearly"),
    ('g', "group-by"),
    ('o', "option"),
    ('p', "password-file"),
    ('r', "repo"),
];

/// The long ones, beside all that begin with `keep-`; a test holds both lists against restic.
const WITH_VALUE: [&str; 25] = [
    "host",
    "hostname",
    "tag",
    "path",
    "group-by",
    "max-unused",
    "max-repack-size",
    "repack-smaller-than",
    "cacert",
    "cache-dir",
    "compression",
    "http-user-agent",
    "key-hint",
    "limit-download",
    "limit-upload",
    "option",
    "pack-size",
    "password-command",
    "password-file",
    "repo",
    "repository-file",
    "retry-lock",
    "stuck-request-timeout",
    "tls-client-cert",
    "from-repo",
];

/// Who chooses snapshots, or groups them, has an intention of his own.
const OWN: [&str; 6] = ["host", "hostname", "tag", "path", "group-by", "keep-tag"];
/// The repository is then another one, or is opened in another way.
const ELSEWHERE: [&str; 5] = [
    "repo",
    "repository-file",
    "password-file",
    "password-command",
    "insecure-no-password",
];

/// What a forget with these arguments keeps.
pub(super) fn retention(args: &[OsString]) -> Retention {
    let mut policy = Vec::new();
    let (mut own, mut elsewhere) = (false, false);
    let mut args = args.iter().map(|arg| arg.to_string_lossy().into_owned());
    while let Some(arg) = args.next() {
        if arg == "--" {
            // What follows are snapshots.
            own |= args.next().is_some();
            break;
        }
        let Some((name, value)) = option(&arg, &mut args) else {
            own = true;
            continue;
        };
        own |= OWN.contains(&&*name);
        elsewhere |= ELSEWHERE.contains(&&*name);
        let value = value.as_deref().unwrap_or_default().trim();
        if name.starts_with("keep-") && !value.is_empty() {
            // restic has taken it: a number or a time, which no shell minds.
            policy.extend([format!("--{name}"), value.to_owned()]);
        }
    }
    if elsewhere {
        Retention::Elsewhere
    } else if own || policy.is_empty() {
        Retention::Own
    } else {
        Retention::Whole(policy)
    }
}

/// The option that an argument is or ends with, by its long name, with its value; `None` for what is no option.
///
/// Letters without a value stand for nothing here, and may precede one that has a value.
fn option(arg: &str, more: &mut impl Iterator<Item = String>) -> Option<(String, Option<String>)> {
    if let Some(long) = arg.strip_prefix("--") {
        if let Some((name, value)) = long.split_once('=') {
            return Some((name.to_owned(), Some(value.to_owned())));
        }
        let has_value = long.starts_with("keep-") || WITH_VALUE.contains(&long);
        return Some((long.to_owned(), has_value.then(|| more.next()).flatten()));
    }
    let letters = arg.strip_prefix('-').filter(|rest| !rest.is_empty())?;
    let found = letters.char_indices().find_map(|(at, letter)| {
        let (_, name) = LETTERS_WITH_VALUE
            .iter()
            .find(|(known, _)| *known == letter)?;
        Some((*name, &letters[at + letter.len_utf8()..]))
    });
    let Some((name, rest)) = found else {
        return Some((String::new(), None));
    };
    let value = match rest.strip_prefix('=') {
        Some(value) => Some(value.to_owned()),
        None if rest.is_empty() => more.next(),
        None => Some(rest.to_owned()),
    };
    Some((name.to_owned(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn retention_of(line: &str) -> Retention {
        retention(&line.split(' ').map(OsString::from).collect::<Vec<_>>())
    }

    #[track_caller]
    fn assert_keeps(line: &str, expected: &str) {
        let expected = expected.split(' ').map(str::to_owned).collect();
        assert_eq!(retention_of(line), Retention::Whole(expected), "{line}");
    }

    #[test]
    fn the_policy_is_read_however_it_is_written() {
        for line in [
            "--keep-last 5",
            "--keep-last=5 --prune",
            "-l 5",
            "-l5",
            "-l=5",
            "-cl5",
            "-cql=5 --verbose",
            "-v=2 -l 5",
            "--retry-lock 5m -l 5 --max-unused 10%",
            "-o rest.connections=2 --limit-upload 100 --keep-last 5 --no-cache",
            "-vvorest.connections=2 -cl 5 --",
        ] {
            assert_keeps(line, "--keep-last 5");
        }
        assert_keeps("--keep-within 1m --prune", "--keep-within 1m");
        assert_keeps(
            "-H 24 --keep-within-daily=1y --keep-last unlimited",
            "--keep-hourly 24 --keep-within-daily 1y --keep-last unlimited",
        );
        // restic takes the last one, here as there.
        assert_keeps("-l 1 -l 2", "--keep-last 1 --keep-last 2");
    }

    #[test]
    fn who_chooses_snapshots_or_their_groups_has_his_own_intention() {
        for line in [
            "--host my-VM --keep-last 5",
            "--keep-last 5 --host=my-VM",
            "--hostname my-VM --keep-last 5",
            "--group-by host --keep-last 5",
            "--group-by= --keep-last 5",
            "-g paths -l 5",
            "-cgpaths -l 5",
            "--tag example --keep-last 5",
            "--path /backup/dir1 --keep-last 5",
            "--keep-tag example --keep-last 5",
            "--keep-tag=example --keep-last 5",
            "0b6a55bb --keep-last 5",
            "--keep-last 5 -- 0b6a55bb",
            "--keep-last 5 -",
            "--prune",
            "--unsafe-allow-remove-all --tag example",
            "--keep-last=",
            "--keep-last",
        ] {
            assert_eq!(retention_of(line), Retention::Own, "{line}");
        }
    }

    #[test]
    fn a_repository_of_the_users_own_is_elsewhere() {
        for line in [
            "-r /other --keep-last 5",
            "--repo=/other --host my-VM",
            "-cr/other -l 5",
            "--repository-file /file -l 5",
            "-p /file -l 5",
            "--insecure-no-password -l 5",
        ] {
            assert_eq!(retention_of(line), Retention::Elsewhere, "{line}");
        }
    }

    #[test]
    fn an_option_that_is_not_known_is_no_reason_to_ask() {
        // Its value looks like a snapshot.
        assert_eq!(retention_of("--new-one 5 --keep-last 5"), Retention::Own);
    }
}
