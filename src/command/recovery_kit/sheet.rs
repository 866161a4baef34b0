//! The sheet: Markdown that reads as well on paper.

use std::fmt::Write as _;

use super::{Facts, Part, plain};
use crate::moment::date_and_time;
use crate::restore::{AS_ROOT, LINE, quoted};
use crate::settings::{Client, Login};

/// A place to write something in by hand.
pub(super) const BLANK: &str = "______________________________";
/// The defaults of the guide: `.env` needs no line for them.
const DEFAULTS: [(&str, &str); 6] = [
    ("OIDC_ISSUER", "https://iam.cloud.infn.it/"),
    ("OIDC_SCOPE", "openid profile offline_access email"),
    ("OIDC_AUDIENCE", "object"),
    ("S3_ENDPOINT", "https://rgw.cloud.infn.it/"),
    ("S3_ROLE", "IAMaccess"),
    ("OIDC_CLIENT_ID", ""),
];
/// What else decides how the storage is reached.
const OTHERS: [&str; 5] = [
    "OIDC_DEVICE_ENDPOINT",
    "S3_BUCKET",
    "S3_REGION",
    "STS_DURATION",
    "EXTRA_CA_FILE",
];

/// The lines of a host with several sets of directories are those of the day when the sheet was printed.
const ORDER: &str = "This host has snapshots of several sets of directories. Each line takes what no newer set has, the oldest \
                     first: keep to the order. Where `restic snapshots` shows that another set is the newest now, restore that \
                     one last.\n\n";

/// Of the variables that define a remote those that are surely no secrets.
const NO_SECRETS: [&str; 4] = ["_TYPE", "_PROVIDER", "_REGION", "_ENV_AUTH"];

pub(super) fn text(facts: &Facts<'_>) -> String {
    let mut text = String::new();
    head(&mut text, facts);
    values(&mut text, facts);
    with_the_image(&mut text, facts);
    plain::section(&mut text, facts);
    text
}

// Writing to a String cannot fail: what `write!` gives is dropped here and below.

fn head(text: &mut String, facts: &Facts<'_>) {
    let _ = write!(
        text,
        "# Recovery kit of {host}\n\n\
         Printed {now} ({zone}) by cloud-backup {version}, {restic}, {rclone}. Keep it on paper or in a password manager, \
         away from the VM; print a new one after each change of `.env`.\n\n",
        host = facts.host,
        now = date_and_time(facts.now, &facts.zone),
        zone = facts.zone.iana_name().unwrap_or("local time"),
        version = env!("CARGO_PKG_VERSION"),
        restic = facts
            .restic
            .as_deref()
            .unwrap_or("restic of unknown version"),
        rclone = facts
            .rclone
            .as_deref()
            .unwrap_or("rclone of unknown version"),
    );
}

fn values(text: &mut String, facts: &Facts<'_>) {
    let settings = facts.settings;
    text.push_str("## What is needed\n\n| What | Value |\n| --- | --- |\n");
    let mut row = |name: &str, value: &str| {
        let _ = writeln!(text, "| {name} | {} |", value.replace('|', "\\|"));
    };
    secret(
        &mut row,
        "`RESTIC_PASSWORD`: without it nothing can be read",
        facts.password,
    );
    row("where the repository is", &code(settings.remote.as_str()));
    if let Some(login) = &settings.login {
        if let Some((bucket, path)) = bucket(settings.remote.as_str()) {
            row("bucket", &code(bucket));
            row("path in the bucket", &code(path));
        }
        if let Some(client) = &login.service {
            row("`OIDC_FLOW`: nobody logs in", &code("client_credentials"));
            row("`OIDC_CLIENT_ID`, the service client", &code(&client.id));
            secret(
                &mut row,
                "`OIDC_CLIENT_SECRET`",
                client_secret(facts, client),
            );
        } else {
            let user = login.user.as_deref().map_or(BLANK.to_owned(), code);
            row("`AAI_USER`, who logs in", &user);
        }
        row("`OIDC_ISSUER`, the login service", &code(&login.issuer));
        row("`OIDC_AUDIENCE`", &code(&login.audience));
        row(
            "`S3_ENDPOINT`, the storage and its STS",
            &code(login.storage.endpoint.as_str()),
        );
        row("`S3_ROLE`", &code(&login.storage.role));
        if let Some(region) = &login.storage.region {
            row("`S3_REGION`", &code(region));
        }
        if let Some(client) = &login.client {
            row("`OIDC_CLIENT_ID`", &code(&client.id));
            if client.secret.is_some() {
                secret(
                    &mut row,
                    "`OIDC_CLIENT_SECRET`",
                    client_secret(facts, client),
                );
            }
        }
    }
    match &facts.id {
        Some(id) => row("repository ID", &code(id)),
        None => row(
            "repository ID",
            "not known: there was no backup yet, or the storage could not be reached",
        ),
    }
    row("host name of this VM in the snapshots", &code(&facts.host));
    match &facts.snapshots {
        Ok(groups) if groups.is_empty() => row("snapshots", "none yet"),
        Ok(groups) => {
            for group in groups {
                let paths: Vec<String> = group.paths.iter().map(|path| code(path)).collect();
                let newest = date_and_time(group.newest, &facts.zone);
                row(
                    &format!("snapshots of the host {}", code(&group.host)),
                    &format!("{}, the newest {newest}: {}", group.count, paths.join(" ")),
                );
            }
        }
        Err(problem) => row("snapshots", &format!("not known now: {problem}")),
    }
    if let Some(second) = facts.second {
        row(
            "`COPY_REMOTE`, the second destination",
            &code(second.remote.as_str()),
        );
        match facts.copy_password() {
            Some(password) => secret(
                &mut row,
                "`COPY_PASSWORD`, of the second destination",
                facts.with_secrets.then_some(password),
            ),
            None => row("`COPY_PASSWORD`", "not set: `RESTIC_PASSWORD` opens it too"),
        }
    }
    row(
        "image. Write it in: the line `image:` of compose.yaml",
        BLANK,
    );
    text.push('\n');
    if facts
        .any_login()
        .is_some_and(|login| login.service.is_none())
    {
        text.push_str(
            "`OIDC_PASSWORD` is not here on purpose: it protects the login in the volume of the lost VM, and is of no use \
             anywhere else. On a new machine choose a new one.\n\n",
        );
    }
}

/// A row of a secret, or a place to write it in.
fn secret(row: &mut impl FnMut(&str, &str), name: &str, value: Option<&str>) {
    match value {
        // In a table it would have signs that are not its own.
        Some(value) if value.contains(['|', '`']) => {
            row(name, "in `.env` below, as Docker Compose reads it");
        }
        Some(value) => row(name, &code(value)),
        None => row(&format!("{name}. Write it in by hand"), BLANK),
    }
}

fn client_secret<'s>(facts: &Facts<'_>, client: &'s Client) -> Option<&'s str> {
    facts.shown(client.secret.as_ref()?)
}

fn with_the_image(text: &mut String, facts: &Facts<'_>) {
    text.push_str(
        "## On a new machine, with the image\n\n\
         Docker with its compose plug-in, `compose.yaml` with `hostname` and the directories as they were, and this `.env` \
         (`chmod 600 .env`):\n\n",
    );
    env_file(text, facts);
    if !facts.sections.is_empty() {
        let _ = write!(
            text,
            "\nInto `/home/user/.config/rclone/rclone.conf` in the new volume {}\n",
            to_be_kept(&facts.sections)
        );
    }
    text.push_str("\nThen:\n\n");
    if facts.settings.login.is_some() {
        let _ = writeln!(text, "    {LINE} config");
    }
    let parts = facts.parts();
    let ours = |parts: &[Part], options: &str| {
        let line = |part: &Part| {
            format!(
                "    {LINE} restore{}\n",
                part.of_restore(&facts.host, options)
            )
        };
        parts.iter().map(line).collect::<String>()
    };
    let as_root = parts.iter().map(|part| {
        let args = part.of_restic(&facts.host, " --target / --overwrite if-changed");
        format!("    {AS_ROOT} restore{args}\n")
    });
    let _ = write!(
        text,
        "    {LINE} restic snapshots\n{look}{restore}\n\
         {order}\
         That is a new folder in the volume, and the screen says how to copy it to the machine. Back to the original paths, \
         which must be in `compose.yaml` and belong to uid 1000:\n\n\
         {in_place}\n\
         The same as root, whoever owns them, with owners and modes:\n\n    \
         docker compose up -d cloud-backup\n{as_root}\n\
         {second}\
         Only when all is back: `docker compose up -d`, which also begins to back up what is there.\n\n",
        second = if facts.second.is_some() {
            "Where that storage is gone, too: with `-e DESTINATION=copy` after `run --rm` each of our lines is one from the \
             second destination.\n\n"
        } else {
            ""
        },
        look = ours(&parts, " --dry-run"),
        restore = ours(&parts, ""),
        order = if facts.has_several_sets() { ORDER } else { "" },
        in_place = ours(&facts.in_place(), " --in-place --overwrite if-changed"),
        as_root = as_root.collect::<String>(),
    );
}

fn env_file(text: &mut String, facts: &Facts<'_>) {
    let settings = facts.settings;
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "    {name}={value}");
    };
    let others = |line: &mut dyn FnMut(&str, &str)| {
        for name in OTHERS {
            if let Some(value) = settings.environment.get(name) {
                line(name, &env_value(value));
            }
        }
    };
    line(
        "RESTIC_PASSWORD",
        &facts.password.map_or(BLANK.to_owned(), env_value),
    );
    if settings.environment.get("BACKUP_REMOTE").is_some() {
        line("BACKUP_REMOTE", &env_value(settings.remote.as_str()));
    } else if let Some((_, path)) = bucket(settings.remote.as_str()) {
        line("BACKUP_BUCKET", &env_value(path));
    }
    if let Some(host) = settings.environment.get("RESTIC_HOST") {
        line("RESTIC_HOST", &env_value(host));
    }
    if let Some(second) = facts.second {
        line("COPY_REMOTE", &env_value(second.remote.as_str()));
    }
    if let Some(password) = facts.copy_password() {
        let shown = facts.with_secrets.then(|| env_value(password));
        line("COPY_PASSWORD", shown.as_deref().unwrap_or(BLANK));
    }
    for (name, value) in facts.remote_variables() {
        let is_shown = facts.with_secrets || NO_SECRETS.iter().any(|end| name.ends_with(end));
        line(
            name,
            &if is_shown {
                env_value(value)
            } else {
                BLANK.to_owned()
            },
        );
    }
    let Some(login) = facts.any_login() else {
        others(&mut line);
        return;
    };
    if login.service.is_some() {
        line("OIDC_FLOW", "client_credentials");
    } else {
        line(
            "AAI_USER",
            &env_value(login.user.as_deref().unwrap_or(BLANK)),
        );
        line("OIDC_PASSWORD", "(choose a new one)");
    }
    for (name, value) in values_of(login) {
        let is_default = DEFAULTS.contains(&(name, value.as_str()));
        if !is_default && !value.is_empty() {
            line(name, &env_value(&value));
        }
    }
    others(&mut line);
    if let Some(secret) = client(login).and_then(|client| client.secret.as_ref()) {
        let shown = facts.shown(secret).map(env_value);
        line("OIDC_CLIENT_SECRET", shown.as_deref().unwrap_or(BLANK));
    }
}

fn values_of(login: &Login) -> [(&'static str, String); 6] {
    let client = client(login).map(|client| client.id.clone());
    [
        ("OIDC_ISSUER", login.issuer.clone()),
        ("OIDC_SCOPE", login.scope.clone()),
        ("OIDC_AUDIENCE", login.audience.clone()),
        ("S3_ENDPOINT", login.storage.endpoint.to_string()),
        ("S3_ROLE", login.storage.role.clone()),
        ("OIDC_CLIENT_ID", client.unwrap_or_default()),
    ]
}

/// The client that was registered by hand.
fn client(login: &Login) -> Option<&Client> {
    login.client.as_ref().or(login.service.as_ref())
}

/// What is said of sections that the sheet does not have.
pub(super) fn to_be_kept(sections: &[String]) -> String {
    let is_one = sections.len() == 1;
    let names: Vec<String> = sections.iter().map(|name| format!("`[{name}]`")).collect();
    let lines = sections
        .iter()
        .map(|name| format!("`{LINE} rclone config show {}`", quoted(name)));
    format!(
        "{goes} the section{s} {names}, which {are} not on this sheet, for {they} may hold secrets. While the VM stands, print \
         {them} by {lines} and keep {them} with this sheet.",
        goes = if is_one { "goes" } else { "go" },
        s = if is_one { "" } else { "s" },
        names = names.join(", "),
        are = if is_one { "is" } else { "are" },
        they = if is_one { "it" } else { "they" },
        them = if is_one { "it" } else { "them" },
        lines = lines.collect::<Vec<_>>().join(", "),
    )
}

/// The bucket and the path in it, of `infncloud:/BUCKET/PATH/`.
fn bucket(remote: &str) -> Option<(&str, &str)> {
    let (_, path) = remote.split_once(':')?;
    path.trim_matches('/').split_once('/')
}

/// As Docker Compose reads `.env`: what is no plain word stands between quotes. Between single ones a backslash is itself,
/// but for the one before a quote; between double ones `\`, `"` and `$` have one before them.
fn env_value(value: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-:@+=,%".contains(c);
    if value.chars().all(is_plain) {
        return value.to_owned();
    }
    if !value.contains(['\'', '\\']) {
        return format!("'{value}'");
    }
    let escaped = value
        .replace('\\', r"\\")
        .replace('"', "\\\"")
        .replace('$', r"\$");
    format!("\"{escaped}\"")
}

/// A value as Markdown shows it letter by letter.
fn code(value: &str) -> String {
    if value.contains('`') {
        format!("`` {value} ``")
    } else {
        format!("`{value}`")
    }
}
