//! What to start and what to say, by the clock, the records and what runs: a state machine that does nothing itself.
//!
//! Each job has at most one run on its way. Its record moves on before its run begins, and is kept by who carries the
//! actions out; a run that has no end in the records was broken off, and is made up once.

use jiff::Timestamp;

use crate::history::{Attempt, Scheduled};
use crate::schedule::{Due, Missed, Timetable};

/// The jobs in the order of the file.
#[derive(Debug)]
pub struct Agenda {
    jobs: Vec<Entry>,
}

/// One job.
#[derive(Debug)]
struct Entry {
    timetable: Timetable,
    catch_up: bool,
    record: Scheduled,
    /// What the record had on its way when the scheduler began.
    broken_off: Option<Attempt>,
    /// The scheduled time of the run that is on its way.
    underway: Option<Timestamp>,
    /// The clock went back behind the record, and that was said.
    rests: bool,
}

/// What is to be done for a job, by its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Begin its run.
    Start {
        /// Which job.
        job: usize,
        /// The time that it is for.
        scheduled: Timestamp,
        /// Whether it makes up for another.
        attempt: Attempt,
    },
    /// Tell something of it.
    Tell {
        /// Which job.
        job: usize,
        /// What.
        note: Note,
    },
}

/// What somebody must hear of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// Scheduled times passed without a run.
    Missed {
        /// Which.
        missed: Missed,
        /// What becomes of them.
        then: Then,
    },
    /// A run was broken off: the machine lost its power, or the container was stopped or killed.
    BrokenOff {
        /// The time that it was for.
        scheduled: Timestamp,
        /// What becomes of it.
        then: Then,
    },
    /// It was due while its last run was still on its way.
    Skipped {
        /// When it was due.
        due: Missed,
        /// The time that the run on its way is for.
        underway: Timestamp,
    },
    /// The clock went back: the times until then were done already.
    Rests {
        /// The next run.
        until: Option<Timestamp>,
    },
    /// The record was far ahead of the clock, and is given up.
    Forgot {
        /// What it was.
        done: Timestamp,
    },
}

/// What becomes of a run that did not happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// It is made up now.
    MadeUp,
    /// The run that begins now, at its own time, stands for it too.
    WithTheNext,
    /// `catch-up = false`.
    LeftOut,
    /// It was a make-up itself.
    NotAgain,
}

impl Agenda {
    /// From each job's timetable, its `catch-up` and its record.
    pub fn new(jobs: impl IntoIterator<Item = (Timetable, bool, Scheduled)>) -> Self {
        let jobs = jobs.into_iter().map(|(timetable, catch_up, record)| Entry {
            timetable,
            catch_up,
            broken_off: record.attempt,
            record,
            underway: None,
            rests: false,
        });
        Self {
            jobs: jobs.collect(),
        }
    }

    /// All that is due. Ask again at [`Self::next`], and whenever the clock was set.
    pub fn look(&mut self, now: Timestamp) -> Vec<Action> {
        let mut actions = Vec::new();
        for (job, entry) in self.jobs.iter_mut().enumerate() {
            entry.look(job, now, &mut actions);
        }
        actions
    }

    /// When something is due next.
    #[must_use]
    pub fn next(&self, now: Timestamp) -> Option<Timestamp> {
        let next = |entry: &Entry| match entry.timetable.due(entry.record.done, now) {
            Due::Wait { until, .. } => until,
            _ => Some(now),
        };
        self.jobs.iter().filter_map(next).min()
    }

    /// The record of a job, as it must be kept before its run begins.
    #[must_use]
    pub fn record(&self, job: usize) -> Scheduled {
        self.jobs[job].record
    }

    /// The run of a job has ended; one that was broken off stays in its record, to be made up.
    pub fn ended(&mut self, job: usize, broken_off: bool) {
        let entry = &mut self.jobs[job];
        entry.underway = None;
        if !broken_off {
            entry.record.attempt = None;
        }
    }

    /// The run of a job was stopped before it began: also a make-up is still to be made up, for it was not tried.
    pub fn put_back(&mut self, job: usize) {
        let entry = &mut self.jobs[job];
        entry.underway = None;
        entry.record.attempt = Some(Attempt::Regular);
    }
}

impl Entry {
    /// Looks at one job:
    ///
    /// | What is due | Nothing broken off | A run was broken off |
    /// | --- | --- | --- |
    /// | nothing yet | nothing | it is made up, if it may be |
    /// | now, on time | its run begins | that run stands for it |
    /// | was due, and is late | it is made up, if it may be | one make-up stands for both |
    /// | anything, while its last run is on its way | it is skipped | (only known at the start, when nothing runs) |
    fn look(&mut self, job: usize, now: Timestamp, actions: &mut Vec<Action>) {
        let mut tell = |note| actions.push(Action::Tell { job, note });
        let due = match self.timetable.due(self.record.done, now) {
            Due::Forget(record) => {
                tell(Note::Forgot {
                    done: self.record.done,
                });
                self.record.done = record;
                self.timetable.due(record, now)
            }
            due => due,
        };
        let broken_off = self.broken_off.take();
        let (scheduled, attempt) = match due {
            Due::Wait {
                until,
                clock_went_back,
            } => {
                if clock_went_back && !self.rests {
                    tell(Note::Rests { until });
                }
                self.rests = clock_went_back;
                let Some(attempt) = broken_off else { return };
                let scheduled = self.record.done;
                let then = self.then(attempt);
                tell(Note::BrokenOff { scheduled, then });
                if then != Then::MadeUp {
                    self.record.attempt = None;
                    return;
                }
                (scheduled, Attempt::MakeUp)
            }
            Due::Run { scheduled, missed } => {
                if self.skips(scheduled, missed, &mut tell) {
                    return;
                }
                if broken_off.is_some() {
                    let then = Then::WithTheNext;
                    let scheduled = self.record.done;
                    tell(Note::BrokenOff { scheduled, then });
                }
                if let Some(missed) = missed {
                    let then = Then::WithTheNext;
                    tell(Note::Missed { missed, then });
                }
                (scheduled, Attempt::Regular)
            }
            // The record was ahead of the clock by too much, and is the clock now.
            Due::Forget(_) => return,
            Due::Late(missed) => {
                if self.skips(missed.latest, Some(missed), &mut tell) {
                    return;
                }
                let then = self.then(Attempt::Regular);
                if broken_off.is_some() {
                    let scheduled = self.record.done;
                    tell(Note::BrokenOff { scheduled, then });
                }
                tell(Note::Missed { missed, then });
                if then != Then::MadeUp {
                    self.record.done = missed.latest;
                    self.record.attempt = None;
                    return;
                }
                (missed.latest, Attempt::MakeUp)
            }
        };
        self.rests = false;
        self.record.done = scheduled;
        self.record.attempt = Some(attempt);
        self.underway = Some(scheduled);
        actions.push(Action::Start {
            job,
            scheduled,
            attempt,
        });
    }

    /// Whether the last run is still on its way, so that what is due is left out; the record of that run stays.
    fn skips(
        &mut self,
        latest: Timestamp,
        missed: Option<Missed>,
        tell: &mut impl FnMut(Note),
    ) -> bool {
        let Some(underway) = self.underway else {
            return false;
        };
        let first = missed.map_or(latest, |missed| missed.first);
        let due = Missed { first, latest };
        tell(Note::Skipped { due, underway });
        self.record.done = latest;
        true
    }

    fn then(&self, broken_off: Attempt) -> Then {
        match broken_off {
            Attempt::Regular if self.catch_up => Then::MadeUp,
            Attempt::Regular => Then::LeftOut,
            Attempt::MakeUp => Then::NotAgain,
        }
    }
}

#[cfg(test)]
mod tests;
