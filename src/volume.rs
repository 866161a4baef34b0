//! What is kept in the volume beside the login: the run directory, the locks, and the repository id once seen.
//!
//! Its locks are in `locks`.

use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use fs_err as fs;
use nix::fcntl::FlockArg;
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::history::History;

mod locks;

pub use locks::{Holder, Lock, Locking, Presence, Serves, container_id};
use locks::{held_by, lock, wait_for};

/// Held by the keeper of the login.
const LOGIN_LOCK: &str = "run/login.lock";
/// Held by the scheduler.
const SCHEDULER_LOCK: &str = "run/schedule.lock";

/// The folders of this program in the volume.
#[derive(Debug, Clone)]
pub struct Volume {
    root: PathBuf,
}

impl Volume {
    /// Opens the volume at this home folder; makes the folders that are missing.
    pub fn open(home: &Path) -> Result<Self> {
        let volume = Self {
            root: home.join(".cloud-backup"),
        };
        for folder in [
            volume.root.clone(),
            volume.run_directory(),
            volume.root.join("jobs"),
            volume.root.join("repositories"),
        ] {
            private_folder(&folder).map_err(|source| Error::Volume {
                path: folder,
                source,
            })?;
        }
        Ok(volume)
    }

    /// Sockets of the running server, for this container and its neighbours on the volume.
    #[must_use]
    pub fn run_directory(&self) -> PathBuf {
        self.root.join("run")
    }

    /// Where the running server listens, on a volume that carries sockets.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.run_directory().join("rest.sock")
    }

    /// All certificate authorities to trust, one file: oidc-agent keeps this path, so it never changes.
    #[must_use]
    pub fn ca_bundle(&self) -> PathBuf {
        self.root.join("ca-bundle.pem")
    }

    /// The same for programs that look for it anew, of an `EXTRA_CA_FILE` with this fingerprint.
    #[must_use]
    pub fn ca_bundle_with(&self, fingerprint: &str) -> PathBuf {
        self.root.join(format!("ca-bundle-{fingerprint}.pem"))
    }

    /// What is known of the rclone that is installed.
    #[must_use]
    pub fn known_rclone(&self) -> PathBuf {
        self.root.join("rclone.json")
    }

    /// The history of the jobs' runs.
    #[must_use]
    pub fn history(&self) -> History {
        History::new(
            self.root.join("history.sqlite"),
            self.root.join("run/history.lock"),
            self.root.join("run/jobs"),
        )
    }

    /// Takes the lock that makes its holder the one server of this volume.
    pub fn lock_server(&self) -> Result<Locking> {
        lock(&self.root.join("run/server.lock"))
    }

    /// Who holds the server's lock: `None` where nobody does, `Some(None)` where the holder has not signed yet.
    #[allow(clippy::option_option)]
    pub fn server(&self) -> Result<Option<Option<Holder>>> {
        held_by(self.root.join("run/server.lock"))
    }

    /// Takes the lock that makes its holder the one scheduler of this volume.
    pub fn lock_scheduler(&self) -> Result<Locking> {
        lock(&self.root.join(SCHEDULER_LOCK))
    }

    /// Who schedules the jobs of this volume: `None` and `Some(None)` as with [`Self::server`].
    #[allow(clippy::option_option)]
    pub fn scheduler(&self) -> Result<Option<Option<Holder>>> {
        held_by(self.root.join(SCHEDULER_LOCK))
    }

    /// Who keeps the login: `None` and `Some(None)` as with [`Self::server`].
    #[allow(clippy::option_option)]
    pub fn keeper(&self) -> Result<Option<Option<Holder>>> {
        held_by(self.root.join(LOGIN_LOCK))
    }

    /// Takes the lock that makes its holder the keeper of the login: the one that runs oidc-agent.
    pub fn lock_login(&self) -> Result<Locking> {
        lock(&self.root.join(LOGIN_LOCK))
    }

    /// Takes the lock of changes to the login: `config` and `reauth`, one at a time.
    pub fn lock_login_change(&self) -> Result<Locking> {
        lock(&self.root.join("run/login-change.lock"))
    }

    /// Where the keeper of the login answers its neighbours.
    #[must_use]
    pub fn keeper_socket(&self) -> PathBuf {
        self.run_directory().join("login.sock")
    }

    /// Where oidc-agent answers, for as long as there is a keeper of the login.
    #[must_use]
    pub fn agent_socket(&self) -> PathBuf {
        self.run_directory().join("oidc-agent.sock")
    }

    /// Where `credential-process` saves credentials for its next calls.
    #[must_use]
    pub fn saved_credentials(&self) -> PathBuf {
        self.run_directory().join("credentials.json")
    }

    /// Waits for the turn to renew the saved credentials, which lasts as long as this is kept.
    pub async fn lock_credentials(&self) -> Result<Lock> {
        let path = self.root.join("run/credentials.lock");
        let file = wait_for(&path, FlockArg::LockExclusiveNonblock).await?;
        Ok(Lock {
            file,
            was_left: false,
        })
    }

    /// Takes the lock of one job: the same command with the same arguments.
    pub fn lock_job(&self, name: &str, args: &[String]) -> Result<Locking> {
        let id = Uuid::new_v5(&Uuid::NAMESPACE_URL, args.join("\0").as_bytes());
        lock(&self.root.join(format!("jobs/{name}-{id}.lock")))
    }

    /// Says that a run of restic is on its way on this volume, until it is dropped.
    ///
    /// Waits while another run has it for itself, which is as long as `restic unlock` takes.
    pub async fn join(&self) -> Result<Presence> {
        let path = self.root.join("run/restic.lock");
        let file = wait_for(&path, FlockArg::LockSharedNonblock).await?;
        Ok(Presence { file })
    }

    /// Keeps others from making a repository until it is dropped; waits while another one makes it.
    pub async fn lock_init(&self) -> Result<Lock> {
        let path = self.root.join("run/init.lock");
        let file = wait_for(&path, FlockArg::LockExclusiveNonblock).await?;
        Ok(Lock {
            file,
            was_left: false,
        })
    }

    /// The id of the repository that was seen at this remote.
    pub fn pinned_repository(&self, remote: &str) -> Result<Option<String>> {
        let path = self.pin(remote);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(text.split_whitespace().next().map(str::to_owned)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(Error::Volume { path, source }),
        }
    }

    /// Keeps the id of the repository at this remote.
    pub fn pin_repository(&self, remote: &str, id: &str) -> Result<()> {
        let path = self.pin(remote);
        write_whole(&path, format!("{id} {remote}\n").as_bytes())
            .map_err(|source| Error::Volume { path, source })
    }

    /// What `verify` keeps of the repository at this remote, to find again at its next run.
    #[must_use]
    pub fn canary(&self, remote: &str) -> PathBuf {
        self.of_repository(remote, "canary.json")
    }

    fn pin(&self, remote: &str) -> PathBuf {
        self.of_repository(remote, "id")
    }

    fn of_repository(&self, remote: &str, what: &str) -> PathBuf {
        let remote = Uuid::new_v5(&Uuid::NAMESPACE_URL, remote.as_bytes());
        self.root.join(format!("repositories/{remote}.{what}"))
    }
}

/// Makes a folder that only its owner may look into (mode 0700), with those above it where they are missing.
pub fn private_folder(path: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)?;
    fs::set_permissions(path, std::fs::Permissions::from_mode(0o700))
}

/// Writes a file so that at any moment either the old or the new content is there, whole (mode 0600).
pub fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut aside = tempfile::NamedTempFile::new_in(folder)?;
    aside.write_all(content)?;
    aside.as_file().sync_all()?;
    aside.persist(path)?;
    fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_held_once_and_tells_its_holder() {
        let home = tempfile::tempdir().unwrap();
        let volume = Volume::open(home.path()).unwrap();
        let Locking::Ours(first) = volume.lock_server().unwrap() else {
            panic!("the first lock is ours")
        };
        let Locking::Held(holder) = volume.lock_server().unwrap() else {
            panic!("the second is not")
        };
        assert!(Holder::describe(holder.as_ref()).contains("since 20"));
        drop(first);
        assert!(matches!(volume.lock_server().unwrap(), Locking::Ours(_)));
    }

    #[test]
    fn a_scheduler_tells_which_file_it_keeps() {
        let home = tempfile::tempdir().unwrap();
        let volume = Volume::open(home.path()).unwrap();
        assert!(volume.scheduler().unwrap().is_none());
        let Locking::Ours(mut lock) = volume.lock_scheduler().unwrap() else {
            panic!("the first lock is ours")
        };
        lock.sign_schedule(Path::new("/etc/jobs.ini")).unwrap();
        let holder = volume.scheduler().unwrap().flatten().unwrap();
        assert_eq!(holder.schedule.as_deref(), Some(Path::new("/etc/jobs.ini")));
        drop(lock);
        assert!(volume.scheduler().unwrap().is_none());
    }

    #[test]
    fn jobs_with_other_arguments_do_not_exclude_each_other() {
        let home = tempfile::tempdir().unwrap();
        let volume = Volume::open(home.path()).unwrap();
        let one = volume
            .lock_job("backup", &["/backup/dir1".to_owned()])
            .unwrap();
        let other = volume
            .lock_job("backup", &["/backup/dir2".to_owned()])
            .unwrap();
        let again = volume
            .lock_job("backup", &["/backup/dir1".to_owned()])
            .unwrap();
        assert!(matches!(
            (one, other, again),
            (Locking::Ours(_), Locking::Ours(_), Locking::Held(_))
        ));
    }

    #[tokio::test]
    async fn only_a_run_that_is_alone_keeps_others_out() {
        let home = tempfile::tempdir().unwrap();
        let volume = Volume::open(home.path()).unwrap();
        let one = volume.join().await.unwrap();
        let other = volume.join().await.unwrap();
        assert!(!one.exclude_others());
        assert!(!other.exclude_others(), "the first is still there");
        drop(other);
        assert!(one.exclude_others());
        one.share();
        assert!(!volume.join().await.unwrap().exclude_others());
    }

    #[test]
    fn a_repository_is_pinned_for_its_remote_only() {
        let home = tempfile::tempdir().unwrap();
        let volume = Volume::open(home.path()).unwrap();
        volume.pin_repository("/store/", "abcd").unwrap();
        assert_eq!(
            volume.pinned_repository("/store/").unwrap().as_deref(),
            Some("abcd")
        );
        assert_eq!(volume.pinned_repository("/other/").unwrap(), None);
    }

    #[test]
    fn folders_are_private() {
        let home = tempfile::tempdir().unwrap();
        let volume = Volume::open(home.path()).unwrap();
        assert_eq!(
            fs::metadata(volume.run_directory())
                .unwrap()
                .permissions()
                .mode()
                & 0o777,
            0o700
        );
    }
}
