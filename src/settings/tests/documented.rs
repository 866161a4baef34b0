//! Whether the documents name every variable: `.env.example`, the README's table and that of `docs/setup.md`.

use serde::de::{Deserialize, Deserializer, Error, Visitor, value};

use crate::settings::names::VARIABLES;
use crate::settings::{Raw, SECRETS};

const ENV_EXAMPLE: &str = include_str!("../../../.env.example");
const TABLES: [(&str, &str); 2] = [
    ("README.md", include_str!("../../../README.md")),
    ("docs/setup.md", include_str!("../../../docs/setup.md")),
];
/// Read elsewhere than in `Raw`.
const OTHERS: [&str; 3] = ["TZ", "EXTRA_CA_FILE", "RESTIC_HOST"];

/// Gives the names of a struct's fields in the place of values.
struct Names;

impl<'de> Deserializer<'de> for Names {
    type Error = value::Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
        Err(Error::custom("no struct"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Self::Error> {
        Err(Error::custom(fields.join(" ").to_uppercase()))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

/// All variables of ours; `HOME` is the system's.
fn variables() -> Vec<String> {
    let fields = Raw::deserialize(Names).unwrap_err().to_string();
    let mut names: Vec<String> = fields
        .split(' ')
        .filter(|name| *name != "HOME")
        .chain(SECRETS)
        .chain(OTHERS)
        .map(str::to_owned)
        .collect();
    names.sort();
    names.dedup();
    assert!(names.len() > 25, "{names:?}");
    names
}

#[test]
fn env_example_has_each_variable_and_no_other() {
    let mut lines: Vec<&str> = ENV_EXAMPLE
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .collect();
    lines.sort_unstable();
    // The other name of BACKUP_BUCKET stands in a comment: both at once would be asked for twice.
    assert!(ENV_EXAMPLE.contains("(BACKUP_BUCKET_PATH is another name of it)"));
    let wanted: Vec<String> = variables()
        .into_iter()
        .filter(|name| name != "BACKUP_BUCKET_PATH")
        .map(|name| format!("{name}="))
        .collect();
    assert_eq!(lines, wanted);
}

#[test]
fn the_tables_have_each_variable_and_mark_the_secrets() {
    for (file, text) in TABLES {
        for name in variables() {
            let quoted = format!("`{name}`");
            let rows = || text.lines().filter(|line| line.starts_with("| `"));
            assert!(
                rows().any(|row| row.contains(&quoted)),
                "{file} lacks {name}"
            );
            let marked = rows().any(|row| row.contains(&format!("{quoted} *")));
            assert_eq!(
                marked,
                SECRETS.contains(&name.as_str()),
                "the mark of {name} in {file}"
            );
        }
    }
}

#[test]
fn the_names_that_others_are_held_against_are_all_of_them() {
    let mut known: Vec<&str> = VARIABLES.iter().chain(&SECRETS).copied().collect();
    known.sort_unstable();
    assert_eq!(known, variables());
}
