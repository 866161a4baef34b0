//! What restic may read of the sources: what uid 1000 may, or everything, where compose.yaml adds DAC_READ_SEARCH.
//!
//! Docker puts an added capability into the bounding set of a container, and gives it to no process that is not root's.
//! A second restic of the image has it as a file capability (capabilities(7)), for backups alone; where the bounding set
//! lacks it the kernel refuses to start that file.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// `CAP_DAC_READ_SEARCH` of `linux/capability.h`.
const DAC_READ_SEARCH: u32 = 2;

/// The restic that `PATH` finds in the image; a double of the tests is another one.
const PLAIN: &str = "/usr/bin/restic";

/// The same with the file capability, made by `scripts/image/install-programs`.
pub const PRIVILEGED: &str = "/usr/local/libexec/cloud-backup/restic";

/// What the container lets restic read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// What uid 1000 may read.
    Own,
    /// The same: the capability is added, and no-new-privileges keeps it from every program.
    Withheld,
    /// Every file, whoever owns it.
    All,
}

impl Reading {
    /// As this process is confined, so restic will be.
    #[must_use]
    pub fn here() -> Self {
        if !Path::new(PRIVILEGED).exists() {
            return Self::Own;
        }
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        Self::of(&status)
    }

    /// As `/proc/PID/status` says it (proc_pid_status(5)).
    fn of(status: &str) -> Self {
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.map(str::trim).unwrap_or_default()
        };
        let bounding = u64::from_str_radix(field("CapBnd:"), 16).unwrap_or(0);
        if bounding & (1 << DAC_READ_SEARCH) == 0 {
            Self::Own
        } else if field("NoNewPrivs:") == "0" {
            Self::All
        } else {
            Self::Withheld
        }
    }

    /// What to do about files that were refused to restic.
    #[must_use]
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Own => {
                "The snapshot holds all other files. To back up files that only root can read, uncomment cap_add: \
                 [DAC_READ_SEARCH] in compose.yaml, then: docker compose up -d. Or make the named files readable for uid \
                 1000, or exclude them with --exclude."
            }
            Self::Withheld => {
                "The snapshot holds all other files. cap_add: [DAC_READ_SEARCH] is in place, but no-new-privileges keeps \
                 it from restic: remove that line from compose.yaml, then: docker compose up -d. Or make the named files \
                 readable for uid 1000, or exclude them with --exclude."
            }
            Self::All => {
                "The snapshot holds all other files. The named ones are refused to DAC_READ_SEARCH too (a network file \
                 system? SELinux?): make them readable for uid 1000, or exclude them with --exclude."
            }
        }
    }
}

/// The restic for these arguments: the one with the capability for a backup, where the container lets it have that.
#[must_use]
pub fn restic(found: &Path, args: &[OsString]) -> PathBuf {
    let is_backup = args.first().is_some_and(|verb| verb == "backup");
    if is_backup && found == Path::new(PLAIN) && Reading::here() == Reading::All {
        return PathBuf::from(PRIVILEGED);
    }
    found.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(bounding: &str, no_new_privileges: &str) -> String {
        format!(
            "Name:\tcat\nCapPrm:\t000001ffffffffff\nCapBnd:\t{bounding}\nCapAmb:\t0000000000000000\n\
             NoNewPrivs:\t{no_new_privileges}\nSeccomp:\t2\n"
        )
    }

    #[test]
    fn the_bounding_set_and_no_new_privileges_decide() {
        for (bounding, no_new_privileges, expected) in [
            ("00000000a80425fb", "0", Reading::Own),
            ("00000000a80425ff", "0", Reading::All),
            ("00000000a80425ff", "1", Reading::Withheld),
            ("00000000a80425fb", "1", Reading::Own),
        ] {
            assert_eq!(Reading::of(&status(bounding, no_new_privileges)), expected);
        }
    }

    #[test]
    fn a_status_that_says_nothing_lets_restic_read_its_own() {
        assert_eq!(Reading::of(""), Reading::Own);
        assert_eq!(Reading::of("CapBnd:\tnonsense\n"), Reading::Own);
        assert_eq!(
            Reading::of("CapBnd:\t00000000a80425ff\n"),
            Reading::Withheld
        );
    }
}
