//! The body of a report: what a person must read stands first, the end of the output last, and nothing is cut badly.
//!
//! Healthchecks keeps the first `Ping-Body-Limit` bytes; its e-mails show the end of a body, chats the beginning.

use std::fmt::Write as _;

/// What is told of one run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// What happened, in one line.
    pub verdict: String,
    /// What to do, in one line.
    pub remedy: Option<String>,
    /// What matters most of the output.
    pub summary: Vec<String>,
    /// The end of the output.
    pub tail: String,
}

impl Report {
    /// The text of at most `limit` bytes.
    ///
    /// Where not all of it fits, the output is cut at its beginning, and the rest gets at most half of the room.
    #[must_use]
    pub fn body(&self, limit: usize) -> String {
        let tail = clean(&self.tail);
        let tail = tail.trim_matches('\n');
        let mut body = if tail.is_empty() {
            self.head(limit)
        } else {
            self.head((limit / 2).max(limit.saturating_sub(tail.len() + 2)))
        };
        if !tail.is_empty() {
            body.push('\n');
            let room = limit.saturating_sub(body.len() + 1);
            body.push_str(&cut_beginning(tail, room));
            body.push('\n');
        }
        cut_end(&body, limit).to_owned()
    }

    /// Verdict, remedy and summary; where they are too long the summary is cut first, each part at its end.
    ///
    /// One line for the verdict whatever it quotes: its list comes after the remedy.
    fn head(&self, limit: usize) -> String {
        let (verdict, list) = self.verdict.split_once('\n').unwrap_or((&self.verdict, ""));
        let verdict = lines(verdict);
        let remedy = self.remedy.as_deref().map(lines).unwrap_or_default();
        let summary = self.summary.iter().map(String::as_str);
        let summary: Vec<String> = list.lines().chain(summary).map(lines).collect();
        let all = verdict.len() + remedy.len() + summary.iter().map(String::len).sum::<usize>();
        if all <= limit {
            return verdict + &remedy + &summary.concat();
        }
        let mut head = shortened(&verdict, limit / 2) + &shortened(&remedy, limit / 4);
        for (index, line) in summary.iter().enumerate() {
            if head.len() + line.len() + 40 > limit {
                let _ = writeln!(head, "[... {} more lines]", summary.len() - index);
                break;
            }
            head.push_str(line);
        }
        head
    }
}

/// A text of ours, which may quote a file's name: without controls, and with nothing in it that overwrites the rest.
fn lines(text: &str) -> String {
    text.lines()
        .map(|line| without_controls(line) + "\n")
        .collect()
}

/// The beginning of some lines, with a mark where more was.
fn shortened(text: &str, limit: usize) -> String {
    const MARK: &str = " ...\n";
    if text.len() <= limit {
        return text.to_owned();
    }
    match limit.checked_sub(MARK.len()) {
        Some(room) => cut_end(text, room).trim_end().to_owned() + MARK,
        None => String::new(),
    }
}

/// The first `limit` bytes at most, whole characters.
fn cut_end(text: &str, limit: usize) -> &str {
    &text[..text.floor_char_boundary(limit)]
}

/// The last `limit` bytes at most, whole characters, from the beginning of a line where one is near; says how much is
/// missing of what was kept.
fn cut_beginning(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let mark = |missing: usize| format!("[... {missing} bytes or more of output before this]\n");
    let room = limit.saturating_sub(mark(text.len()).len());
    let mut start = text.ceil_char_boundary(text.len() - room);
    // Within a long line its end is worth more than the lines after it alone.
    if !text[..start].ends_with('\n')
        && let Some(newline) = text[start..].find('\n')
        && newline < room / 4
    {
        start += newline + 1;
    }
    if room == 0 {
        String::new()
    } else {
        mark(start) + &text[start..]
    }
}

/// The output as a terminal shows it in the end: no escapes, nothing that a carriage return overwrote, no progress.
fn clean(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len());
    for raw in text.split_inclusive('\n') {
        let shown = raw
            .rsplit('\r')
            .map(without_controls)
            .find(|shown| !shown.trim().is_empty())
            .unwrap_or_default();
        let only_controls = shown.is_empty() && !raw.trim().is_empty();
        if !only_controls && !is_progress(&shown) {
            cleaned.push_str(shown.trim_end());
            if raw.ends_with('\n') {
                cleaned.push('\n');
            }
        }
    }
    cleaned
}

/// Without escape sequences and control characters; a sequence that never ends takes the rest of the text.
fn without_controls(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        if char == '\u{1b}' {
            skip_escape(&mut chars);
        } else if !char.is_control() || char == '\t' {
            kept.push(char);
        }
    }
    kept
}

/// Takes the rest of an escape sequence, as ECMA-48 and ECMA-35 (`ESC ( B`) have them.
fn skip_escape(chars: &mut std::str::Chars<'_>) {
    match chars.next() {
        // A control sequence: to its final byte.
        Some('[') => {
            chars.find(|char| ('\u{40}'..='\u{7e}').contains(char));
        }
        // A control string: to BEL, or to ESC \, whose backslash is still to be taken.
        Some(']' | 'P' | 'X' | '^' | '_') => {
            let end = chars.find(|char| matches!(char, '\u{7}' | '\u{1b}'));
            end.filter(|end| *end == '\u{1b}')
                .and_then(|_| chars.next());
        }
        Some('\u{20}'..='\u{2f}') => {
            chars.find(|char| !('\u{20}'..='\u{2f}').contains(char));
        }
        _ => (),
    }
}

/// restic's "[0:05] 43.00%  3 / 7 packs processed" and "[0:05] 12 packs", and its JSON messages of this kind.
fn is_progress(line: &str) -> bool {
    if line.starts_with(r#"{"message_type":"status""#) {
        return true;
    }
    let Some((time, rest)) = line
        .strip_prefix('[')
        .and_then(|rest| rest.split_once("] "))
    else {
        return false;
    };
    let figures = rest
        .trim_start()
        .starts_with(|char: char| char.is_ascii_digit());
    figures
        && time.contains(':')
        && time
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b':')
}

#[cfg(test)]
mod tests;
