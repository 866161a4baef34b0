//! Lines for people that are no wider than a screen.

/// So many columns a line has at most, unless a single word is longer.
pub const WIDTH: usize = 100;

/// Words after a head, folded where the line is too long; what follows the first line is set in as far as `indent`.
#[must_use]
pub fn fold(head: &str, indent: usize, words: &str) -> String {
    let mut text = String::new();
    let mut line = head.to_owned();
    let mut is_fresh = true;
    for word in words.split(' ') {
        if !is_fresh && line.chars().count() + 1 + word.chars().count() > WIDTH {
            text.push_str(line.trim_end());
            text.push('\n');
            line = " ".repeat(indent);
            is_fresh = true;
        }
        if !is_fresh {
            line.push(' ');
        }
        line.push_str(word);
        is_fresh = false;
    }
    text.push_str(line.trim_end());
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_folded_under_their_head_and_none_is_cut() {
        let word = "x".repeat(30);
        let words = [&*word; 5].join(" ");
        let told = fold("head  ", 6, &words);
        let lines: Vec<&str> = told.lines().collect();
        assert_eq!(lines.len(), 2, "{told}");
        assert_eq!(lines[0].chars().count(), 6 + 3 * 31 - 1);
        assert_eq!(lines[1], format!("      {word} {word}"));
        let long = "y".repeat(WIDTH + 1);
        assert_eq!(fold("", 0, &long), format!("{long}\n"));
        assert_eq!(fold("head  ", 6, ""), "head\n");
    }
}
