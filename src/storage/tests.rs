//! What rclone is started with: a stock one, INFN's patched one, and for a remote of the user's own.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::settings::Settings;

const AWS: [(&str, &str); 6] = [
    ("AWS_ACCESS_KEY_ID", "users-key"),
    ("AWS_SECRET_ACCESS_KEY", "users-secret"),
    ("AWS_PROFILE", "users-profile"),
    ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/users"),
    ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://users/"),
    ("AWS_SHARED_CREDENTIALS_FILE", "/home/user/.aws/credentials"),
];

struct Place {
    home: tempfile::TempDir,
    volume: Volume,
}

impl Place {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let rclone = home.path().join("rclone");
        std::fs::write(&rclone, "#!/bin/false\n").unwrap();
        std::fs::set_permissions(&rclone, std::fs::Permissions::from_mode(0o755)).unwrap();
        let volume = Volume::open(home.path()).unwrap();
        Self { home, volume }
    }

    /// The volume knows already what this rclone is.
    fn patched(self, patched: bool) -> Self {
        patched::keep(
            &self.home.path().join("rclone"),
            &self.volume.known_rclone(),
            patched,
        );
        self
    }

    fn settings(&self, vars: &[(&str, &str)]) -> Settings {
        let home = self.home.path().to_str().unwrap();
        let usual = [("HOME", home), ("PATH", home), ("RESTIC_PASSWORD", "x")];
        let all = usual.iter().chain(vars).chain(&AWS);
        Settings::from_vars(all.map(|(name, value)| (name.into(), value.into()))).unwrap()
    }

    /// With the login of the guide.
    fn documented(&self, vars: &[(&str, &str)]) -> Settings {
        let login = [
            ("AAI_USER", "jdoe"),
            ("OIDC_PASSWORD", "planted-oidc"),
            ("BACKUP_BUCKET", "backup/VM1"),
        ];
        self.settings(&[&login[..], vars].concat())
    }

    async fn rclone(&self, settings: &Settings, supply: Option<&Supply>) -> Rclone {
        Rclone::find(settings, &self.volume, supply).await.unwrap()
    }
}

fn supply() -> Supply {
    Supply {
        endpoint: vec![
            (
                "AWS_CONTAINER_CREDENTIALS_FULL_URI".to_owned(),
                "http://127.0.0.1:1234/".to_owned(),
            ),
            (
                "AWS_CONTAINER_AUTHORIZATION_TOKEN".to_owned(),
                "planted-token".to_owned(),
            ),
        ],
        agent: "/run/agent.sock".into(),
    }
}

/// The variables that decide about the storage.
fn chosen(invocation: &Invocation) -> Vec<String> {
    let mut lines: Vec<String> = invocation
        .env
        .iter()
        .filter(|(name, _)| {
            ["AWS_", "RCLONE_CONFIG_", "OIDC_"]
                .iter()
                .any(|prefix| name.starts_with(prefix))
        })
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    lines.sort();
    lines
}

#[tokio::test]
async fn a_stock_rclone_gets_its_credentials_from_our_endpoint_and_nowhere_else() {
    let place = Place::new().patched(false);
    let settings = place.documented(&[
        ("S3_REGION", "cnaf"),
        ("RCLONE_CONFIG_INFNCLOUD_ENDPOINT", "https://users/"),
        ("RCLONE_CONFIG_INFNCLOUD_CHUNK_SIZE", "16M"),
    ]);
    let rclone = place.rclone(&settings, Some(&supply())).await;
    assert!(!rclone.is_patched());
    let unix = "unix:///run/rest.sock".to_owned();
    let invocation = serve(&settings, &rclone, &[unix, ":8080".to_owned()]);
    assert_eq!(
        chosen(&invocation),
        [
            "AWS_CONFIG_FILE=/dev/null",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN=planted-token",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1:1234/",
            "AWS_EC2_METADATA_DISABLED=true",
            "AWS_SHARED_CREDENTIALS_FILE=/dev/null",
            "RCLONE_CONFIG_INFNCLOUD_ACCESS_KEY_ID=",
            "RCLONE_CONFIG_INFNCLOUD_CHUNK_SIZE=16M",
            "RCLONE_CONFIG_INFNCLOUD_ENDPOINT=https://rgw.cloud.infn.it/",
            "RCLONE_CONFIG_INFNCLOUD_ENV_AUTH=true",
            "RCLONE_CONFIG_INFNCLOUD_NO_HEAD=true",
            "RCLONE_CONFIG_INFNCLOUD_PROFILE=",
            "RCLONE_CONFIG_INFNCLOUD_PROVIDER=Ceph",
            "RCLONE_CONFIG_INFNCLOUD_REGION=cnaf",
            "RCLONE_CONFIG_INFNCLOUD_ROLE_ARN=",
            "RCLONE_CONFIG_INFNCLOUD_SECRET_ACCESS_KEY=",
            "RCLONE_CONFIG_INFNCLOUD_SESSION_TOKEN=",
            "RCLONE_CONFIG_INFNCLOUD_SHARED_CREDENTIALS_FILE=",
            "RCLONE_CONFIG_INFNCLOUD_TYPE=s3",
            "RCLONE_CONFIG_INFNCLOUD_V2_AUTH=false",
        ]
    );
    let args = invocation.args.join(std::ffi::OsStr::new(" "));
    let args = args.to_str().unwrap();
    assert_eq!(
        args,
        "serve restic --addr unix:///run/rest.sock --addr :8080 --log-format= --config /dev/null \
         infncloud:/jdoe/backup/VM1/"
    );
}

#[tokio::test]
async fn the_upload_is_looked_at_again_where_the_user_wants_it_and_by_other_commands() {
    let place = Place::new().patched(false);
    let looking = "RCLONE_CONFIG_INFNCLOUD_NO_HEAD=false".to_owned();
    let settings = place.documented(&[("RCLONE_CONFIG_INFNCLOUD_NO_HEAD", "false")]);
    let rclone = place.rclone(&settings, Some(&supply())).await;
    let set = chosen(&serve(&settings, &rclone, &[":8080".to_owned()]));
    let about = |line: &&String| line.contains("NO_HEAD");
    assert_eq!(set.iter().filter(about).collect::<Vec<_>>(), [&looking]);

    let settings = place.documented(&[]);
    let rclone = place.rclone(&settings, Some(&supply())).await;
    let set = chosen(&rclone.invocation([OsString::from("copy")]));
    assert!(!set.iter().any(|line| line.contains("NO_HEAD")), "{set:?}");
}

#[tokio::test]
async fn a_patched_rclone_gets_the_documented_section_and_oidc_agent() {
    let place = Place::new().patched(true);
    let settings = place.documented(&[]);
    let (supply, listeners) = (
        supply(),
        Listeners {
            socket: place.home.path().join("rest.sock"),
            port: None,
        },
    );
    let start = Server::start(&settings, &place.volume, &listeners, Some(&supply));
    assert!(matches!(start.await, Err(Error::NotConfigured { .. })));
    config::write(&settings.home, settings.login.as_ref().unwrap()).unwrap();
    rclone::require_section(&settings).unwrap();

    let rclone = place.rclone(&settings, Some(&supply)).await;
    assert!(rclone.is_patched());
    let invocation = serve(&settings, &rclone, &[":8080".to_owned()]);
    assert_eq!(chosen(&invocation), ["OIDC_SOCK=/run/agent.sock"]);
    let file = config::path(&settings.home).into_os_string();
    assert!(invocation.args.contains(&file), "{:?}", invocation.args);
}

#[tokio::test]
async fn a_remote_of_the_users_own_keeps_his_variables_and_needs_its_section() {
    let place = Place::new();
    let settings = place.settings(&[("BACKUP_REMOTE", "mine:path")]);
    let rclone = place.rclone(&settings, None).await;
    let invocation = serve(&settings, &rclone, &[":8080".to_owned()]);
    let mut expected: Vec<String> = AWS
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    expected.sort();
    assert_eq!(chosen(&invocation), expected);

    assert!(matches!(
        rclone::require_section(&settings),
        Err(Error::NotConfigured { section, .. }) if section == "mine"
    ));
    let file = config::path(&settings.home);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, "[mine]\ntype = local\n").unwrap();
    rclone::require_section(&settings).unwrap();
}

#[test]
fn the_token_of_the_endpoint_is_not_shown() {
    assert_eq!(
        format!("{:?}", supply()),
        "Supply(agent at /run/agent.sock)"
    );
}
