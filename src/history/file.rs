//! The file of the history: opened by one process at a time, looked through each time, set aside where it is damaged.
//!
//! With a rollback journal, not a write-ahead log: that one needs memory shared between processes, which not every
//! volume can give (<https://sqlite.org/wal.html>, "Overview"). SQLite's own locks are not enough either: between
//! seeing the damage and setting the file aside, another process may have begun a new one. So a lock of ours is
//! around all.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use fs_err as fs;
use jiff::Timestamp;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use super::{Error, History, PATIENCE, Result, rows};

/// Marks the file as ours ("CUBh"), <https://sqlite.org/pragma.html#pragma_application_id>.
const APPLICATION: i32 = 0x4355_4268;
/// Goes up with each change of the tables.
const VERSION: i32 = 1;
/// SQLite's page cache, in KiB: jobs are to stay small.
const CACHE: i64 = 256;
/// So many files that were set aside are kept.
const KEPT_ASIDE: usize = 3;
const ASIDE: &str = "history-set-aside-";
/// What SQLite puts beside its file, depending on the journal mode.
const COMPANIONS: [&str; 3] = ["-journal", "-wal", "-shm"];
/// How often the lock is asked for.
const POLL: std::time::Duration = std::time::Duration::from_millis(10);

impl History {
    /// Gives `work` the database within one transaction, as the only one who uses it.
    ///
    /// Where the file turns out to be damaged, it is set aside and `work` gets a new one.
    pub(super) fn with<T>(&self, work: impl Fn(&Connection) -> Result<T>) -> Result<T> {
        let until = Instant::now() + PATIENCE;
        let _lock = self.lock(until)?;
        match self
            .open(until)
            .and_then(|database| within(database, &work))
        {
            Err(Error::Damaged(damage)) => {
                self.set_aside(&damage)?;
                within(self.open(until)?, &work)
            }
            end => end,
        }
    }

    fn lock(&self, until: Instant) -> Result<Flock<File>> {
        let cannot = |source| Error::File {
            path: self.lock.clone(),
            source,
        };
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&self.lock)
            .map_err(cannot)?;
        loop {
            match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(lock) => return Ok(lock),
                Err((again, Errno::EWOULDBLOCK)) if Instant::now() < until => file = again,
                Err((_, Errno::EWOULDBLOCK)) => return Err(Error::Busy),
                Err((_, error)) => return Err(cannot(error.into())),
            }
            std::thread::sleep(POLL);
        }
    }

    /// A database that was looked through: what `work` meets later is new damage, or none.
    fn open(&self, until: Instant) -> Result<Connection> {
        // Before SQLite has it open: closing a file releases all the locks on it that this process has.
        match OpenOptions::new()
            .read(true)
            .append(true)
            .open(&self.file)
            .and_then(|file| file.metadata())
        {
            Ok(found) if found.len() == 0 => return Err(Error::Damaged("it is empty".to_owned())),
            Ok(_) => (),
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.create()?,
            Err(source) => return Err(self.cannot(source)),
        }
        let database = connect(&self.file, until)?;
        check(&database, &self.file)?;
        Ok(database)
    }

    /// Makes a new one aside, so that it is never seen half made.
    fn create(&self) -> Result<()> {
        let new = self.file.with_extension("new");
        // What an interrupted run has left. A journal without its file would be applied to the new one.
        for left in all_of(&new).chain(all_of(&self.file)) {
            remove_if_there(&left).map_err(|source| self.cannot(source))?;
        }
        let made = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&new)
            .map_err(|source| self.cannot(source))
            .and_then(|_| fill(&new))
            .and_then(|()| fs::rename(&new, &self.file).map_err(|source| self.cannot(source)));
        if made.is_err() {
            all_of(&new).for_each(|path| drop(remove_if_there(&path)));
        }
        made?;
        self.sync_folder()
    }

    fn set_aside(&self, damage: &str) -> Result<()> {
        let time = Timestamp::now().strftime("%Y-%m-%dT%H-%M-%S%.6fZ");
        let aside = self.folder().join(format!("{ASIDE}{time}.sqlite"));
        // The file first: without its journal it may look whole.
        for (from, to) in all_of(&self.file).zip(all_of(&aside)) {
            match fs::rename(&from, &to) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => (),
                end => end.map_err(|source| self.cannot(source))?,
            }
        }
        self.sync_folder()?;
        // It may quote what is in the file.
        let damage = damage.replace(char::is_control, " ");
        tracing::warn!(
            "the history of runs is damaged ({damage}): it is kept as {}, and a new one begins",
            aside.display()
        );
        self.remove_oldest_aside();
        Ok(())
    }

    fn remove_oldest_aside(&self) {
        let Ok(entries) = fs::read_dir(self.folder()) else {
            return;
        };
        let is_aside = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with(ASIDE) && name.ends_with(".sqlite")
        };
        let mut aside: Vec<PathBuf> = entries
            .flatten()
            .map(|entry| entry.path())
            .filter(is_aside)
            .collect();
        // Their names have the time.
        aside.sort();
        let surplus = aside.len().saturating_sub(KEPT_ASIDE);
        for path in aside.iter().take(surplus).flat_map(|path| all_of(path)) {
            let _ = remove_if_there(&path);
        }
    }

    fn folder(&self) -> &Path {
        self.file.parent().unwrap_or(Path::new("."))
    }

    fn sync_folder(&self) -> Result<()> {
        File::open(self.folder())
            .and_then(|folder| folder.sync_all())
            .map_err(|source| self.cannot(source))
    }

    fn cannot(&self, source: io::Error) -> Error {
        Error::File {
            path: self.file.clone(),
            source,
        }
    }
}

/// Whether SQLite, or a value that it gave, says that the file is not what we wrote.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::Error as E;
    match error {
        E::SqliteFailure(failure, _) | E::SqlInputError { error: failure, .. } => {
            match failure.code {
                // The last is SQLITE_ERROR: our statements are right, so a table or a column is missing.
                ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::Unknown => true,
                // The file can be written, we have looked; so its header forbids it. A folder that forbids it has
                // another extended code.
                ErrorCode::ReadOnly => failure.extended_code == rusqlite::ffi::SQLITE_READONLY,
                _ => false,
            }
        }
        E::FromSqlConversionFailure(..)
        | E::IntegralValueOutOfRange(..)
        | E::InvalidColumnType(..)
        | E::Utf8Error(..) => true,
        _ => false,
    }
}

fn within<T>(mut database: Connection, work: &impl Fn(&Connection) -> Result<T>) -> Result<T> {
    let transaction = database.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let value = work(&transaction)?;
    transaction.commit()?;
    Ok(value)
}

fn connect(file: &Path, until: Instant) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let database = Connection::open_with_flags(file, flags)?;
    // For strangers such as the `sqlite3` program: our own processes wait for the lock.
    database.busy_timeout(until.saturating_duration_since(Instant::now()))?;
    database.pragma_update(None, "cache_size", -CACHE)?;
    database.pragma_update(None, "trusted_schema", false)?;
    // A file that somebody has switched to a write-ahead log is opened without shared memory, and switched back.
    let set = |name, value| database.pragma_update_and_check(None, name, value, |_| Ok(()));
    set("locking_mode", "exclusive")?;
    set("journal_mode", "delete")?;
    set("locking_mode", "normal")?;
    Ok(database)
}

/// Looks for damage in all of the file: a few milliseconds for as many runs as are kept.
fn check(database: &Connection, file: &Path) -> Result<()> {
    let number = |name: &str| database.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    if number("application_id")? != i64::from(APPLICATION) {
        return Err(Error::Damaged("it is no history of runs".to_owned()));
    }
    let version = number("user_version")?;
    if version != i64::from(VERSION) {
        return Err(Error::Damaged(format!(
            "it has version {version}, and this program knows version {VERSION}"
        )));
    }
    if tables(database)? != rows::SCHEMA.split(';').map(str::trim).collect::<Vec<_>>() {
        return Err(Error::Damaged(format!(
            "its tables are not those of version {VERSION}"
        )));
    }
    // SQLite takes what a cut last page lacks for zeros.
    let whole = number("page_count")? * number("page_size")?;
    let length = fs::metadata(file).map_err(|source| Error::File {
        path: file.to_owned(),
        source,
    })?;
    if i64::try_from(length.len()).is_ok_and(|length| length < whole) {
        return Err(Error::Damaged(format!(
            "{} of its {whole} bytes are left",
            length.len()
        )));
    }
    let found: String = database.pragma_query_value(None, "quick_check", |row| row.get(0))?;
    if found != "ok" {
        return Err(Error::Damaged(found));
    }
    Ok(())
}

/// The statements that made the tables, as SQLite keeps them, and an empty one after the last.
fn tables(database: &Connection) -> Result<Vec<String>> {
    let mut statement = database.prepare("SELECT sql FROM sqlite_schema ORDER BY rowid")?;
    let statements = statement.query_map([], |row| row.get(0))?;
    let mut statements = statements.collect::<rusqlite::Result<Vec<String>>>()?;
    statements.push(String::new());
    Ok(statements)
}

fn fill(new: &Path) -> Result<()> {
    let mut database = connect(new, Instant::now() + PATIENCE)?;
    let transaction = database.transaction()?;
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.execute_batch(rows::SCHEMA)?;
    transaction.commit()?;
    Ok(())
}

/// The file, and what SQLite may have put beside it.
fn all_of(file: &Path) -> impl Iterator<Item = PathBuf> {
    let beside = |ending: &str| {
        let mut name = file.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    };
    [""].into_iter()
        .chain(COMPANIONS)
        .map(beside)
        .collect::<Vec<_>>()
        .into_iter()
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        end => end,
    }
}
