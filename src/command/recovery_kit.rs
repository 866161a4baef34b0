//! `recovery-kit`: a sheet for paper with this installation's values, for the day the VM is gone.
//!
//! What cannot be known, for want of a network or a login, is said on the sheet; it is printed all the same. Secrets are
//! left out by who writes the sheet, with places to write them in by hand, unless they are asked for: the redactor would
//! also take words out of its lines that are as short as a password. `OIDC_PASSWORD` is never there.

use std::io::Write;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use secrecy::{ExposeSecret, SecretString};
use tokio::time::timeout;

use crate::endpoint::Endpoint;
use crate::error::{Error, Result};
use crate::in_container::mounted_of;
use crate::log::say;
use crate::repository::{Group, Repository};
use crate::settings::{Login, Settings};
use crate::supervise::Interrupts;
use crate::volume::Volume;

use super::config::interrupted;
use super::restore::own_host;
use super::restore::parts::{Part, parts};
use super::version::version;
use super::with_repository::with_repository;

mod plain;
mod sections;
mod sheet;

/// What the repository does not tell within this time is left out.
const DEADLINE: Duration = Duration::from_mins(1);

/// All that the sheet has.
struct Facts<'a> {
    settings: &'a Settings,
    now: Timestamp,
    zone: TimeZone,
    /// The host that backups of here have in their snapshots; where there are none of it, the one with the newest.
    host: String,
    /// Whether secrets are on the sheet.
    with_secrets: bool,
    /// Only where it was asked for.
    password: Option<&'a str>,
    /// The repository's id, as far as this volume knows it.
    id: Option<String>,
    /// Its snapshots, or why they are not known.
    snapshots: Result<Vec<Group>, String>,
    /// The second destination, where there is one.
    second: Option<&'a Settings>,
    /// The sections of `rclone.conf` without which the storage of the two cannot be opened.
    sections: Vec<String>,
    restic: Option<String>,
    rclone: Option<String>,
}

pub(super) async fn run(with_secrets: bool) -> Result<u8> {
    let settings = super::settings()?;
    crate::log::start(settings.logging.warnings_only());
    let mut interrupts = Interrupts::new()?;
    let volume = Volume::open(&settings.home)?;
    let redactor = settings.environment.redactor();
    let snapshots = match snapshots(&settings, &volume, &mut interrupts).await {
        Err(error @ Error::Interrupted { .. }) => return Err(interrupted(error)),
        known => known.map_err(|error| redactor.text(&error.to_string())),
    };
    if let Err(error) = &snapshots {
        say(format_args!(
            "cloud-backup: warning: the sheet lacks the hosts of the snapshots: {error}"
        ));
    }
    let second = settings.second().ok();
    let facts = Facts {
        settings: &settings,
        with_secrets,
        now: Timestamp::now(),
        zone: settings.environment.zone().unwrap_or(TimeZone::UTC),
        host: host_of(&snapshots, own_host(&settings)),
        password: with_secrets
            .then(|| settings.restic_password())
            .transpose()?
            .map(ExposeSecret::expose_secret),
        // The list of snapshots has kept it in the volume, where it was not there.
        id: volume.pinned_repository(settings.remote.as_str())?,
        snapshots,
        sections: sections(&settings, second.as_ref()),
        second: second.as_ref(),
        restic: version(&settings, "restic").await,
        rclone: version(&settings, "rclone").await,
    };
    let sheet = sheet::text(&facts);
    if with_secrets {
        say("cloud-backup: the sheet has secrets: keep it where nobody else can read it");
    }
    // Nobody listening is no reason to end otherwise.
    let _ = std::io::stdout().write_all(sheet.as_bytes());
    Ok(0)
}

/// The jobs may have a `RESTIC_HOST` of their own, in the schedule file.
fn host_of(snapshots: &Result<Vec<Group>, String>, own: String) -> String {
    let groups = snapshots.as_deref().unwrap_or_default();
    let newest = groups.iter().max_by_key(|group| group.newest);
    match newest {
        Some(newest) if groups.iter().all(|group| group.host != own) => newest.host.clone(),
        _ => own,
    }
}

async fn snapshots(
    settings: &Settings,
    volume: &Volume,
    interrupts: &mut Interrupts,
) -> Result<Vec<Group>> {
    with_repository(
        settings,
        volume,
        interrupts,
        async |endpoint, interrupts| {
            let work = timeout(DEADLINE, listed(settings, volume, endpoint));
            interrupts
                .unless(async {
                    work.await
                        .unwrap_or(Err(Error::NoAnswer { after: DEADLINE }))
                })
                .await
        },
    )
    .await
}

async fn listed(settings: &Settings, volume: &Volume, endpoint: &Endpoint) -> Result<Vec<Group>> {
    let repository = Repository::new(settings, volume, endpoint).await?;
    repository.require().await?;
    repository.pin_if_new().await?;
    repository.snapshots(DEADLINE).await
}

impl Facts<'_> {
    /// What a restore has to be asked for, one after the other: no paths where everything is in one snapshot.
    fn parts(&self) -> Vec<Part> {
        parts(self.snapshots.as_deref().unwrap_or_default(), &self.host)
    }

    /// The same for the original paths: what is mounted below a path, where that is in the container itself.
    fn in_place(&self) -> Vec<Part> {
        let groups = self.snapshots.as_deref().unwrap_or_default();
        let of_all = groups.iter().find(|group| group.host == self.host);
        let of_mounts = |part: Part| {
            let paths = match (&part.paths[..], of_all) {
                ([], Some(group)) => &group.paths,
                _ => &part.paths,
            };
            match mounted_of(paths, &self.settings.home) {
                Some(paths) if !paths.is_empty() => Part { paths, ..part },
                _ => part,
            }
        };
        self.parts().into_iter().map(of_mounts).collect()
    }

    /// Whether there are snapshots of several sets of directories of the host.
    fn has_several_sets(&self) -> bool {
        let groups = self.snapshots.as_deref().unwrap_or_default();
        groups
            .iter()
            .filter(|group| group.host == self.host)
            .count()
            > 1
    }

    /// The variables that define remotes in the place of `rclone.conf`, with their values: of any, for one may stand on
    /// another.
    fn remote_variables(&self) -> Vec<(&str, &str)> {
        let all = self.settings.environment.all();
        all.filter(|(name, _)| name.starts_with("RCLONE_CONFIG_"))
            .collect()
    }

    /// The login of the storage, or else that of the second destination.
    fn any_login(&self) -> Option<&Login> {
        let of_second = || self.second.and_then(|second| second.login.as_ref());
        self.settings.login.as_ref().or_else(of_second)
    }

    /// The secret, where secrets are asked for.
    fn shown<'s>(&self, secret: &'s SecretString) -> Option<&'s str> {
        self.with_secrets.then(|| secret.expose_secret())
    }

    /// `COPY_PASSWORD`, where it is set.
    fn copy_password(&self) -> Option<&str> {
        let set = self.settings.environment.get("COPY_PASSWORD");
        set.filter(|value| self.second.is_some() && !value.trim().is_empty())
    }
}

fn sections(settings: &Settings, second: Option<&Settings>) -> Vec<String> {
    let file = std::fs::read(crate::storage::config::path(&settings.home)).unwrap_or_default();
    // That of the login is made by `config`.
    let remotes = [Some(settings), second].into_iter().flatten();
    let remotes = remotes
        .filter(|settings| settings.login.is_none())
        .filter_map(|settings| settings.remote.section());
    sections::of_file(&settings.environment, &file, remotes)
}
