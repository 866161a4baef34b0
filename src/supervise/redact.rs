//! Takes secrets out of a stream, also where a secret comes in two pieces, without holding back anything else.

use aho_corasick::{AhoCorasick, MatchKind};

/// What stands in the place of a secret.
const MARK: &[u8] = b"[redacted]";

/// Replaces known secrets in a stream of bytes.
#[derive(Debug)]
pub struct Redactor {
    /// `None` where there is nothing to replace.
    finder: Option<AhoCorasick>,
    secrets: Vec<Vec<u8>>,
    pending: Vec<u8>,
}

impl Redactor {
    /// Makes one for these values and for their percent-encoded form, as URLs carry them.
    #[must_use]
    pub fn new(secrets: impl IntoIterator<Item = String>) -> Self {
        let mut all: Vec<Vec<u8>> = Vec::new();
        for secret in secrets {
            let encoded: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
            // Percent-encoding writes a space as %20 in paths, form-encoding as +.
            all.extend([
                encoded.replace('+', "%20").into_bytes(),
                encoded.into_bytes(),
                secret.trim().into(),
                secret.into(),
            ]);
        }
        all.retain(|secret| !secret.is_empty());
        all.sort();
        all.dedup();
        // Leftmost-longest: a secret that begins like another one is replaced whole.
        let finder = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(&all)
            .ok()
            .filter(|_| !all.is_empty());
        Self {
            finder,
            secrets: all,
            pending: Vec::new(),
        }
    }

    /// A text with its secrets replaced.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        match &self.finder {
            Some(finder) => {
                String::from_utf8_lossy(&finder.replace_all_bytes(text.as_bytes(), &self.marks()))
                    .into_owned()
            }
            None => text.to_owned(),
        }
    }

    /// Takes a piece of the stream and gives what can be shown of it now.
    ///
    /// Only an end that may be the beginning of a secret is held back, until [`Self::push`] or [`Self::finish`].
    #[must_use]
    pub fn push(&mut self, piece: &[u8]) -> Vec<u8> {
        let Some(finder) = &self.finder else {
            return piece.to_vec();
        };
        self.pending.extend_from_slice(piece);
        let mut shown = Vec::with_capacity(self.pending.len());
        let mut from = 0;
        for found in finder.find_iter(&self.pending) {
            // A match at the very end may go on as a longer secret: wait for what follows.
            if found.end() == self.pending.len() && self.is_beginning(&self.pending[found.range()])
            {
                break;
            }
            shown.extend_from_slice(&self.pending[from..found.start()]);
            shown.extend_from_slice(MARK);
            from = found.end();
        }
        let held = self.held_back(from);
        shown.extend_from_slice(&self.pending[from..held]);
        self.pending.drain(..held);
        shown
    }

    /// The end of the stream: gives what was held back.
    #[must_use]
    pub fn finish(&mut self) -> Vec<u8> {
        let rest = std::mem::take(&mut self.pending);
        match &self.finder {
            Some(finder) => finder.replace_all_bytes(&rest, &self.marks()),
            None => rest,
        }
    }

    /// From where on the pending bytes may be the beginning of a secret: its last byte is not there yet.
    fn held_back(&self, from: usize) -> usize {
        let longest = self.secrets.iter().map(Vec::len).max().unwrap_or_default();
        let from = from.max((self.pending.len() + 1).saturating_sub(longest));
        (from..self.pending.len())
            .find(|start| self.is_beginning(&self.pending[*start..]))
            .unwrap_or(self.pending.len())
    }

    /// Whether a secret begins with these bytes and is longer.
    fn is_beginning(&self, bytes: &[u8]) -> bool {
        self.secrets
            .iter()
            .any(|secret| secret.len() > bytes.len() && secret.starts_with(bytes))
    }

    fn marks(&self) -> Vec<&'static [u8]> {
        vec![MARK; self.secrets.len()]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Redactor;

    fn stream(redactor: &mut Redactor, pieces: &[&[u8]]) -> String {
        let mut shown: Vec<u8> = pieces
            .iter()
            .flat_map(|piece| redactor.push(piece))
            .collect();
        shown.extend(redactor.finish());
        String::from_utf8(shown).unwrap()
    }

    fn planted() -> Redactor {
        Redactor::new([
            "s3cret".to_owned(),
            "s3cret-longer".to_owned(),
            "a b/c".to_owned(),
        ])
    }

    #[test]
    fn a_secret_in_pieces_is_never_shown() {
        assert_eq!(
            stream(&mut planted(), &[b"x s3", b"cr", b"et y"]),
            "x [redacted] y"
        );
    }

    #[test]
    fn the_longer_of_two_secrets_is_replaced_whole() {
        assert_eq!(
            stream(&mut planted(), &[b"s3cret", b"-longer."]),
            "[redacted]."
        );
        assert_eq!(
            stream(&mut planted(), &[b"s3cret", b"-short"]),
            "[redacted]-short"
        );
    }

    #[test]
    fn a_secret_in_a_url_is_replaced() {
        assert_eq!(
            planted().text("http://u:a%20b%2Fc@h/"),
            "http://u:[redacted]@h/"
        );
    }

    #[test]
    fn what_is_no_secret_is_shown_at_once() {
        assert_eq!(planted().push(b"progress 12%"), b"progress 12%");
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_same_text(text in "[s3cret\\-longerxy ]{0,60}", cut in 0_usize..60) {
            let bytes = text.as_bytes();
            let cut = cut.min(bytes.len());
            prop_assert_eq!(stream(&mut planted(), &[&bytes[..cut], &bytes[cut..]]), planted().text(&text));
        }
    }
}
