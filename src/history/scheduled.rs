//! What is kept of each job of a schedule file beside its runs: how far its schedule is done, and since when it is known.
//!
//! Both are for the schedule in its very words: with other words the job begins anew, so that nothing counts as missed
//! or overdue that was never asked for.

use jiff::Timestamp;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Result, params};

use super::History;
use super::rows::time;

/// How far the schedule of a job is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scheduled {
    /// When the job was first seen with this schedule; `@every` counts from there.
    pub anchor: Timestamp,
    /// The last scheduled time that is done: its run was started, or left out for good.
    pub done: Timestamp,
    /// The run for that time, where it has not ended by itself.
    pub attempt: Option<Attempt>,
}

/// Which run of a job is on its way, or was broken off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// One at its time.
    Regular,
    /// One that makes up for another: where it is broken off too, it is not made up again.
    MakeUp,
}

impl Attempt {
    fn word(self) -> &'static str {
        match self {
            Self::Regular => "regular",
            Self::MakeUp => "make-up",
        }
    }
}

impl History {
    /// How far the schedules of these jobs are done, each with its schedule; what is new begins now.
    ///
    /// All other jobs are forgotten: one that comes back later has missed nothing.
    pub fn scheduled(
        &self,
        jobs: &[(&str, &str)],
        now: Timestamp,
    ) -> super::Result<Vec<Scheduled>> {
        let names: Vec<&str> = jobs.iter().map(|(job, _)| *job).collect();
        let names = serde_json::Value::from(names).to_string();
        self.with(|database| {
            database.execute(
                "DELETE FROM scheduled WHERE job NOT IN (SELECT value FROM json_each(?1))",
                [&names],
            )?;
            let mut all = Vec::new();
            for (job, schedule) in jobs {
                let found = scheduled(database, job, schedule)?;
                let known = found.unwrap_or(Scheduled {
                    anchor: now,
                    done: now,
                    attempt: None,
                });
                if found.is_none() {
                    set_scheduled(database, job, schedule, &known)?;
                }
                all.push(known);
            }
            Ok(all)
        })
    }

    /// Keeps how far the schedules of these jobs are done, to the millisecond; all of them or none.
    pub fn set_scheduled(&self, jobs: &[(&str, &str, Scheduled)]) -> super::Result<()> {
        self.with(|database| {
            for (job, schedule, scheduled) in jobs {
                set_scheduled(database, job, schedule, scheduled)?;
            }
            Ok(())
        })
    }

    /// Since when this job is known with this schedule; one that is new is known from now on.
    ///
    /// A time ahead of the clock was written by a wrong clock, and is replaced.
    pub fn known_since(
        &self,
        job: &str,
        schedule: &str,
        now: Timestamp,
    ) -> super::Result<Timestamp> {
        self.with(|database| Ok(known_since(database, job, schedule, now)?))
    }

    /// Makes these jobs, by their names and schedules, the ones that are known; new ones are known from now on.
    ///
    /// The others are forgotten: one that comes back later is new, and not overdue at once.
    pub fn know_only(&self, jobs: &[(&str, &str)], now: Timestamp) -> super::Result<()> {
        let names: Vec<&str> = jobs.iter().map(|(job, _)| *job).collect();
        let names = serde_json::Value::from(names).to_string();
        self.with(|database| {
            database.execute(
                "DELETE FROM seen WHERE job NOT IN (SELECT value FROM json_each(?1))",
                [&names],
            )?;
            for (job, schedule) in jobs {
                known_since(database, job, schedule, now)?;
            }
            Ok(())
        })
    }
}

/// Since when the job is known with this schedule, where it is.
pub(super) fn seen(
    database: &Connection,
    job: &str,
    schedule: &str,
    now: Timestamp,
) -> Result<Option<Timestamp>> {
    let found = database
        .query_row(
            "SELECT since FROM seen WHERE job = ?1 AND schedule = ?2",
            [job, schedule],
            |row| time(0, row.get(0)?),
        )
        .optional()?;
    Ok(found.filter(|since| *since <= now))
}

fn known_since(
    database: &Connection,
    job: &str,
    schedule: &str,
    now: Timestamp,
) -> Result<Timestamp> {
    if let Some(since) = seen(database, job, schedule, now)? {
        return Ok(since);
    }
    database.execute(
        "INSERT OR REPLACE INTO seen (job, schedule, since) VALUES (?1, ?2, ?3)",
        params![job, schedule, now.as_millisecond()],
    )?;
    Ok(now)
}

pub(super) fn scheduled(
    database: &Connection,
    job: &str,
    schedule: &str,
) -> Result<Option<Scheduled>> {
    database
        .query_row(
            "SELECT anchor, done, attempt FROM scheduled WHERE job = ?1 AND schedule = ?2",
            [job, schedule],
            |row| {
                Ok(Scheduled {
                    anchor: time(0, row.get(0)?)?,
                    done: time(1, row.get(1)?)?,
                    attempt: row
                        .get::<_, Option<String>>(2)?
                        .map(|word| attempt(2, &word))
                        .transpose()?,
                })
            },
        )
        .optional()
}

fn set_scheduled(
    database: &Connection,
    job: &str,
    schedule: &str,
    scheduled: &Scheduled,
) -> Result<()> {
    database.execute(
        "INSERT OR REPLACE INTO scheduled (job, schedule, anchor, done, attempt) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![
            job,
            schedule,
            scheduled.anchor.as_millisecond(),
            scheduled.done.as_millisecond(),
            scheduled.attempt.map(Attempt::word),
        ],
    )?;
    Ok(())
}

fn attempt(column: usize, word: &str) -> Result<Attempt> {
    [Attempt::Regular, Attempt::MakeUp]
        .into_iter()
        .find(|attempt| attempt.word() == word)
        .ok_or_else(|| {
            let error = format!("{word} is no attempt");
            rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error.into())
        })
}
