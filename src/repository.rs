//! restic: its repository, from the proof that there is none to the end of a run.
//!
//! Exit codes are those of restic's documentation ("Scripting", 0.18); what its output adds is read by `findings`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use nix::sys::signal::Signal;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::endpoint::Endpoint;
use crate::error::{Error, Result};
use crate::grace::Grace;
use crate::reading;
use crate::settings::Settings;
use crate::supervise::{
    Content, Interrupts, Invocation, Output, Redactor, Streamed, Tail, find_program, stream,
};
use crate::volume::{Presence, Volume};

mod findings;
mod inventory;
mod listing;
mod proof;
mod restoring;
mod retention;
mod tuning;

pub use findings::{Figures, Findings};
pub use inventory::{Group, Snapshot, grouped};
pub use listing::File;
pub use proof::{is_there_now, require_to_last};
pub use restoring::{Amount, Overwrite, Plan, Progress, literally};
pub use retention::{Retention, Surplus};

/// The variable of the host name in snapshots, by which restic also chooses among them.
const HOST: &str = "RESTIC_HOST";
/// What restic's variables of the repository that is copied from begin with.
const OF_SOURCE: &str = "RESTIC_FROM_";
/// What restic says of a request that the server has refused, whatever the reason.
const REFUSED: &str = "HTTP response (";
/// A short restic command (init, unlock, cat config) may take this long.
const SHORT_RUN: Duration = Duration::from_mins(2);

/// The repository behind a REST server, as restic works on it.
#[derive(Debug)]
pub struct Repository<'a> {
    settings: &'a Settings,
    volume: &'a Volume,
    endpoint: &'a Endpoint,
    restic: PathBuf,
    presence: Arc<Presence>,
    password: &'a SecretString,
    /// The repository whose snapshots are copied to this one.
    source: Option<&'a Repository<'a>>,
    /// Whom restic trusts, for repositories that the user names himself.
    trust: Vec<(String, String)>,
}

/// What is kept of a job's output, over all the restic runs it takes.
#[derive(Debug)]
pub struct Transcript {
    /// Takes the secrets out.
    pub redactor: Redactor,
    /// The end of the output.
    pub tail: Tail,
    /// What the last run said of itself.
    pub findings: Findings,
}

/// The part of restic's config that names the repository.
#[derive(Deserialize)]
struct Config {
    id: String,
}

impl<'a> Repository<'a> {
    /// The repository that this endpoint serves.
    pub async fn new(
        settings: &'a Settings,
        volume: &'a Volume,
        endpoint: &'a Endpoint,
    ) -> Result<Self> {
        let restic = find_program("restic", settings.environment.path())?;
        Ok(Self {
            password: settings.restic_password()?,
            settings,
            volume,
            endpoint,
            restic,
            presence: Arc::new(volume.join().await?),
            source: None,
            trust: settings.trust.variables(volume)?,
        })
    }

    /// The repository behind another endpoint, for snapshots of this one to be copied there.
    ///
    /// Both are this run's: restic gets both, and stale locks are removed from both.
    pub fn copying_to<'b>(
        &'b self,
        settings: &'b Settings,
        endpoint: &'b Endpoint,
    ) -> Result<Repository<'b>> {
        Ok(Repository {
            password: settings.restic_password()?,
            settings,
            volume: self.volume,
            endpoint,
            restic: self.restic.clone(),
            presence: Arc::clone(&self.presence),
            source: Some(self),
            trust: self.trust.clone(),
        })
    }

    /// What it was opened with.
    #[must_use]
    pub fn settings(&self) -> &'a Settings {
        self.settings
    }

    /// restic with these arguments; repository, password and what makes it faster in place.
    #[must_use]
    pub fn invocation(&self, args: impl IntoIterator<Item = OsString>) -> Invocation {
        let mut env = self.settings.environment.for_restic();
        let ours = [
            ("RESTIC_REPOSITORY", self.endpoint.restic_url().to_owned()),
            ("RESTIC_PASSWORD", self.password.expose_secret().to_owned()),
        ];
        env.extend(self.trust.iter().cloned());
        env.extend(
            ours.into_iter()
                .chain(self.settings.rest.access.restic_variables())
                .map(|(name, value)| (name.to_owned(), value)),
        );
        if let Some(source) = self.source {
            // The job's host is that of its backups, and a copy is one of all hosts unless --host says otherwise.
            env.retain(|(name, _)| name != HOST && !name.starts_with(OF_SOURCE));
            env.extend(source.as_source());
        }
        let args: Vec<OsString> = args.into_iter().collect();
        tuning::spend_memory(&args, &mut env);
        Invocation {
            name: "restic",
            program: reading::restic(&self.restic, &args),
            args: tuning::connections(args),
            env,
            // restic releases its lock on it, where its output is still read.
            death_signal: Signal::SIGINT,
        }
    }

    /// The variables that make it the one that is copied from.
    fn as_source(&self) -> [(String, String); 2] {
        [
            ("REPOSITORY", self.endpoint.restic_url()),
            ("PASSWORD", self.password.expose_secret()),
        ]
        .map(|(name, value)| (format!("{OF_SOURCE}{name}"), value.to_owned()))
    }

    /// Makes sure that there is a repository to back up to; whether it had to be made.
    pub async fn ensure(&self) -> Result<bool> {
        if self.is_there().await? {
            return Ok(false);
        }
        // Two that make it at once would leave a repository that neither can open: the second looks again.
        let _lock = self.volume.lock_init().await?;
        if self.is_there().await? {
            return Ok(false);
        }
        self.init().await?;
        Ok(true)
    }

    /// Makes sure that there is a repository, and makes none.
    pub async fn require(&self) -> Result<()> {
        if self.is_there().await? {
            return Ok(());
        }
        Err(Error::NoRepository {
            remote: self.settings.remote.to_string(),
        })
    }

    /// Where it is, as it is set.
    #[must_use]
    pub fn remote(&self) -> &str {
        self.settings.remote.as_str()
    }

    /// The host that its snapshots of here have: `RESTIC_HOST`, else our host name, as restic takes it.
    #[must_use]
    pub fn host(&self) -> String {
        match self.settings.environment.get(HOST) {
            Some(host) => host.to_owned(),
            None => nix::unistd::gethostname()
                .map(|name| name.to_string_lossy().into_owned())
                .unwrap_or_default(),
        }
    }

    /// How many bytes it takes on the storage; `None` where that is not known in time.
    pub async fn size(&self, deadline: Duration) -> Option<u64> {
        self.endpoint.size(deadline).await
    }

    /// The volume that keeps what is known of it.
    #[must_use]
    pub fn volume(&self) -> &Volume {
        self.volume
    }

    async fn is_there(&self) -> Result<bool> {
        proof::is_there(self.endpoint, self.volume, &self.settings.remote).await
    }

    async fn init(&self) -> Result<()> {
        require_to_last(&self.settings.remote)?;
        // With the same chunks what both have in common is stored in the second once, as it is in the first.
        let like_the_source: &[&str] = match self.source {
            Some(_) => &["init", "--copy-chunker-params"],
            None => &["init"],
        };
        self.short_run(like_the_source).await?;
        self.pin().await
    }

    /// Keeps the id of the repository in the volume, so that an empty store is never taken for a new one.
    pub async fn pin(&self) -> Result<()> {
        let id = self.id().await?;
        self.volume
            .pin_repository(self.settings.remote.as_str(), &id)
    }

    /// Its id; an error where our password does not open it. A lock is not minded.
    pub async fn id(&self) -> Result<String> {
        let output = self.short_run(&["cat", "config", "--no-lock"]).await?;
        // Beside the JSON there may be restic's remarks, such as that a request was tried again.
        let json = output
            .find('{')
            .zip(output.rfind('}'))
            .map_or("", |(from, to)| &output[from..=to]);
        let config: Config = serde_json::from_str(json).map_err(|_| Error::Restic {
            code: 1,
            message: "restic cat config gives no repository id".to_owned(),
            complaint: None,
        })?;
        Ok(config.id)
    }

    /// The same where none is kept yet; costs nothing afterwards.
    pub async fn pin_if_new(&self) -> Result<()> {
        match self
            .volume
            .pinned_repository(self.settings.remote.as_str())?
        {
            Some(_) => Ok(()),
            None => self.pin().await,
        }
    }

    /// Removes stale locks, as restic judges them; whether there were any.
    ///
    /// restic takes a lock for stale when it sees no process of that number on a host of that name. The containers of
    /// a volume share the host name and not the processes, so that while another one works nothing is removed.
    pub async fn unlock_stale(&self) -> Result<bool> {
        if !self.presence.exclude_others() {
            return Ok(false);
        }
        let output = self.unlock().await;
        self.presence.share();
        output
    }

    async fn unlock(&self) -> Result<bool> {
        let mut removed = false;
        for repository in [Some(self), self.source].into_iter().flatten() {
            let output = repository.short_run(&["unlock"]).await?;
            removed |= output.contains("successfully removed");
        }
        Ok(removed)
    }

    /// How many snapshots are there, and how many bytes all takes on the storage, as far as that is known in time.
    pub async fn extent(&self, deadline: Duration) -> (Option<usize>, Option<u64>) {
        let count = tokio::time::timeout(deadline, self.endpoint.count("snapshots"));
        let (count, size) = tokio::join!(count, self.endpoint.size(deadline));
        (count.ok().and_then(Result::ok), size)
    }

    /// Keeps all other runs of restic on this volume out, for as long as this value lives; an error where there are some.
    ///
    /// For who removes locks: see [`Self::unlock_stale`].
    pub fn exclude_others(&self) -> Result<()> {
        if self.presence.exclude_others() {
            return Ok(());
        }
        Err(Error::LocksInUse)
    }

    /// Runs restic to its end, its output shown as it comes and kept in the transcript; a content goes to who takes it.
    pub async fn run(
        &self,
        args: &[OsString],
        transcript: &mut Transcript,
        interrupts: &mut Interrupts,
        content: Option<&mut Content<'_>>,
    ) -> Result<()> {
        transcript.findings = Findings::default();
        let Transcript {
            redactor,
            tail,
            findings,
        } = transcript;
        let mut look = |line: &str| findings.read(line);
        let mut output = Output::new(tail, &mut look);
        let grace = Grace::new(self.settings.stop_grace).restic();
        let begun = SystemTime::now();
        let streamed = stream(
            &self.invocation(args.iter().cloned()),
            redactor,
            interrupts,
            grace,
            &mut output,
            content,
        )
        .await?;
        self.complained(transcript.findings.judge(&streamed), begun)
    }

    /// What its own storage has complained of since then.
    #[must_use]
    pub fn complaint(&self, since: SystemTime) -> Option<String> {
        self.endpoint.complaint(since)
    }

    /// The end of a run of restic that began then, with what the storage has complained of where restic tells that alone.
    fn complained(&self, end: Result<()>, begun: SystemTime) -> Result<()> {
        match end {
            Err(Error::Restic {
                code,
                message,
                complaint: None,
            }) if message.contains(REFUSED) => {
                let of_source = || self.source?.complaint(begun);
                Err(Error::Restic {
                    code,
                    message,
                    complaint: self.complaint(begun).or_else(of_source),
                })
            }
            end => end,
        }
    }

    /// Runs restic for its output, remarks included, which is read whole; an error carries restic's last words.
    async fn short_run(&self, args: &[&str]) -> Result<String> {
        self.output(args, true, SHORT_RUN).await
    }

    /// The same within this time; `remarks`: with what restic says on standard error.
    async fn output(&self, args: &[&str], remarks: bool, deadline: Duration) -> Result<String> {
        let invocation = self.invocation(args.iter().map(OsString::from));
        self.output_of(&invocation, remarks, deadline).await
    }

    async fn output_of(
        &self,
        invocation: &Invocation,
        remarks: bool,
        deadline: Duration,
    ) -> Result<String> {
        let (output, _) = self.streams_of(invocation, remarks, deadline).await?;
        Ok(output)
    }

    /// The same with what restic says on standard error, where that is not in the output.
    async fn streams_of(
        &self,
        invocation: &Invocation,
        remarks: bool,
        deadline: Duration,
    ) -> Result<(String, String)> {
        let expression = invocation.expression();
        let expression = if remarks {
            expression.stderr_to_stdout().stdout_capture()
        } else {
            expression.stdout_capture().stderr_capture()
        };
        let begun = SystemTime::now();
        let run = move || -> std::io::Result<Option<std::process::Output>> {
            let handle = expression.start()?;
            let output = handle.wait_timeout(deadline)?.cloned();
            if output.is_none() {
                handle.kill()?;
            }
            Ok(output)
        };
        let ended = tokio::task::spawn_blocking(run)
            .await
            .map_err(|error| Error::System {
                what: "waiting for restic",
                source: error.into(),
            })?
            .map_err(|source| invocation.cannot_start(source))?;
        let output = ended.ok_or(Error::NoAnswer { after: deadline })?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let aside = String::from_utf8_lossy(&output.stderr).into_owned();
        let mut findings = Findings::default();
        // What is no remark is not read where remarks have a stream of their own: it may be one line of megabytes.
        let said = if remarks { text.lines() } else { aside.lines() };
        said.for_each(|line| findings.read(line));
        let end = findings.judge(&Streamed {
            status: output.status,
            stopped: None,
        });
        self.complained(end, begun)?;
        Ok((text, aside))
    }
}
