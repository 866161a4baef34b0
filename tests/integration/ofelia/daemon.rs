//! A double of Ofelia 0.3.21: what it makes of its configuration file, and how it carries a job out.
//!
//! Its image cannot be had where the tests run. Written to its behaviour as it was seen; a thing that was not seen it
//! refuses, rather than guess. It has no clock: a test says which job is due.

use crate::harness::{Ended, docker};

/// What begins a comment wherever it stands, inside quotes too.
const COMMENT: [char; 2] = [';', '#'];
/// What begins a quoted word.
const QUOTES: [char; 3] = ['"', '\'', '`'];
/// What Ofelia's splitter treats in ways of its own at the beginning of a word; not modelled.
const OTHER_BEGINNINGS: [char; 6] = ['|', '>', '<', '{', '(', '['];

/// A configuration file.
pub struct Configuration {
    sections: Vec<Section>,
}

/// One `[kind "name"]` with its lines.
pub struct Section {
    pub kind: String,
    pub name: String,
    lines: Vec<(String, String)>,
}

impl Configuration {
    #[track_caller]
    pub fn read(text: &str) -> Self {
        let mut sections: Vec<Section> = Vec::new();
        for line in text.lines() {
            let line = line.split(COMMENT).next().unwrap_or_default().trim();
            if let Some(head) = line
                .strip_prefix('[')
                .and_then(|line| line.strip_suffix(']'))
            {
                let (kind, name) = head.split_once(' ').unwrap_or((head, ""));
                sections.push(Section {
                    kind: kind.to_owned(),
                    name: name.trim_matches('"').to_owned(),
                    lines: Vec::new(),
                });
            } else if !line.is_empty() {
                let (key, value) = line.split_once('=').expect("a key and a value");
                let section = sections.last_mut().expect("a section before it");
                section
                    .lines
                    .push((key.trim().to_owned(), value.trim().to_owned()));
            }
        }
        Self { sections }
    }

    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    #[track_caller]
    pub fn job(&self, name: &str) -> &Section {
        let mut jobs = self.sections.iter().filter(|section| section.name == name);
        let job = jobs.next().expect("the job");
        assert!(jobs.next().is_none(), "two jobs are called {name}");
        job
    }
}

impl Section {
    /// All values of a key that may be given more than once.
    pub fn all(&self, key: &str) -> Vec<&str> {
        let lines = self.lines.iter();
        let named = lines.filter(|(known, _)| known == key);
        named.map(|(_, value)| value.as_str()).collect()
    }

    /// The value of a key; of several the last one.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.all(key).pop()
    }

    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(|(key, _)| key.as_str())
    }

    /// The command as its arguments.
    #[track_caller]
    pub fn command(&self) -> Vec<String> {
        words(self.value("command").expect("a command"))
    }

    /// Carries a job-exec out: in the container's working directory and environment, without TTY and without shell.
    ///
    /// Another container may stand in for the one that is named.
    #[track_caller]
    pub fn exec(&self, container: &str) -> Ended {
        assert_eq!(self.kind, "job-exec");
        assert_eq!(self.value("tty"), None, "a TTY is not modelled");
        let user = format!("--user={}", self.value("user").unwrap_or("root"));
        let mut line = vec!["exec".to_owned(), user];
        let pairs = self.all("environment");
        line.extend(pairs.iter().map(|pair| format!("--env={pair}")));
        line.push(container.to_owned());
        line.extend(self.command());
        docker(line.iter().map(String::as_str))
    }
}

/// Splits a command on spaces. A quote counts at the beginning of a word only, and where it closes the word ends; after
/// a backslash a character is itself.
#[track_caller]
pub fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = line.chars().peekable();
    loop {
        while rest.next_if(|char| char.is_whitespace()).is_some() {}
        let Some(first) = rest.peek() else {
            return words;
        };
        assert!(
            !OTHER_BEGINNINGS.contains(first),
            "a word that begins with {first} is not modelled"
        );
        let quote = rest.next_if(|char| QUOTES.contains(char));
        let mut word = String::new();
        while let Some(char) = rest.next() {
            let is_end = quote.map_or(char.is_whitespace(), |quote| char == quote);
            if is_end {
                break;
            }
            word.push(match char {
                '\\' => rest.next().expect("a character after the backslash"),
                other => other,
            });
        }
        words.push(word);
    }
}

#[test]
fn the_splitter_knows_quotes_at_the_beginning_of_a_word_only() {
    for (line, expected) in [
        ("backup  --tag a ", &["backup", "--tag", "a"][..]),
        ("a 'b c' \"d e\" `f g`", &["a", "b c", "d e", "f g"]),
        ("--tag=\"b c\"", &["--tag=\"b", "c\""]),
        ("'a'b", &["a", "b"]),
        ("'' a", &["", "a"]),
        ("a\\ b \\'c", &["a b", "'c"]),
        ("it's $HOME && *", &["it's", "$HOME", "&&", "*"]),
        ("", &[]),
    ] {
        assert_eq!(words(line), expected, "{line}");
    }
}

#[test]
fn a_comment_begins_anywhere_and_a_key_may_come_again() {
    let text = "# first\n[global]\nsave-folder = /logs ; here\n[job-exec \"a b\"]\nuser=me\n\
                environment = A=1\nenvironment = B=2=3\ncommand = backup \"one # two\" # three\n";
    let configuration = Configuration::read(text);
    assert_eq!(
        configuration.sections()[0].value("save-folder"),
        Some("/logs")
    );
    let job = configuration.job("a b");
    assert_eq!((&*job.kind, job.value("user")), ("job-exec", Some("me")));
    assert_eq!(job.all("environment"), ["A=1", "B=2=3"]);
    assert_eq!(job.value("command"), Some("backup \"one"));
    assert_eq!(job.command(), ["backup", "one"]);
}
