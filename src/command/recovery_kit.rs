//! `recovery-kit`: a sheet for paper with this installation's values, for the day the VM is gone.
//!
//! What cannot be known, for want of a network or a login, is said on the sheet; it is printed all the same. Secrets are
//! left out, with places to write them in by hand, unless they are asked for. `OIDC_PASSWORD` is never there.

use std::io::Write;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use secrecy::ExposeSecret;
use tokio::time::timeout;

use crate::endpoint::Endpoint;
use crate::error::{Error, Result};
use crate::log::say;
use crate::repository::{Group, Repository};
use crate::settings::Settings;
use crate::supervise::Interrupts;
use crate::volume::Volume;

use super::config::interrupted;
use super::restore::own_host;
use super::restore::parts::{Part, parts};
use super::version::version;
use super::with_repository::with_repository;

mod plain;
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
    /// Only where it was asked for.
    password: Option<&'a str>,
    /// The repository's id, as far as this volume knows it.
    id: Option<String>,
    /// Its snapshots, or why they are not known.
    snapshots: Result<Vec<Group>, String>,
    /// The second destination, where there is one.
    second: Option<&'a str>,
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
    let second = second.map(|second| second.remote.to_string());
    let facts = Facts {
        settings: &settings,
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
        second: second.as_deref(),
        restic: version(&settings, "restic").await,
        rclone: version(&settings, "rclone").await,
    };
    let sheet = sheet::text(&facts);
    let sheet = if with_secrets {
        say("cloud-backup: the sheet has secrets: keep it where nobody else can read it");
        sheet
    } else {
        redactor.text(&sheet)
    };
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

    /// Whether there are snapshots of several sets of directories of the host.
    fn has_several_sets(&self) -> bool {
        let groups = self.snapshots.as_deref().unwrap_or_default();
        groups
            .iter()
            .filter(|group| group.host == self.host)
            .count()
            > 1
    }

    /// The variables that define the remote in the place of `rclone.conf`, with their values.
    fn remote_variables(&self) -> Vec<(&str, &str)> {
        let environment = &self.settings.environment;
        let section = self.settings.remote.section();
        let Some(section) = section.filter(|section| environment.defines_section(section)) else {
            return Vec::new();
        };
        let prefix = format!("RCLONE_CONFIG_{}_", section.to_uppercase());
        let all = environment.all();
        all.filter(|(name, _)| name.starts_with(&prefix)).collect()
    }
}
