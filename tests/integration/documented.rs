//! The command lines of README.md and docs/: each is typed by a test, which takes it from the document as it stands there.
//!
//! A block is a run of lines indented by four or more. What begins with `$ ` in it is typed, and what follows up to the
//! next such line or the end of the paragraph is what the screen shows; in a block without any `$ ` the lines that begin
//! with a program's name are typed. `account.rs` holds the list of all sections with such lines against the documents.

pub mod account;
mod guide;
mod thirty_days;

use std::path::Path;

use crate::harness::Ended;
use crate::project::Project;

/// Programs that a line in a block without `$ ` may begin with.
const PROGRAMS: [&str; 39] = [
    "apt",
    "apt-get",
    "aws",
    "backrest",
    "cat",
    "cd",
    "chmod",
    "chown",
    "cloud-backup",
    "cp",
    "crontab",
    "curl",
    "docker",
    "duplicity",
    "duplicity-backup",
    "eval",
    "export",
    "git",
    "gpg",
    "install",
    "mkdir",
    "nano",
    "oidc-add",
    "oidc-agent",
    "oidc-gen",
    "oidc-token",
    "openssl",
    "rclone",
    "restic",
    "resticprofile",
    "rsync",
    "rustic",
    "scp",
    "scripts/",
    "ssh",
    "sudo",
    "systemctl",
    "tar",
    "wget",
];
/// Words that differ from run to run, beside all that have a digit in them.
const PASSING: [&str; 25] = [
    "Mon",
    "Tue",
    "Wed",
    "Thu",
    "Fri",
    "Sat",
    "Sun",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
    "second",
    "minute",
    "hour",
    "day",
    "ago",
    "KiB",
    "MiB",
    "GiB",
    "mrossi",
    "just",
    "now",
];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// A line to be typed, and what the document shows under it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub typed: String,
    pub shown: Vec<String>,
}

impl Line {
    /// The document's screen is the one that was seen, but for names, numbers, times, and what stands in round brackets.
    #[track_caller]
    pub fn shows(&self, end: &Ended) {
        let seen: Vec<Vec<String>> = end.all().lines().map(words).collect();
        for line in &self.shown {
            let wanted = words(line);
            assert!(
                seen.iter().any(|seen| is_within(&wanted, seen)),
                "the document shows under {:?}\n{line}\nand seen was\n{}",
                self.typed,
                end.all()
            );
        }
    }
}

/// The words of a line by which it is known.
fn words(line: &str) -> Vec<String> {
    if line.trim_start().starts_with('(') {
        return Vec::new();
    }
    line.split(|char: char| char.is_whitespace() || "[](),;=|".contains(char))
        .filter(|word| !word.contains('/'))
        .map(|word| word.trim_matches(|char: char| !char.is_alphanumeric()))
        .filter(|word| word.len() > 1 && word.chars().all(char::is_alphabetic))
        // "1 file", "2 files".
        .map(|word| word.strip_suffix('s').unwrap_or(word))
        .filter(|word| {
            !PASSING.contains(word) && !MONTHS.iter().any(|month| month.starts_with(word))
        })
        .map(str::to_owned)
        .collect()
}

/// Whether the words are there in this order.
fn is_within(wanted: &[String], seen: &[String]) -> bool {
    let mut seen = seen.iter();
    wanted.iter().all(|word| seen.any(|other| other == word))
}

/// A document of the project.
#[track_caller]
pub fn read(document: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(document);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{document}: {error}"))
}

/// The sections of a text with their headings; what stands before the first heading of the second level has its first line.
fn sections(text: &str) -> Vec<(&str, &str)> {
    let text = text.trim_start();
    std::iter::once(text)
        .chain(text.match_indices("\n## ").map(|(at, _)| &text[at + 1..]))
        .map(|from| {
            let end = from.find("\n## ").unwrap_or(from.len());
            let section = &from[..end];
            section.split_once('\n').unwrap_or((section, ""))
        })
        .collect()
}

/// The blocks of a section.
fn blocks(section: &str) -> Vec<Vec<&str>> {
    let mut blocks: Vec<Vec<&str>> = vec![Vec::new()];
    let mut is_fenced = false;
    for line in section.lines() {
        if line.trim_start().starts_with("```") {
            is_fenced = !is_fenced;
            blocks.push(Vec::new());
        } else if is_fenced || line.starts_with("    ") || line.is_empty() {
            blocks.last_mut().expect("a block").push(line);
        } else {
            blocks.push(Vec::new());
        }
    }
    blocks.retain(|block| block.iter().any(|line| !line.is_empty()));
    blocks
}

/// The lines to be typed of a section.
fn lines(section: &str) -> Vec<Line> {
    blocks(section)
        .iter()
        .flat_map(|block| of_block(block))
        .collect()
}

fn of_block(block: &[&str]) -> Vec<Line> {
    let has_prompt = block.iter().any(|line| line.trim_start().starts_with("$ "));
    let mut lines: Vec<Line> = Vec::new();
    for line in block {
        let text = line.trim();
        let typed = match text.strip_prefix("$ ") {
            Some(typed) => Some(typed),
            None => (!has_prompt && begins_with_a_program(text)).then_some(text),
        };
        match (typed, lines.last_mut()) {
            (Some(typed), _) => lines.push(Line {
                typed: typed
                    .split("   #")
                    .next()
                    .unwrap_or(typed)
                    .trim()
                    .to_owned(),
                shown: Vec::new(),
            }),
            (None, Some(last)) if has_prompt && !text.is_empty() => {
                last.shown.push(text.to_owned());
            }
            _ => (),
        }
    }
    lines
}

fn begins_with_a_program(text: &str) -> bool {
    // Not an arrow of a drawing.
    let word = text
        .split(' ')
        .next()
        .filter(|_| !text.contains("--+") && !text.contains("->"));
    let word = word.unwrap_or_default();
    PROGRAMS
        .iter()
        .any(|program| word == *program || (program.ends_with('/') && word.starts_with(program)))
}

/// The lines of one section, which must be one of those that are accounted for.
#[track_caller]
pub fn lines_of(document: &str, heading: &str) -> Vec<Line> {
    assert!(
        account::typed().any(|(known, of, _)| (known, of) == (document, heading)),
        "{document}, {heading:?} is to stand in account.rs"
    );
    let text = read(document);
    let found = sections(&text)
        .into_iter()
        .find(|(known, _)| *known == heading);
    let (_, section) = found.unwrap_or_else(|| panic!("{document} has no {heading:?}"));
    lines(section)
}

/// Types lines of the documents in the folder of a project.
pub struct Typist<'a> {
    pub project: &'a Project,
    pub user: String,
}

impl Typist<'_> {
    /// All lines of a section, one after the other: each ends well, and shows what the document shows.
    #[track_caller]
    pub fn types_all(&self, document: &str, heading: &str) {
        for line in lines_of(document, heading) {
            line.shows(&self.types(&line.typed).ok());
        }
    }

    /// One line, with this project's names in the place of the document's; a login is approved as this user.
    #[track_caller]
    pub fn types(&self, line: &str) -> Ended {
        let container = self.project.container();
        let line = line
            .replace(
                "docker exec -u user cloud-backup ",
                &format!("docker exec -u user {container} "),
            )
            .replace("mrossi", &self.user);
        if line.contains(" cloud-backup config") || line.contains(" cloud-backup reauth") {
            self.project.attended_line(&line, &self.user)
        } else {
            self.project.type_line(&line)
        }
    }
}

#[test]
fn what_is_typed_and_what_is_shown_are_told_apart() {
    let text = "# Title\n\n    docker compose up -d   # optional\n    word\n\n## One\n\n    $ a b\n    c d\n\n    e\n\ntext\n\n    [x]\n    y = z\n";
    let known = sections(text);
    assert_eq!(
        known
            .iter()
            .map(|(heading, _)| *heading)
            .collect::<Vec<_>>(),
        ["# Title", "## One"]
    );
    let line = |typed: &str, shown: &[&str]| Line {
        typed: typed.to_owned(),
        shown: shown.iter().map(|line| (*line).to_owned()).collect(),
    };
    assert_eq!(lines(known[0].1), [line("docker compose up -d", &[])]);
    assert_eq!(lines(known[1].1), [line("a b", &["c d", "e"])]);
}

#[test]
fn a_screen_is_known_by_its_words() {
    let end = |text: &str| Ended {
        command: String::new(),
        code: 0,
        stdout: text.to_owned(),
        stderr: String::new(),
    };
    let line = Line {
        typed: String::new(),
        shown: vec![
            "Restored 4 files and folders (9 B) to /home".to_owned(),
            "(left out)".to_owned(),
        ],
    };
    line.shows(&end("x\nRestored 1 file and folder (7 MiB) to /srv\n"));
    let other = end("Restored 1 file to /srv\n");
    assert!(std::panic::catch_unwind(|| line.shows(&other)).is_err());
}
