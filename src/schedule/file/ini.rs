//! Sections, keys and values, as Ofelia's INI library (gcfg v1, documented in its package comment) takes them.
//!
//! `;` and `#` end a value, also within single quotes; only double quotes keep them. Double quotes go away, a
//! backslash within them begins `\\`, `\"`, `\n` or `\t`, and one at the end of a line joins the next line to it. Names of
//! sections and keys are the same in capitals. Ofelia stops at what it cannot read, keeping what stands before it.

use super::Refusal;
use crate::schedule::shown;

/// A header and the lines up to the next one.
pub(super) struct Section {
    pub(super) line: usize,
    /// In small letters; empty where the header cannot be read, which was refused.
    pub(super) kind: String,
    pub(super) name: Option<String>,
    pub(super) entries: Vec<Entry>,
}

/// A key and its value.
pub(super) struct Entry {
    pub(super) line: usize,
    /// In small letters.
    pub(super) key: String,
    /// `None` without an equals sign.
    pub(super) value: Option<String>,
    /// A comment follows on the line.
    pub(super) comment: bool,
}

pub(super) fn read(bytes: &[u8], refusals: &mut Vec<Refusal>) -> Vec<Section> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let lines: Vec<&str> = bytes
        .split(|byte| *byte == b'\n')
        .zip(1..)
        .map(|(line, number)| text(line, number, refusals))
        .collect();
    let mut lines = Lines { lines, number: 0 };
    let mut sections: Vec<Section> = Vec::new();
    while let Some(line) = lines.next() {
        let number = lines.number;
        let line = line.trim_start_matches(is_blank);
        if is_end(line) {
            continue;
        }
        if let Some(header) = line.strip_prefix('[') {
            sections.push(section(header, number, refusals));
            continue;
        }
        match (entry(line, &mut lines), sections.last_mut()) {
            (Ok(entry), Some(section)) => section.entries.push(entry),
            (Ok(entry), None) => refusals.push(Refusal::new(
                number,
                format!(
                    "{} stands before any section: write [global] or [job-exec \"name\"] above it",
                    shown(&entry.key)
                ),
            )),
            (Err(message), _) => refusals.push(Refusal::new(number, message)),
        }
    }
    sections
}

const HEADER: &str =
    "a section must stand alone on its line: [global], [job-exec \"name\"] or [job-local \"name\"]";

/// The lines of the file, and the number of the one that was taken last.
struct Lines<'a> {
    lines: Vec<&'a str>,
    number: usize,
}

impl<'a> Lines<'a> {
    fn next(&mut self) -> Option<&'a str> {
        let line = self.lines.get(self.number)?;
        self.number += 1;
        Some(line)
    }
}

/// A line as text, without the carriage return of Windows; an empty one where it is none.
fn text<'a>(line: &'a [u8], number: usize, refusals: &mut Vec<Refusal>) -> &'a str {
    match std::str::from_utf8(line) {
        Ok(text) if !text.contains('\0') => text.strip_suffix('\r').unwrap_or(text),
        _ => {
            refusals.push(Refusal::new(
                number,
                "the line is not UTF-8 text, and Ofelia reads nothing from it on: type it again",
            ));
            ""
        }
    }
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r')
}

/// Nothing more but a comment.
fn is_end(text: &str) -> bool {
    text.is_empty() || text.starts_with([';', '#'])
}

/// The name at the beginning, in small letters, and what follows it.
fn name(text: &str) -> Option<(String, &str)> {
    let end = text
        .find(|c: char| !c.is_alphanumeric() && c != '-')
        .unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    name.starts_with(char::is_alphabetic)
        .then(|| (name.to_lowercase(), rest.trim_start_matches(is_blank)))
}

/// A section without entries yet, by the text after its first bracket.
fn section(header: &str, line: usize, refusals: &mut Vec<Refusal>) -> Section {
    let (kind, name) = header_names(header).unwrap_or_else(|| {
        refusals.push(Refusal::new(line, HEADER));
        (String::new(), None)
    });
    Section {
        line,
        kind,
        name,
        entries: Vec::new(),
    }
}

/// What is between the brackets, by the text after the first one.
fn header_names(text: &str) -> Option<(String, Option<String>)> {
    let (kind, rest) = name(text.trim_start_matches(is_blank))?;
    let (name, rest) = match rest.strip_prefix('"') {
        Some(rest) => {
            let (name, rest) = quoted(rest)?;
            (Some(name), rest.trim_start_matches(is_blank))
        }
        None => (None, rest),
    };
    is_end(rest.strip_prefix(']')?.trim_start_matches(is_blank)).then_some((kind, name))
}

/// A name up to its closing quote, and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut chars = text.chars();
    loop {
        match chars.next()? {
            '"' => return Some((name, chars.as_str())),
            '\\' => match chars.next()? {
                c @ ('"' | '\\') => name.push(c),
                _ => return None,
            },
            c => name.push(c),
        }
    }
}

fn entry(line: &str, lines: &mut Lines) -> Result<Entry, String> {
    let number = lines.number;
    let (key, rest) =
        name(line).ok_or("the line is none of a section, a key = value and a comment")?;
    if is_end(rest) {
        return Ok(Entry {
            line: number,
            key,
            value: None,
            comment: !rest.is_empty(),
        });
    }
    let Some(rest) = rest.strip_prefix('=') else {
        return Err(format!(
            "{} is not followed by an equals sign: write key = value",
            shown(&key)
        ));
    };
    let (value, comment) =
        value(rest, lines).map_err(|message| format!("{} {message}", shown(&key)))?;
    Ok(Entry {
        line: number,
        key,
        value: Some(value),
        comment,
    })
}

/// The value after an equals sign, and whether a comment follows it.
fn value(text: &str, lines: &mut Lines) -> Result<(String, bool), String> {
    let mut value = String::new();
    // Spaces at the end do not belong to the value, but those before a closing quote do.
    let mut end = 0;
    let mut quoted = false;
    let mut chars = text.trim_start_matches(is_blank).chars();
    let comment = loop {
        let Some(c) = chars.next() else {
            break false;
        };
        match c {
            ';' | '#' if !quoted => break true,
            '"' => {
                quoted = !quoted;
                end = value.len();
            }
            '\\' if quoted => value.push(escaped(chars.next())?),
            '\\' if chars.as_str().is_empty() => {
                chars = lines
                    .next()
                    .ok_or("ends with a backslash, and no line follows: remove it")?
                    .chars();
            }
            '\\' => {
                return Err(
                    "has a backslash outside of double quotes, where Ofelia stops reading the file: put the value \
                     into double quotes and write two of them"
                        .to_owned(),
                );
            }
            '\r' => (),
            c => {
                value.push(c);
                if !is_blank(c) {
                    end = value.len();
                }
            }
        }
    };
    if quoted {
        return Err(
            "has a double quote that is not closed on its line: close it, or write \\\" within double quotes"
                .to_owned(),
        );
    }
    value.truncate(end);
    Ok((value, comment))
}

/// What a backslash within double quotes stands for.
fn escaped(c: Option<char>) -> Result<char, String> {
    match c {
        Some(c @ ('\\' | '"')) => Ok(c),
        Some('n') => Ok('\n'),
        Some('t') => Ok('\t'),
        _ => Err(
            "has a backslash within double quotes that begins none of \\\\ \\\" \\n \\t: write two of them for one"
                .to_owned(),
        ),
    }
}
