//! The command line: the verbs, the names by which the program is called, and the help for people.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clap::{CommandFactory, Parser, Subcommand};

mod restore;

pub use restore::Restore;

/// Backs up a research-cloud VM to its owner's object storage.
#[derive(Debug, Parser)]
#[command(
    name = "cloud-backup",
    version,
    disable_help_subcommand = true,
    after_help = "In a compose project: docker compose run --rm cloud-backup <COMMAND>\n\
                  Exit codes are listed in docs/exit-codes.md; the settings in .env.example."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// The commands of the image.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Log in and write all configuration; then prove that the storage can be used
    Config {
        /// Make a new login, also where there is one that works
        #[arg(long)]
        force: bool,
    },
    /// Log in again, before or after the login has ended (30 days)
    Reauth {
        /// Switch to another person's account
        #[arg(long)]
        force: bool,
    },
    /// Tell how long the login still lasts, and report it
    CheckRefreshToken,
    /// Serve the repository over restic's REST protocol until stopped
    StartServer {
        /// Run the jobs of this schedule file too, as `schedule` does
        #[arg(long, value_name = "FILE")]
        schedule: Option<PathBuf>,
    },
    /// Run the jobs of a schedule file at their times, in the place of Ofelia
    Schedule {
        /// The file [default: /etc/ofelia/config.ini]
        file: Option<PathBuf>,
    },
    /// Back up, initialising the repository on the first run, and report the result
    #[command(
        after_help = "Everything after the command goes to `restic backup`, for example:\n  backup --tag example /backup/dir1"
    )]
    Backup {
        /// Options and paths of `restic backup`
        #[arg(
            trailing_var_arg = true,
            allow_hyphen_values = true,
            required = true,
            value_name = "ARGUMENTS"
        )]
        args: Vec<OsString>,
    },
    /// Copy snapshots to the second destination, and report the result
    #[command(
        after_help = "Everything after the command goes to `restic copy`, for example:\n  copy\n  copy --host my-VM latest"
    )]
    Copy {
        /// Options and snapshots of `restic copy`; without any all that are not there yet
        #[arg(
            trailing_var_arg = true,
            allow_hyphen_values = true,
            value_name = "ARGUMENTS"
        )]
        args: Vec<OsString>,
    },
    /// Remove old snapshots by a retention policy, and report the result
    #[command(
        after_help = "Everything after the command goes to `restic forget`, for example:\n  forget --keep-within 1m --prune"
    )]
    Forget {
        /// Options of `restic forget`
        #[arg(
            trailing_var_arg = true,
            allow_hyphen_values = true,
            required = true,
            value_name = "ARGUMENTS"
        )]
        args: Vec<OsString>,
    },
    /// Prove that backups can be restored, and report the result
    #[command(
        after_help = "Checks the repository, reads a share of its data, and restores random files of this host's newest \
                      snapshot into a temporary folder, which is removed again, to compare them with the source. Where \
                      all of them are larger than 200 MB, one of up to 10 GB is read back without a folder."
    )]
    Verify {
        /// How much of the data is read, as `restic check` takes it: 5%, 1/10, 500M
        #[arg(long, value_name = "SHARE", default_value = "5%")]
        read_data_subset: String,
        /// All of them as they were typed, for the history
        #[arg(skip)]
        args: Vec<OsString>,
    },
    /// Restore files: from the newest snapshot of this host, to a new folder
    #[command(
        after_help = "For example:\n  restore --dry-run\n  restore /backup/dir1/file\n  \
                      restore --snapshot 31b39f2e --in-place --overwrite if-changed /backup/dir1\n\
                      Everything else: restic restore --help"
    )]
    Restore(Restore),
    /// Print what is needed on the day the VM is gone, for paper
    RecoveryKit {
        /// With the passwords of the repositories, a client's secret, and all variables that define remotes
        #[arg(long)]
        with_secrets: bool,
    },
    /// Run any restic command, with repository and password in place
    #[command(disable_help_flag = true)]
    Restic {
        /// Arguments of `restic`
        #[arg(
            trailing_var_arg = true,
            allow_hyphen_values = true,
            value_name = "ARGUMENTS"
        )]
        args: Vec<OsString>,
    },
    /// Run any rclone command, with the storage's credentials in place
    #[command(
        disable_help_flag = true,
        after_help = "For example:\n  rclone ls infncloud:/<user>"
    )]
    Rclone {
        /// Arguments of `rclone`
        #[arg(
            trailing_var_arg = true,
            allow_hyphen_values = true,
            value_name = "ARGUMENTS"
        )]
        args: Vec<OsString>,
    },
    /// Get an access token of the login from oidc-agent
    #[command(
        disable_help_flag = true,
        after_help = "For example:\n  oidc-token infncloud"
    )]
    OidcToken {
        /// Arguments of `oidc-token`
        #[arg(
            trailing_var_arg = true,
            allow_hyphen_values = true,
            value_name = "ARGUMENTS"
        )]
        args: Vec<OsString>,
    },
    /// Print the storage's credentials as AWS tools want them (credential_process)
    CredentialProcess,
    /// Tell how jobs, server, login and repository stand
    #[command(after_help = "Ends with 0 where all is well, with 1 where something is not.")]
    Status {
        /// The schedule file (default: the running scheduler's, else /etc/ofelia/config.ini where it is there)
        #[arg(long, value_name = "FILE")]
        schedule: Option<PathBuf>,
        /// For programs: as JSON, see docs/scheduling.md
        #[arg(long)]
        json: bool,
    },
    /// Find what is wrong, from the settings to the quota
    #[command(
        after_help = "Ends with 0 where nothing was found, with 1 where something was. Each finding: docs/doctor.md"
    )]
    Doctor {
        /// For programs: as JSON, see docs/doctor.md
        #[arg(long)]
        json: bool,
    },
    /// Tell whether the server works (the image's HEALTHCHECK)
    Healthcheck,
}

impl Cli {
    /// Reads a command line; a link's name stands for the verb of that name.
    pub fn read(args: &[OsString]) -> Result<Self, clap::Error> {
        let called = args
            .first()
            .map(Path::new)
            .and_then(Path::file_name)
            .unwrap_or_default();
        let command = Self::command();
        let is_verb = |name: &OsStr| {
            command
                .get_subcommands()
                .any(|verb| name == verb.get_name())
        };
        let (mut cli, rest) = if is_verb(called) {
            let rest = args.get(1..).unwrap_or_default();
            let line = [OsStr::new("cloud-backup"), called].map(OsStr::to_owned);
            (Self::try_parse_from(line.iter().chain(rest))?, rest)
        } else {
            (
                Self::try_parse_from(args)?,
                args.get(2..).unwrap_or_default(),
            )
        };
        // Programs get them as they were typed: clap would keep a leading "--" for itself.
        if let Verb::Backup { args }
        | Verb::Copy { args }
        | Verb::Forget { args }
        | Verb::Verify { args, .. }
        | Verb::Restic { args }
        | Verb::Rclone { args }
        | Verb::OidcToken { args } = &mut cli.verb
        {
            *args = rest.to_vec();
        }
        Ok(cli)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &[&str]) -> Cli {
        Cli::read(&line.iter().map(OsString::from).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn a_link_and_a_first_argument_are_the_same_command() {
        for line in [
            &["/usr/local/bin/backup", "--tag", "example", "/data"][..],
            &["cloud-backup", "backup", "--tag", "example", "/data"],
        ] {
            let Verb::Backup { args } = read(line).verb else {
                panic!("{line:?} is a backup")
            };
            assert_eq!(args, ["--tag", "example", "/data"]);
        }
    }

    #[test]
    fn restic_gets_every_argument_untouched() {
        for line in [
            &["restic", "--help"][..],
            &["restic", "-h"],
            &["restic", "--version"],
            &["restic", "ls", "latest", "--", "-x"],
            &["restic", "backup"],
            &["restic", "--", "-odd"],
        ] {
            let Verb::Restic { args } = read(line).verb else {
                panic!("{line:?} is restic")
            };
            assert_eq!(args, line[1..]);
        }
    }

    #[test]
    fn a_leading_double_dash_reaches_restic() {
        for line in [
            &["backup", "--", "-odd"][..],
            &["cloud-backup", "backup", "--", "-odd"],
        ] {
            let Verb::Backup { args } = read(line).verb else {
                panic!("{line:?} is a backup")
            };
            assert_eq!(args, ["--", "-odd"]);
        }
    }

    #[test]
    fn the_readme_has_each_command_and_no_other() {
        let readme = include_str!("../README.md");
        let (_, table) = readme.split_once("| Command |").unwrap();
        let (table, _) = table.split_once("\n\n").unwrap();
        let documented = table
            .lines()
            .filter_map(|row| row.strip_prefix("| `")?.split([' ', '`']).next());
        let command = Cli::command();
        let verbs = command.get_subcommands().map(clap::Command::get_name);
        assert_eq!(documented.collect::<Vec<_>>(), verbs.collect::<Vec<_>>());
    }

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }
}
