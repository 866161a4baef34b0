//! What makes restic faster behind the REST server, where the user has not chosen otherwise. docs/performance.md measures it.
//!
//! - How many requests it has under way, which is how many rclone has at the storage: the extended option
//!   `rest.connections` (restic's documentation, "Tuning Backup Parameters"), which has no variable of its own.
//! - How much memory a backup may use before Go collects its garbage: `GOGC` (documentation of Go's package `runtime`).
//!   restic sets 50 where it is not set or 100, for the sake of small machines (`tweakGoGC` in its `main.go`).

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
pub(super) fn connections(mut args: Vec<OsString>) -> Vec<OsString> {
    // restic does not mind the case.
    let names_it = |arg: &OsString| arg.to_string_lossy().to_lowercase().contains(OPTION);
    if !args.iter().any(|arg| arg == WRITES || names_it(arg)) {
        args.insert(0, format!("--option={OPTION}={CONNECTIONS}").into());
    }
    args
}

/// Per cent of the memory in use that may be garbage. Above it there is little more to gain (docs/performance.md).
const GARBAGE: (&str, &str) = ("GOGC", "150");
/// KiB that have to be free for it: many times what a backup uses of a repository that fills a quota of 200 GB.
const FREE_ENOUGH: u64 = 2 * 1024 * 1024;
/// The limits of the container, in bytes, by cgroup v2 and v1 (the kernel's documentation of both).
const LIMITS: [&str; 2] = [
    "/sys/fs/cgroup/memory.max",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes",
];

/// Lets a backup use more memory and less time, where there is memory and the user has not said otherwise.
pub(super) fn spend_memory(args: &[OsString], environment: &mut Vec<(String, String)>) {
    let (name, value) = GARBAGE;
    let is_set = || environment.iter().any(|(known, _)| known == name);
    if args.iter().any(|arg| arg == WRITES) && !is_set() && free() >= FREE_ENOUGH {
        environment.push((name.to_owned(), value.to_owned()));
    }
}

/// KiB that this container can have; none where it cannot be told.
fn free() -> u64 {
    let read = |path| fs_err::read_to_string(path).ok();
    let of_machine = read("/proc/meminfo").and_then(|text| available(&text));
    let limits = LIMITS.into_iter().filter_map(read);
    least(of_machine, limits.filter_map(|text| limit(&text)))
}

/// `MemAvailable` of `/proc/meminfo`, in KiB (proc_meminfo(5)).
fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

/// A limit of a cgroup, in KiB; none where it is `max`.
fn limit(text: &str) -> Option<u64> {
    text.trim().parse::<u64>().ok().map(|bytes| bytes / 1024)
}

fn least(of_machine: Option<u64>, limits: impl Iterator<Item = u64>) -> u64 {
    of_machine.map_or(0, |free| limits.fold(free, u64::min))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen_of(line: &str) -> String {
        let args = connections(line.split_whitespace().map(OsString::from).collect());
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
    fn a_backup_alone_spends_memory_and_the_user_has_the_say() {
        // A machine that builds this has two GiB free.
        let spent = |line: &str, set: &[(&str, &str)]| {
            let args: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
            let mut environment: Vec<(String, String)> = set
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect();
            spend_memory(&args, &mut environment);
            environment
        };
        let ours = ("GOGC".to_owned(), "150".to_owned());
        assert_eq!(spent("--verbose backup /data", &[]), [ours]);
        assert_eq!(spent("prune", &[]), []);
        let own = [("GOGC", "50")];
        assert_eq!(spent("backup /data", &own), spent("prune", &own));
    }

    #[test]
    fn free_memory_is_the_machines_up_to_the_containers_limit() {
        let meminfo = "MemTotal:       25283248 kB\nMemFree:         5283248 kB\nMemAvailable:   20283248 kB\n";
        assert_eq!(available(meminfo), Some(20_283_248));
        assert_eq!(available("MemTotal: 1 kB\n"), None);
        assert_eq!(limit("max\n"), None);
        assert_eq!(limit("1073741824\n"), Some(1_048_576));
        assert_eq!(least(Some(5), [].into_iter()), 5);
        assert_eq!(least(Some(5), [3, 7].into_iter()), 3);
        assert_eq!(least(None, [3].into_iter()), 0);
    }

    #[test]
    fn a_backup_has_restics_own_number() {
        for line in ["backup /data", "--verbose backup /data"] {
            assert_eq!(chosen_of(line), line);
        }
    }
}
