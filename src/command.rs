//! From a verb to its command: a match, no logic. One file per command wires the pieces and reads as its story.

use crate::cli::{Cli, Verb};
use crate::error::{Error, Result};
use crate::settings::Settings;

mod access;
mod backup;
mod check_refresh_token;
mod clocks;
mod config;
mod copy;
mod credential_process;
mod deliver;
mod device_login;
mod doctor;
mod dry_run;
mod forget;
mod healthcheck;
mod job;
mod lock;
mod login;
mod oidc_token;
mod pass_through;
mod prove;
mod quota;
mod rclone;
mod reauth;
mod record;
mod recovery_kit;
mod restic;
mod restore;
mod running;
mod schedule;
mod start_server;
mod status;
mod verify;
mod version;
mod with_repository;

/// Runs the command to its end and gives its exit code.
pub fn run(cli: Cli) -> Result<u8> {
    // Fails only where a provider is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| Error::System {
            what: "starting",
            source,
        })?;
    let end = runtime.block_on(async {
        match cli.verb {
            Verb::Config { force } => config::run(force).await,
            Verb::Reauth { force } => reauth::run(force).await,
            Verb::CheckRefreshToken => check_refresh_token::run().await,
            Verb::Rclone { args } => rclone::run(args).await,
            Verb::OidcToken { args } => oidc_token::run(args).await,
            Verb::CredentialProcess => credential_process::run().await,
            Verb::StartServer { schedule } => start_server::run(schedule).await,
            Verb::Schedule { file } => schedule::run(file).await,
            Verb::Backup { args } => backup::run(args).await,
            Verb::Copy { args } => copy::run(args).await,
            Verb::Forget { args } => forget::run(args).await,
            Verb::Verify {
                read_data_subset,
                args,
            } => verify::run(read_data_subset, args).await,
            Verb::Restore(wish) => restore::run(wish).await,
            Verb::RecoveryKit { with_secrets } => recovery_kit::run(with_secrets).await,
            Verb::Restic { args } => restic::run(args).await,
            Verb::Status { schedule, json } => status::run(schedule, json).await,
            Verb::Doctor { json } => doctor::run(json).await,
            Verb::Healthcheck => healthcheck::run().await,
        }
    });
    // A look-up or a write that hangs in a worker thread must not keep the process.
    runtime.shutdown_background();
    end
}

/// The settings of this process; wrong ones that do no harm are told on standard error.
fn settings() -> Result<Settings> {
    let settings = Settings::of_process()?;
    for warning in &settings.warnings {
        crate::log::say(format_args!("cloud-backup: warning: {warning}"));
    }
    Ok(settings)
}
