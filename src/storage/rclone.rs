//! The rclone that is installed, with all that it needs to open the user's remotes.

use std::ffi::OsString;
use std::path::PathBuf;

use nix::sys::signal::Signal;

use super::supply::{self, Supply};
use super::{config, patched};
use crate::error::{Error, Result};
use crate::settings::{Problem, Settings};
use crate::supervise::{Invocation, find_program};
use crate::volume::Volume;

/// rclone and its environment.
pub struct Rclone {
    program: PathBuf,
    env: Vec<(String, String)>,
    patched: bool,
    /// Whether a stock one opens the storage of the login.
    opens_login: bool,
}

impl Rclone {
    /// Finds it in `PATH`, and gives it what it needs: its trusted certificates and, for the storage of the login,
    /// its credentials. Without `supply` all remotes are the user's own.
    pub async fn find(
        settings: &Settings,
        volume: &Volume,
        supply: Option<&Supply>,
    ) -> Result<Self> {
        let mut rclone = Self {
            program: find_program("rclone", settings.environment.path())?,
            env: settings.environment.for_rclone(),
            patched: false,
            opens_login: false,
        };
        rclone.env.extend(settings.trust.variables(volume)?);
        if let (Some(login), Some(supply)) = (&settings.login, supply) {
            let help = rclone.invocation(patched::help_arguments().map(OsString::from));
            rclone.patched = patched::is_patched(help, &volume.known_rclone()).await;
            if rclone.patched && login.service.is_some() {
                return Err(Error::Settings(vec![Problem::new(
                    "OIDC_FLOW",
                    "must be device with INFN's patched rclone, which gets its tokens from oidc-agent alone",
                )]));
            }
            rclone.opens_login = !rclone.patched;
            rclone.env = supply::open(rclone.env, login, supply, rclone.patched);
        }
        Ok(rclone)
    }

    /// Whether it is INFN's patched one, which takes its settings from the documented section.
    #[must_use]
    pub fn is_patched(&self) -> bool {
        self.patched
    }

    /// rclone with these arguments, to serve restic.
    pub(super) fn serving(&self, args: impl IntoIterator<Item = OsString>) -> Invocation {
        let mut invocation = self.invocation(args);
        if self.opens_login {
            supply::tune_for_restic(&mut invocation.env);
        }
        invocation
    }

    /// rclone with these arguments.
    #[must_use]
    pub fn invocation(&self, args: impl IntoIterator<Item = OsString>) -> Invocation {
        Invocation {
            name: "rclone",
            program: self.program.clone(),
            args: args.into_iter().collect(),
            env: self.env.clone(),
            death_signal: Signal::SIGTERM,
        }
    }
}

/// A remote `name:path` of the user's own needs its section, in the file or in the environment.
///
/// The storage of the login needs none for a stock rclone: whether somebody has logged in is asked by who keeps the login.
pub fn require_section(settings: &Settings) -> Result<()> {
    let Some(section) = settings.remote.section() else {
        return Ok(());
    };
    let file = config::path(&settings.home);
    let in_file = std::fs::read(&file).is_ok_and(|text| config::has_section(&text, section));
    if in_file || settings.environment.defines_section(section) {
        return Ok(());
    }
    Err(Error::NotConfigured {
        section: section.to_owned(),
        file,
    })
}
