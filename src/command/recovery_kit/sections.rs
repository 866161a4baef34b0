//! Which sections of `rclone.conf` a remote needs: its own, and those of the remotes it stands on (crypt, alias, union).

use std::collections::BTreeSet;

use crate::settings::Environment;
use crate::storage::config;

/// Those that variables do not define, the remotes' own first; `file` is the text of `rclone.conf`.
pub(super) fn of_file<'a>(
    environment: &Environment,
    file: &[u8],
    remotes: impl IntoIterator<Item = &'a str>,
) -> Vec<String> {
    let mut next: Vec<String> = remotes.into_iter().map(str::to_owned).collect();
    let mut seen = BTreeSet::new();
    let mut needed = Vec::new();
    while !next.is_empty() {
        let section = next.remove(0);
        if !seen.insert(section.clone()) {
            continue;
        }
        let prefix = format!("{}_", config::variable(&section));
        let variables = environment.all();
        let mut values: Vec<String> = variables
            .filter(|(name, _)| name.starts_with(&prefix))
            .map(|(_, value)| value.to_owned())
            .collect();
        values.extend(config::values(file, &section));
        if !environment.defines_section(&section) {
            needed.push(section);
        }
        let named = values.iter().flat_map(|value| named(value));
        // What only looks like a remote, as the beginning of a URL does, is defined nowhere.
        next.extend(
            named
                .filter(|name| environment.defines_section(name) || config::has_section(file, name))
                .map(str::to_owned),
        );
    }
    needed
}

/// What may be the name of a remote in a value: `nas:dir`, `a:dir b:dir`, `dir=nas:other`.
fn named(value: &str) -> impl Iterator<Item = &str> {
    let words = value.split(|c: char| c.is_whitespace() || matches!(c, '=' | ',' | '"'));
    words.filter_map(|word| Some(word.split_once(':')?.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needed(vars: &[(&str, &str)], file: &str, remotes: &[&str]) -> Vec<String> {
        let vars = vars.iter();
        let vars = vars.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        of_file(
            &Environment::new(vars.collect()),
            file.as_bytes(),
            remotes.iter().copied(),
        )
    }

    #[test]
    fn a_remote_needs_the_sections_that_it_stands_on() {
        let file = "[both]\ntype = union\nupstreams = my-nas:a sub=dav:b\n[dav]\nurl = https://dav/\n\
                    [my-nas]\ntype = crypt\nremote = disk:\n[disk]\ntype = local\n[https]\ntype = http\n";
        assert_eq!(
            needed(&[], file, &["both"]),
            ["both", "my-nas", "dav", "disk", "https"]
        );
        let of_variables = [
            ("RCLONE_CONFIG_SECRET_TYPE", "crypt"),
            ("RCLONE_CONFIG_SECRET_REMOTE", "my-nas:dir"),
            ("RCLONE_CONFIG_MY_NAS_TYPE", "alias"),
            ("RCLONE_CONFIG_MY_NAS_REMOTE", "disk:/dir"),
        ];
        assert_eq!(needed(&of_variables, file, &["secret"]), ["disk"]);
        assert_eq!(needed(&[], "", &["lost", "other"]), ["lost", "other"]);
    }
}
