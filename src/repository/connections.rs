//! How many requests restic has under way at the REST server, which is how many rclone has at the storage.
//!
//! restic's extended option `rest.connections` (its documentation, "Tuning Backup Parameters") has no variable of its
//! own. The default is chosen by measurement: docs/performance.md.

use std::ffi::OsString;

/// The option as restic lists it (`restic options`).
const OPTION: &str = "rest.connections";
/// restic itself takes 5. A read is two requests of rclone's, one after the other, so more of them at once pay.
const CONNECTIONS: u8 = 8;
/// What mostly writes is faster with restic's own number.
const WRITES: &str = "backup";

/// The arguments with our number of connections in front, unless they name one (restic refuses two) or are a backup's.
///
/// In front is where an option of restic can stand whatever follows.
pub(super) fn chosen(mut args: Vec<OsString>) -> Vec<OsString> {
    // restic does not mind the case.
    let names_it = |arg: &OsString| arg.to_string_lossy().to_lowercase().contains(OPTION);
    if !args.iter().any(|arg| arg == WRITES || names_it(arg)) {
        args.insert(0, format!("--option={OPTION}={CONNECTIONS}").into());
    }
    args
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen_of(line: &str) -> String {
        let args = chosen(line.split_whitespace().map(OsString::from).collect());
        args.join(std::ffi::OsStr::new(" ")).into_string().unwrap()
    }

    #[test]
    fn our_number_of_connections_stands_in_front() {
        assert_eq!(
            chosen_of("--verbose restore latest -- -o"),
            "--option=rest.connections=8 --verbose restore latest -- -o"
        );
        assert_eq!(
            chosen_of("check -o s3.connections=3"),
            "--option=rest.connections=8 check -o s3.connections=3"
        );
    }

    #[test]
    fn the_users_own_number_is_the_only_one() {
        for line in [
            "check -o rest.connections=3",
            "--option=rest.connections=3 snapshots",
            "-orest.connections=3 snapshots",
            "snapshots -vo REST.Connections=3",
        ] {
            assert_eq!(chosen_of(line), line);
        }
    }

    #[test]
    fn a_backup_has_restics_own_number() {
        for line in ["backup /data", "--verbose backup /data"] {
            assert_eq!(chosen_of(line), line);
        }
    }
}
