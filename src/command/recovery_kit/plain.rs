//! The sheet's last part: restic and rclone as anybody has them, without the image.
//!
//! For the storage of the login S3 credentials come from its STS, as `AssumeRoleWithWebIdentity` of the AWS reference
//! has it; rclone asks for them by the `credential_process` of the AWS tools' configuration.

use std::fmt::Write as _;

use super::Facts;
use super::sheet::{BLANK, to_be_kept};
use crate::restore::quoted;
use crate::settings::{Client, Login};

// Writing to a String cannot fail: what `write!` gives is dropped.

pub(super) fn section(text: &mut String, facts: &Facts<'_>) {
    text.push_str("## Without the image: plain restic and rclone\n\n");
    let remote = facts.settings.remote.as_str();
    match (&facts.settings.login, facts.settings.remote.section()) {
        (Some(login), Some(section)) => of_the_login(text, facts, login, section),
        (None, Some(_)) => of_remote(text, facts),
        (_, None) => text.push_str(
            "restic 0.17 or newer. The repository is a directory, which must be there: in the volume of the VM it is lost \
             with the VM, unless you have a copy.\n\n",
        ),
    }
    let repository = if facts.settings.remote.section().is_none() && remote.starts_with('/') {
        remote.to_owned()
    } else {
        format!("rclone:{remote}")
    };
    let password = facts.password.map_or(format!("'{BLANK}'"), |password| {
        quoted(password).into_owned()
    });
    let restores = facts.parts().into_iter().map(|part| {
        let args = part.of_restic(&facts.host, " --target restored");
        format!("    restic restore{args}\n")
    });
    let restores: String = restores.collect();
    let _ = write!(
        text,
        "    export RESTIC_PASSWORD={password}\n    export RESTIC_REPOSITORY={repository}\n    restic snapshots\n\
         {restores}\n\
         One file or directory: add `--include /backup/dir1/file`. As root the files get their owners back. A restore that \
         was broken off goes on with `--overwrite if-changed`; one that told of errors with `--overwrite always`.\n",
        repository = quoted(&repository),
    );
}

/// Storage of rclone's own.
fn of_remote(text: &mut String, facts: &Facts<'_>) {
    text.push_str("restic 0.17 or newer, and rclone 1.66 or newer.");
    if !facts.remote_variables().is_empty() {
        text.push_str(
            " rclone needs the variables `RCLONE_CONFIG_...` of `.env` above in its environment (`export NAME='value'`).",
        );
    }
    if !facts.sections.is_empty() {
        let _ = write!(
            text,
            " Into `~/.config/rclone/rclone.conf` {}",
            to_be_kept(&facts.sections)
        );
    }
    text.push_str("\n\n");
}

fn of_the_login(text: &mut String, facts: &Facts<'_>, login: &Login, section: &str) {
    let endpoint = login.storage.endpoint.as_str();
    let region = login
        .storage
        .region
        .as_ref()
        .map_or(String::new(), |region| format!("\n    region = {region}"));
    let agent = if login.service.is_some() {
        ""
    } else {
        ", oidc-agent"
    };
    let _ = write!(
        text,
        "restic 0.17 or newer, rclone 1.66 or newer{agent} and curl. `~/.config/rclone/rclone.conf`:\n\n    \
         [{section}]\n    type = s3\n    provider = Ceph\n    env_auth = true\n    endpoint = {endpoint}{region}\n\n",
    );
    let token = match &login.service {
        Some(client) => token_of_service(text, facts, login, client),
        None => token_of_person(text, login),
    };
    let _ = write!(
        text,
        "    \
         answer=$({token} | tr -d '\\n' | curl -fsS {endpoint_word} \\\n      \
         -d Action=AssumeRoleWithWebIdentity -d Version=2011-06-15 -d RoleArn=arn:aws:iam:::role/{role} \\\n      \
         -d RoleSessionName=restore -d DurationSeconds={seconds} --data-urlencode WebIdentityToken@- | tr -d '\\n')\n    \
         field() {{ printf %s \"$answer\" | sed \"s/.*<$1>//; s/<.*//\"; }}\n    \
         printf '{{\"Version\":1,\"AccessKeyId\":\"%s\",\"SecretAccessKey\":\"%s\",\"SessionToken\":\"%s\",\"Expiration\":\"%s\"}}' \\\n      \
         \"$(field AccessKeyId)\" \"$(field SecretAccessKey)\" \"$(field SessionToken)\" \"$(field Expiration)\"\n\n\
         `~/.aws/config`, with the whole path of it:\n\n    \
         [default]\n    credential_process = /home/YOU/sts-credentials\n\n\
         And then:\n\n",
        endpoint_word = quoted(endpoint),
        role = quoted(&login.storage.role),
        seconds = login.storage.session.as_secs(),
    );
}

/// A login, and the beginning of the script; gives the command of it that prints a token.
fn token_of_person(text: &mut String, login: &Login) -> String {
    let account = quoted(&login.account);
    let _ = write!(
        text,
        "A login (once), which asks for a password of your choice:\n\n    \
         eval $(oidc-agent)\n    \
         oidc-gen {account} --iss={issuer} --flow=device --scope={scope}\n\n\
         `~/sts-credentials` (`chmod 700`), which gets credentials for it:\n\n    \
         #!/bin/sh\n",
        issuer = quoted(&login.issuer),
        scope = quoted(&login.scope),
    );
    format!("oidc-token --aud={} {account}", quoted(&login.audience))
}

/// The same for a client that needs no login; its secret is in no command line.
fn token_of_service(
    text: &mut String,
    facts: &Facts<'_>,
    login: &Login,
    client: &Client,
) -> String {
    let shown = client
        .secret
        .as_ref()
        .and_then(|secret| facts.shown(secret));
    let issuer = login.issuer.trim_end_matches('/');
    let scope = match login.scope.as_str() {
        "" => String::new(),
        scope => format!(" --data-urlencode {}", quoted(&format!("scope={scope}"))),
    };
    let _ = write!(
        text,
        "`~/sts-credentials` (`chmod 700`), which gets credentials of the service client, by its secret:\n\n    \
         #!/bin/sh\n    \
         secret={secret}\n    \
         field() {{ tr -d '\\n' | sed \"s/.*\\\"$1\\\" *: *\\\"//; s/\\\".*//\"; }}\n    \
         endpoint=$(curl -fsS {document} | field token_endpoint)\n    \
         token() {{ printf 'user = \"%s:%s\"\\n' {id} \"$secret\" | curl -fsS -K - \"$endpoint\" \\\n      \
         -d grant_type=client_credentials --data-urlencode {audience}{scope} | field access_token; }}\n",
        document = quoted(&format!("{issuer}/.well-known/openid-configuration")),
        secret = shown.map_or_else(
            || format!("'{BLANK}'"),
            |secret| quoted(secret).into_owned()
        ),
        id = quoted(&client.id),
        audience = quoted(&format!("audience={}", login.audience)),
    );
    "token".to_owned()
}
