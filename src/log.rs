//! The server's log on standard error: text for people, JSON for collectors (`LOG_FORMAT`, `LOG_LEVEL`).

use std::io::Write;

use tracing_subscriber::filter::LevelFilter;

use crate::place::Place;

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One readable line.
    Text,
    /// One JSON object a line.
    Json,
}

/// What is logged, and how.
#[derive(Debug, Clone, Copy)]
pub struct Logging {
    /// `LOG_FORMAT`
    pub format: Format,
    /// `LOG_LEVEL`
    pub level: LevelFilter,
}

impl Logging {
    /// For a command whose standard error is its user's screen.
    #[must_use]
    pub fn warnings_only(self) -> Self {
        Self {
            level: self.level.min(LevelFilter::WARN),
            ..self
        }
    }
}

impl Default for Logging {
    /// For a command whose settings cannot be read.
    fn default() -> Self {
        Self {
            format: Format::Text,
            level: LevelFilter::WARN,
        }
    }
}

/// Says a line to the user on standard error, with what to type as it is typed here ([`Place::typed`]).
///
/// Nobody listening is no reason to end: `eprintln!` would panic.
pub fn say(line: impl std::fmt::Display) {
    let line = line.to_string();
    let _ = writeln!(std::io::stderr(), "{}", Place::here().typed(&line));
}

/// Begins to log; a second call changes nothing.
pub fn start(logging: Logging) {
    let builder = tracing_subscriber::fmt()
        .with_max_level(logging.level)
        .with_target(false)
        // It would tell them on a standard error that cannot be written to.
        .log_internal_errors(false)
        .with_writer(std::io::stderr);
    // Fails only where a subscriber is set already.
    let _ = match logging.format {
        Format::Text => tracing::subscriber::set_global_default(builder.with_ansi(false).finish()),
        Format::Json => {
            tracing::subscriber::set_global_default(builder.json().flatten_event(true).finish())
        }
    };
}
