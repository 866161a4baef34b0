//! Whether a job of restic's changes nothing: by its arguments, as restic reads them.

use std::ffi::OsString;

/// Whether restic is only to say what it would do, by its option `--dry-run` or `-n`; the last one counts.
pub(super) fn is_asked_for(args: &[OsString]) -> bool {
    let options = args.iter().take_while(|arg| *arg != "--");
    let said = options.filter_map(|arg| dry_run_by(arg.to_str()?));
    said.last().unwrap_or(false)
}

/// What one argument says of it, as restic reads it: `--dry-run=false`, `-n`, and among other flags `-vn`.
fn dry_run_by(arg: &str) -> Option<bool> {
    /// restic's flags of one letter, which take no value (0.18).
    const FLAGS: [char; 6] = ['c', 'f', 'h', 'q', 'v', 'x'];
    /// What Go's `strconv.ParseBool` takes for false; restic refuses what it takes for neither.
    const FALSE: [&str; 6] = ["0", "f", "F", "false", "FALSE", "False"];
    let value = match arg.strip_prefix("--") {
        Some(long) => long
            .strip_prefix("dry-run")
            .filter(|rest| rest.is_empty() || rest.starts_with('='))?,
        None => arg
            .strip_prefix('-')?
            .trim_start_matches(FLAGS)
            .strip_prefix('n')?,
    };
    Some(
        !value
            .strip_prefix('=')
            .is_some_and(|value| FALSE.contains(&value)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dry_run_is_known_as_restic_reads_its_arguments() {
        let is = |line: &str| {
            let args: Vec<_> = line.split(' ').map(OsString::from).collect();
            is_asked_for(&args)
        };
        for line in [
            "--dry-run /a",
            "-n /a",
            "-nv /a",
            "-vvn /a",
            "-xqn /a",
            "--dry-run=true /a",
            "--dry-run=1 /a",
            "-n=true /a",
            "--dry-run=false -n",
            "-v /a --dry-run",
        ] {
            assert!(is(line), "{line}");
        }
        for line in [
            "/a",
            "-v /a",
            "-en /a",
            "--dry-run=false /a",
            "-n --dry-run=f /a",
            "-n=0 /a",
            "--dry-runs /a",
            "--no-scan /a",
            "-- -n",
        ] {
            assert!(!is(line), "{line}");
        }
    }
}
