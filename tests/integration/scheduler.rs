//! `start-server --schedule FILE` and `schedule [FILE]`: the jobs of a schedule file at their times.
//!
//! Schedules of seconds here, for what is daily elsewhere; upper bounds of time are generous, for a busy machine.

mod crowd;
mod returns;
mod runs;
mod scene;
mod starts;
mod stops;
