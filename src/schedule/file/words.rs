//! The command line as words, as Ofelia splits it (its library gobs/args): no shell, no variables.
//!
//! Words end at spaces. A quote of any of three kinds counts at the start of a word only, and the word ends where it is
//! closed; a backslash makes the next character an ordinary one. What Ofelia does with brackets and signs of the shell
//! at the start of a word is nobody's intention, and refused.

/// At the start of a word, Ofelia takes the rest of the line, or all up to the closing bracket, as one word.
const SIGNS: [char; 7] = ['|', '>', '<', '#', '{', '(', '['];

/// The words of a command; an error is a sentence that fits after `command`. `comment`: a comment follows the value.
pub(super) fn split(text: &str, comment: bool) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (word, after) = if matches!(first, '"' | '\'' | '`') {
            word(&rest[first.len_utf8()..], Some(first), comment)?
        } else if SIGNS.contains(&first) {
            return Err(format!(
                "has a word that begins with {first}, and no shell reads it: put the word into single quotes, or run a \
                 shell by sh -c '...'"
            ));
        } else {
            word(rest, None, comment)?
        };
        words.push(word);
        rest = after.trim_start();
    }
    if words.first().is_none_or(String::is_empty) {
        return Err("names no program: write one such as command = backup /backup/dir1".to_owned());
    }
    Ok(words)
}

/// A word up to its end, and what follows it.
fn word(text: &str, quote: Option<char>, comment: bool) -> Result<(String, &str), String> {
    let mut word = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some(c) => word.push(c),
                None => return Err("ends with a backslash: remove it".to_owned()),
            },
            c if quote == Some(c) || (quote.is_none() && c.is_whitespace()) => {
                return Ok((word, chars.as_str()));
            }
            c => word.push(c),
        }
    }
    match quote {
        None => Ok((word, "")),
        Some(_) if comment => Err(
            "has a quote that a comment cuts off: ; and # begin a comment also within single quotes; put the whole \
             value into double quotes, and single quotes inside them"
                .to_owned(),
        ),
        Some(quote) => Err(format!("has a quote {quote} that is not closed: close it")),
    }
}
