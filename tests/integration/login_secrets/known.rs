//! Secrets that are known, and what others look like.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

/// Secrets by name.
#[derive(Default)]
pub struct Secrets {
    known: Vec<(String, String)>,
}

impl Secrets {
    /// A shorter one than this would be found by chance.
    #[track_caller]
    pub fn add(&mut self, name: &str, value: &str) {
        assert!(value.len() >= 12, "{name} is no secret: {value:?}");
        self.known.push((name.to_owned(), value.to_owned()));
    }

    pub fn all(&self) -> &[(String, String)] {
        &self.known
    }

    /// The names of those that this text shows, in any form; words that look random by themselves.
    pub fn shown_in(&self, text: &str) -> Vec<String> {
        let shows = |value: &str| forms(value).iter().any(|form| text.contains(form));
        self.known
            .iter()
            .filter(|(_, value)| shows(value))
            .map(|(name, _)| name.clone())
            .chain(random_words(text))
            .collect()
    }
}

/// The value as it is, percent-encoded, in base64 wherever it stands in what is encoded, and its beginning.
fn forms(value: &str) -> Vec<String> {
    let percent: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
    let mut forms = vec![
        value.to_owned(),
        percent.clone(),
        percent.replace('+', "%20"),
    ];
    // Base64 depends on the place modulo 3; what depends on the neighbours is cut off.
    for shift in 0..3 {
        let bytes = [vec![0; shift], value.as_bytes().to_vec()].concat();
        let whole = bytes.len() / 3 * 3;
        for engine in [STANDARD, URL_SAFE] {
            let encoded = engine.encode(&bytes[..whole]);
            forms.push(encoded[(shift * 4).div_ceil(3)..].to_owned());
        }
    }
    // A token that is cut short is still one; the beginnings of JWTs are common to all of them.
    if !value.starts_with("ey") && value.len() >= 32 {
        forms.push(value[..16].to_owned());
    }
    forms
}

/// Tokens, keys and parts of JWTs; hashes and UUIDs are in small letters.
fn random_words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || "+=".contains(c)))
        .filter(|word| word.len() >= 20 || word.starts_with("eyJ"))
        .filter(|word| word.starts_with("eyJ") || has_both(word))
        .map(|word| format!("the word {word}"))
}

fn has_both(word: &str) -> bool {
    word.chars().any(|c| c.is_ascii_uppercase()) && word.chars().any(|c| c.is_ascii_digit())
}

#[test]
fn a_secret_is_found_in_each_form() {
    let mut secrets = Secrets::default();
    secrets.add("one", "planted/secret value");
    for text in [
        "x planted/secret value.",
        "x=planted%2Fsecret+value",
        "x=planted%2Fsecret%20value",
        &STANDARD.encode("user:planted/secret value"),
        &STANDARD.encode("users:planted/secret value;"),
        &URL_SAFE.encode("planted/secret value"),
    ] {
        assert!(secrets.shown_in(text).contains(&"one".to_owned()), "{text}");
    }
    for text in [
        "eyJhbGciOiJub25lIn0.x",
        "L52O5PBVJSHA7XWU7U5ILXVLK6IJGHT7HHCBUCJO",
        "a hLo3mXk0Qq9Zt5vB1nR7 b",
    ] {
        assert_eq!(secrets.shown_in(text).len(), 1, "{text}");
    }
    for text in [
        "planted/other value of 2026-11-24T00:25:56.140056Z",
        "6095010a-074d-4b12-bed8-f519270afd4d 0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c",
        "IAMaccess-t-12ab34cd56",
    ] {
        assert_eq!(secrets.shown_in(text), [""; 0], "{text}");
    }
}
