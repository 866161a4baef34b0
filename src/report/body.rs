//! The body of a report: what a person must read stands first, the end of the output last, and nothing is cut badly.
//!
//! Healthchecks keeps the first `Ping-Body-Limit` bytes; its e-mails show the end of a body, chats the beginning.

use std::fmt::Write as _;

/// The verdict and the remedy are sentences: longer than this they are cut.
const LONGEST_SENTENCE: usize = 1000;

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
    /// The output is cut at its beginning, at a line where one begins in what is left; the summary gets at most half.
    #[must_use]
    pub fn body(&self, limit: usize) -> String {
        let mut body = String::new();
        let verdict = clean(&self.verdict);
        // One line for the verdict whatever it quotes: its list comes after the remedy.
        let (verdict, list) = verdict.split_once('\n').unwrap_or((&verdict, ""));
        let remedy = self.remedy.as_ref().map(|remedy| clean(remedy));
        for sentence in [Some(verdict), remedy.as_deref(), Some(list)]
            .into_iter()
            .flatten()
            .filter(|sentence| !sentence.is_empty())
        {
            body.push_str(cut_end(sentence, LONGEST_SENTENCE.min(limit / 4)));
            body.push('\n');
        }
        let summary = self.summary_within(limit / 2);
        body.push_str(&summary);
        let tail = clean(&self.tail);
        let tail = tail.trim_matches('\n');
        if !tail.is_empty() {
            body.push('\n');
            let room = limit.saturating_sub(body.len() + 1);
            body.push_str(&cut_beginning(tail, room));
            body.push('\n');
        }
        cut_end(&body, limit).to_owned()
    }

    fn summary_within(&self, limit: usize) -> String {
        let mut text = String::new();
        for (index, line) in self.summary.iter().enumerate() {
            let line = clean(line);
            if text.len() + line.len() + 40 > limit {
                let _ = writeln!(text, "[... {} more lines]", self.summary.len() - index);
                break;
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// The first `limit` bytes at most, whole characters.
fn cut_end(text: &str, limit: usize) -> &str {
    &text[..text.floor_char_boundary(limit)]
}

/// The last `limit` bytes at most, whole characters, whole lines where there are any; says how much is missing.
fn cut_beginning(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let mark = |missing: usize| format!("[... {missing} bytes of output before this]\n");
    let room = limit.saturating_sub(mark(text.len()).len());
    let mut start = text.ceil_char_boundary(text.len() - room);
    if let Some(newline) = text[start..]
        .find('\n')
        .filter(|newline| start + newline + 1 < text.len())
    {
        start += newline + 1;
    }
    if room == 0 {
        String::new()
    } else {
        mark(start) + &text[start..]
    }
}

/// The text as a terminal shows it in the end: no escapes, nothing that a carriage return overwrote, no progress.
fn clean(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (line, newline) = line
            .strip_suffix('\n')
            .map_or((line, ""), |line| (line, "\n"));
        let line = without_escapes(line);
        let shown = line
            .trim_end_matches('\r')
            .rsplit('\r')
            .next()
            .unwrap_or_default();
        if !is_progress(shown) {
            cleaned.extend(
                shown
                    .chars()
                    .filter(|char| !char.is_control() || *char == '\t'),
            );
            cleaned.push_str(newline);
        }
    }
    cleaned
}

/// Without CSI sequences (ESC [ ... final byte) and OSC ones (ESC ] ... BEL or ESC \), of ECMA-48.
fn without_escapes(line: &str) -> String {
    let mut kept = String::with_capacity(line.len());
    let mut chars = line.chars();
    while let Some(char) = chars.next() {
        if char != '\u{1b}' {
            kept.push(char);
            continue;
        }
        match chars.next() {
            Some('[') => drop(chars.find(|char| ('\u{40}'..='\u{7e}').contains(char))),
            Some(']') => drop(chars.find(|char| matches!(char, '\u{7}' | '\u{1b}'))),
            _ => (),
        }
    }
    kept
}

/// restic's "[0:05] 43.00%  3 / 7 packs processed".
fn is_progress(line: &str) -> bool {
    let Some((time, rest)) = line
        .strip_prefix('[')
        .and_then(|rest| rest.split_once("] "))
    else {
        return false;
    };
    let percent = rest
        .split_whitespace()
        .next()
        .is_some_and(|word| word.ends_with('%'));
    percent
        && time
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b':')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn report(tail: &str) -> Report {
        Report {
            verdict: "Backup of /data failed: 1 file could not be read".to_owned(),
            remedy: Some("Make it readable.".to_owned()),
            summary: vec![
                "/data/secret: permission denied".to_owned(),
                "processed 2 files".to_owned(),
            ],
            tail: tail.to_owned(),
        }
    }

    #[test]
    fn the_verdict_stands_first_and_the_output_last() {
        assert_eq!(
            report("line 1\nline 2\n").body(100_000),
            "Backup of /data failed: 1 file could not be read\nMake it readable.\n/data/secret: permission denied\n\
             processed 2 files\n\nline 1\nline 2\n"
        );
    }

    #[test]
    fn a_success_without_output_is_one_line() {
        let report = Report {
            verdict: "Successful backup of /data".to_owned(),
            ..Report::default()
        };
        assert_eq!(report.body(100_000), "Successful backup of /data\n");
    }

    #[test]
    fn a_list_in_the_verdict_stands_after_the_remedy() {
        let report = Report {
            verdict: "Backup failed: 2 problems:\n  A is missing\n  B is wrong".to_owned(),
            remedy: Some("Correct them.".to_owned()),
            ..Report::default()
        };
        assert_eq!(
            report.body(100_000),
            "Backup failed: 2 problems:\nCorrect them.\n  A is missing\n  B is wrong\n"
        );
    }

    #[test]
    fn a_long_output_loses_its_beginning_at_a_line() {
        let tail: String = (0..1000).map(|number| format!("line {number}\n")).collect();
        let body = report(&tail).body(400);
        assert!(body.len() <= 400, "{}", body.len());
        assert!(
            body.contains("bytes of output before this]\nline 9"),
            "{body}"
        );
        assert!(body.ends_with("line 999\n"), "{body}");
    }

    #[test]
    fn many_unreadable_files_leave_room_for_the_output() {
        let report = Report {
            summary: vec!["/data/file: permission denied".to_owned(); 1000],
            ..report("the end\n")
        };
        let body = report.body(2000);
        assert!(
            body.contains("more lines]") && body.ends_with("the end\n"),
            "{body}"
        );
    }

    #[test]
    fn what_a_terminal_would_not_show_in_the_end_is_left_out() {
        let tail = "\u{1b}[2Ksignal interrupt received\n[0:05] 43.00%  3 / 7 packs processed\nhalf\rwhole\r\n\u{1b}]0;title\u{7}x\0y\n";
        assert_eq!(clean(tail), "signal interrupt received\nwhole\nxy\n");
        assert_eq!(clean("[0:05] no progress"), "[0:05] no progress");
    }

    proptest! {
        #[test]
        fn any_output_is_cut_within_the_limit(tail in "(\\PC|\n){0,400}", limit in 200_usize..600) {
            let body = report(&tail).body(limit);
            prop_assert!(body.len() <= limit);
            prop_assert!(body.starts_with("Backup of /data failed"));
            let end: String = clean(&tail).trim_matches('\n').chars().rev().take(5).collect();
            prop_assert!(body.trim_end_matches('\n').chars().rev().collect::<String>().starts_with(&end));
        }
    }
}
