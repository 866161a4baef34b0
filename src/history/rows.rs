//! The table of runs, and what there is beside it. Times are milliseconds since 1970, UTC.

use jiff::{SignedDuration, Timestamp};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Result, named_params, params};
use uuid::Uuid;

use crate::repository::Figures;

use super::{Beginning, End};

/// Runs are numbered in the order in which they were written: clocks jump. There is no index: all is read in a few
/// milliseconds, and what is not there cannot contradict the rest.
pub(super) const SCHEMA: &str = "
    CREATE TABLE runs (
        number INTEGER PRIMARY KEY,
        id TEXT NOT NULL,
        command TEXT NOT NULL,
        arguments TEXT NOT NULL,
        started_by TEXT,
        dry_run INTEGER NOT NULL,
        started INTEGER NOT NULL,
        ended INTEGER,
        exit_code INTEGER,
        verdict TEXT,
        skipped TEXT,
        snapshot TEXT,
        files INTEGER,
        bytes_added INTEGER,
        bytes_processed INTEGER
    ) STRICT;
    CREATE TABLE scheduled (
        job TEXT PRIMARY KEY,
        schedule TEXT NOT NULL,
        anchor INTEGER NOT NULL,
        done INTEGER NOT NULL,
        attempt TEXT
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE seen (
        job TEXT PRIMARY KEY,
        schedule TEXT NOT NULL,
        since INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
";

/// What is kept: whichever is reached first, but for the newest success of each job, which tells that a job of every month
/// is well beside one of every minute.
const KEPT_DAYS: i64 = 400;
pub(super) const KEPT_ROWS: i64 = 20_000;

const COLUMNS: &str = "id, command, arguments, started_by, dry_run, started, \
     ended, exit_code, verdict, skipped, snapshot, files, bytes_added, bytes_processed";

/// A run as it is written.
pub(super) struct Row {
    pub beginning: Beginning,
    pub end: Option<End>,
}

pub(super) fn begin(database: &Connection, run: &Beginning) -> Result<()> {
    database.execute(
        "INSERT INTO runs (id, command, arguments, started_by, dry_run, started)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE NOT EXISTS (SELECT 1 FROM runs WHERE id = ?1)",
        params![
            run.id.to_string(),
            run.command,
            arguments(&run.args),
            run.started_by,
            run.dry_run,
            run.started.as_millisecond(),
        ],
    )?;
    Ok(())
}

pub(super) fn end(database: &Connection, run: &Beginning, end: &End) -> Result<()> {
    begin(database, run)?;
    let figures = &end.figures;
    database.execute(
        "UPDATE runs SET ended = :ended, exit_code = :exit_code, verdict = :verdict, skipped = :skipped,
             snapshot = :snapshot, files = :files, bytes_added = :added, bytes_processed = :processed
         WHERE id = :id",
        named_params! {
            ":id": run.id.to_string(),
            ":ended": end.at.as_millisecond(),
            ":exit_code": end.exit_code,
            ":verdict": end.verdict,
            ":skipped": end.skipped,
            ":snapshot": figures.snapshot,
            ":files": integer(figures.files),
            ":added": integer(figures.bytes_added),
            ":processed": integer(figures.bytes_processed),
        },
    )?;
    Ok(())
}

pub(super) fn remove_old(database: &Connection, now: Timestamp) -> Result<()> {
    let oldest = now
        .checked_sub(SignedDuration::from_hours(24 * KEPT_DAYS))
        .unwrap_or(Timestamp::UNIX_EPOCH);
    database.execute(
        "DELETE FROM runs WHERE started < ?1 OR number <= (SELECT max(number) FROM runs) - ?2
             AND (exit_code IS NOT 0 OR skipped IS NOT NULL OR dry_run <> 0 OR EXISTS (
                 SELECT 1 FROM runs AS later
                 WHERE later.number > runs.number AND later.command = runs.command
                     AND later.arguments = runs.arguments
                     AND later.exit_code = 0 AND later.skipped IS NULL AND later.dry_run = 0
             ))",
        params![oldest.as_millisecond(), KEPT_ROWS],
    )?;
    Ok(())
}

pub(super) fn last(
    database: &Connection,
    command: &str,
    args: Option<&[String]>,
) -> Result<Option<Row>> {
    newest(database, "", command, args)
}

pub(super) fn last_success(
    database: &Connection,
    command: &str,
    args: Option<&[String]>,
) -> Result<Option<Row>> {
    newest(
        database,
        "AND exit_code = 0 AND skipped IS NULL",
        command,
        args,
    )
}

fn newest(
    database: &Connection,
    condition: &str,
    command: &str,
    args: Option<&[String]>,
) -> Result<Option<Row>> {
    let query = format!(
        "SELECT {COLUMNS} FROM runs WHERE command = ?1 AND (?2 IS NULL OR arguments = ?2) AND dry_run = 0 {condition}
         ORDER BY number DESC LIMIT 1"
    );
    database
        .query_row(&query, params![command, args.map(arguments)], row)
        .optional()
}

/// Hands over the runs of a command with these very arguments, the newest first, until `take` has enough; no dry runs.
pub(super) fn newest_first(
    database: &Connection,
    command: &str,
    args: &[String],
    mut take: impl FnMut(Row) -> bool,
) -> Result<()> {
    let query = format!(
        "SELECT {COLUMNS} FROM runs WHERE command = ?1 AND arguments = ?2 AND dry_run = 0 ORDER BY number DESC"
    );
    let mut statement = database.prepare(&query)?;
    let mut rows = statement.query(params![command, arguments(args)])?;
    while let Some(found) = rows.next()? {
        if !take(row(found)?) {
            break;
        }
    }
    Ok(())
}

pub(super) fn since(database: &Connection, time: Timestamp) -> Result<Vec<Row>> {
    let query = format!("SELECT {COLUMNS} FROM runs WHERE started >= ?1 ORDER BY number");
    let mut statement = database.prepare(&query)?;
    statement
        .query_map([time.as_millisecond()], row)?
        .collect::<Result<Vec<Row>>>()
}

fn row(row: &rusqlite::Row<'_>) -> Result<Row> {
    let id: String = row.get(0)?;
    let args: String = row.get(2)?;
    let beginning = Beginning {
        id: Uuid::parse_str(&id).map_err(|error| wrong(0, error))?,
        command: row.get(1)?,
        args: serde_json::from_str(&args).map_err(|error| wrong(2, error))?,
        started_by: row.get(3)?,
        dry_run: row.get(4)?,
        started: time(5, row.get(5)?)?,
    };
    let end = match row.get::<_, Option<i64>>(6)? {
        None => None,
        Some(ended) => Some(End {
            at: time(6, ended)?,
            exit_code: row.get(7)?,
            verdict: row.get(8)?,
            skipped: row.get(9)?,
            figures: Figures {
                snapshot: row.get(10)?,
                files: figure(row, 11)?,
                bytes_added: figure(row, 12)?,
                bytes_processed: figure(row, 13)?,
            },
        }),
    };
    Ok(Row { beginning, end })
}

fn arguments(args: &[String]) -> String {
    serde_json::Value::from(args).to_string()
}

/// SQLite's integers are signed.
fn integer(figure: Option<u64>) -> Option<i64> {
    figure.and_then(|figure| i64::try_from(figure).ok())
}

fn figure(row: &rusqlite::Row<'_>, column: usize) -> Result<Option<u64>> {
    let figure: Option<i64> = row.get(column)?;
    figure
        .map(u64::try_from)
        .transpose()
        .map_err(|error| wrong(column, error))
}

pub(super) fn time(column: usize, milliseconds: i64) -> Result<Timestamp> {
    Timestamp::from_millisecond(milliseconds).map_err(|error| wrong(column, error))
}

/// A value that we would not have written: something else did.
fn wrong(column: usize, error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
}
