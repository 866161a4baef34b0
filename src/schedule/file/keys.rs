//! The keys of one section: which there are, each once, and their values as what they mean.

use std::path::PathBuf;
use std::time::Duration;

use super::Refusal;
use super::ini::{Entry, Section};
use crate::schedule::shown;

/// The only key that may stand several times.
const SEVERAL: &str = "environment";

/// What Ofelia can tell others, by the beginnings of the keys.
const NOTIFICATIONS: [&str; 8] = [
    "slack-",
    "smtp-",
    "email-",
    "mail-",
    "signal-",
    "pushover-",
    "ntfy-",
    "teams-",
];

/// What a time span may be.
pub(super) struct Bounds {
    pub(super) min: Duration,
    pub(super) max: Duration,
    /// The same for a person.
    pub(super) words: &'static str,
}

/// The bounds of `max-age`.
pub(super) const AGES: Bounds = Bounds {
    min: Duration::from_mins(1),
    max: Duration::from_hours(3_653 * 24),
    words: "from 1m to 10 years",
};

/// The keys of a section, with what is wrong about them.
pub(super) struct Keys<'a> {
    section: &'a Section,
    refusals: &'a mut Vec<Refusal>,
}

impl<'a> Keys<'a> {
    /// Refuses keys that are not among the known ones, and those that stand twice.
    pub(super) fn new(
        section: &'a Section,
        known: &[&str],
        refusals: &'a mut Vec<Refusal>,
    ) -> Self {
        for (at, entry) in section.entries.iter().enumerate() {
            let key = entry.key.as_str();
            if !known.contains(&key) {
                refusals.push(Refusal::new(entry.line, unknown(key, section, known)));
            } else if key != SEVERAL
                && let Some(first) = section.entries[..at].iter().find(|other| other.key == key)
            {
                refusals.push(Refusal::new(
                    entry.line,
                    format!(
                        "{key} stands on line {} already: keep one of them",
                        first.line
                    ),
                ));
            }
        }
        Self { section, refusals }
    }

    /// Refuses something about an entry.
    pub(super) fn refuse(&mut self, entry: &Entry, message: impl std::fmt::Display) {
        let message = format!("{} {message}", entry.key);
        self.refusals.push(Refusal::new(entry.line, message));
    }

    /// Refuses something about the whole section.
    pub(super) fn refuse_section(&mut self, message: impl Into<String>) {
        self.refusals.push(Refusal::new(self.section.line, message));
    }

    /// The first entry of a key.
    pub(super) fn find(&self, key: &str) -> Option<&'a Entry> {
        self.section.entries.iter().find(|entry| entry.key == key)
    }

    /// The entries of the key that may stand several times.
    pub(super) fn several(&self) -> impl Iterator<Item = &'a Entry> + use<'a> {
        self.section
            .entries
            .iter()
            .filter(|entry| entry.key == SEVERAL)
    }

    /// A value that is not empty.
    pub(super) fn text(&mut self, key: &str) -> Option<(&'a Entry, &'a str)> {
        let entry = self.find(key)?;
        let value = entry.value.as_deref().filter(|value| !value.is_empty());
        if value.is_none() {
            self.refuse(entry, "has no value: write one, or remove the line");
        }
        Some((entry, value?))
    }

    /// The same of a key that must be there.
    pub(super) fn required(&mut self, key: &str, example: &str) -> Option<(&'a Entry, &'a str)> {
        if self.find(key).is_none() {
            let message = format!("the job has no {key}: write a line such as {key} = {example}");
            self.refuse_section(message);
        }
        self.text(key)
    }

    /// `true` or `false`, in the words of gcfg; a key alone is `true`.
    pub(super) fn flag(&mut self, key: &str) -> Option<bool> {
        let entry = self.find(key)?;
        let Some(value) = entry.value.as_deref() else {
            return Some(true);
        };
        match value.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => Some(true),
            "false" | "no" | "off" | "0" => Some(false),
            _ => {
                self.refuse(entry, "must be true or false");
                None
            }
        }
    }

    /// A time span within bounds.
    pub(super) fn duration(&mut self, key: &str, bounds: &Bounds) -> Option<Duration> {
        let (entry, value) = self.text(key)?;
        let parsed = humantime::parse_duration(value)
            .ok()
            .filter(|duration| (bounds.min..=bounds.max).contains(duration));
        if parsed.is_none() {
            let message = format!("must be a time {}, such as 90s, 30m or 2h", bounds.words);
            self.refuse(entry, message);
        }
        parsed
    }

    /// A whole number within bounds.
    pub(super) fn number(&mut self, key: &str, min: u32, max: u32) -> Option<u32> {
        let (entry, value) = self.text(key)?;
        let parsed = value
            .parse()
            .ok()
            .filter(|number| (min..=max).contains(number));
        if parsed.is_none() {
            self.refuse(entry, format!("must be a whole number from {min} to {max}"));
        }
        parsed
    }

    /// An absolute path.
    pub(super) fn folder(&mut self, key: &str) -> Option<PathBuf> {
        let (entry, value) = self.text(key)?;
        let folder = PathBuf::from(value);
        if folder.is_absolute() {
            return Some(folder);
        }
        self.refuse(
            entry,
            "must be an absolute folder such as /var/log/ofelia, or it depends on where the scheduler runs",
        );
        None
    }
}

fn unknown(key: &str, section: &Section, known: &[&str]) -> String {
    let kind = &section.kind;
    if NOTIFICATIONS.iter().any(|begin| key.starts_with(begin)) {
        return format!(
            "{} is a notification of Ofelia's own, which is not sent here: remove the line; a job reports to its check",
            shown(key)
        );
    }
    let instead = match key {
        "env" => "write environment = NAME=value".to_owned(),
        _ => format!("the keys are {}", known.join(", ")),
    };
    format!("{} is no key of {kind}: {instead}", shown(key))
}
