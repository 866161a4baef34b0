//! Secrets that stand in files: `NAME_FILE` in the place of `NAME`.

use std::collections::BTreeMap;

use super::Problem;

/// Variables whose value may also stand in the file that `NAME_FILE` names.
///
/// A ping URL is a capability: who has it can silence an alert.
pub(super) const SECRETS: [&str; 11] = [
    "OIDC_PASSWORD",
    "OIDC_CLIENT_SECRET",
    "RESTIC_PASSWORD",
    "COPY_PASSWORD",
    "RESTIC_REST_PASSWORD",
    "BACKUP_CHECK_URL",
    "COPY_CHECK_URL",
    "FORGET_CHECK_URL",
    "VERIFY_CHECK_URL",
    "OIDC_TOKEN_CHECK_URL",
    "RESTIC_CHECK_URL",
];

/// Puts the content of each `NAME_FILE` in the place of `NAME`; one newline at the end does not count.
pub(super) fn read_secret_files(vars: &mut BTreeMap<String, String>, problems: &mut Vec<Problem>) {
    for name in SECRETS {
        let file_variable = format!("{name}_FILE");
        let Some(path) = vars
            .get(&file_variable)
            .filter(|path| !path.trim().is_empty())
            .cloned()
        else {
            continue;
        };
        if vars.get(name).is_some_and(|value| !value.trim().is_empty()) {
            problems.push(Problem::new(
                &file_variable,
                format!("and {name} are both set: remove one of them"),
            ));
            continue;
        }
        if !path.starts_with('/') {
            // Not shown: it may be the secret itself.
            problems.push(Problem::new(
                &file_variable,
                format!(
                    "must be the absolute path of a file; a value of its own belongs in {name}"
                ),
            ));
            continue;
        }
        match std::fs::read_to_string(&path) {
            Ok(text) if text.trim().is_empty() => {
                problems.push(Problem::new(
                    &file_variable,
                    format!("names {path}, which is empty"),
                ));
            }
            Ok(text) => {
                let text = text.strip_suffix('\n').map_or(text.as_str(), |line| {
                    line.strip_suffix('\r').unwrap_or(line)
                });
                vars.insert(name.to_owned(), text.to_owned());
            }
            Err(error) => problems.push(Problem::new(
                &file_variable,
                format!(
                    "names {path}, which cannot be read ({}): mount it readable for uid 1000",
                    error.kind()
                ),
            )),
        }
    }
}
