//! A private certificate authority: trusted with `EXTRA_CA_FILE`, and told without.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::harness::{Container, Installation, docker, image};
use crate::healthchecks::{CHECK, Healthchecks};

/// A CA and a certificate of it for the name by which containers reach this machine.
const MAKE_KEYS: &str = "
    set -e
    exec 2>/dev/null
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout ca.key -out ca.pem -subj '/CN=a CA of ours' \
      -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign
    openssl req -newkey rsa:2048 -nodes -keyout tls.key -out tls.csr -subj /CN=host.docker.internal
    printf 'extendedKeyUsage=serverAuth\\nsubjectAltName=DNS:host.docker.internal' >tls.ext
    openssl x509 -req -in tls.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out tls.pem -extfile tls.ext
    chmod a+r *
";

/// TLS in front of a double of Healthchecks.
struct Tls {
    keys: tempfile::TempDir,
    address: SocketAddr,
}

impl Tls {
    fn before(healthchecks: &Healthchecks) -> Self {
        let keys = tempfile::tempdir().unwrap();
        docker([
            "run",
            "--rm",
            "--user=root",
            "--workdir=/keys",
            "--entrypoint=sh",
            &format!("--volume={}:/keys", keys.path().display()),
            &image(),
            "-c",
            MAKE_KEYS,
        ])
        .ok();
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![CertificateDer::from_pem_file(keys.path().join("tls.pem")).unwrap()],
                PrivateKeyDer::from_pem_file(keys.path().join("tls.key")).unwrap(),
            )
            .unwrap();
        let listener = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let target = healthchecks.address();
        // It ends with the test process.
        std::thread::spawn(move || serve(listener, &acceptor, target));
        Self { keys, address }
    }

    fn url(&self) -> String {
        let port = self.address.port();
        format!("https://host.docker.internal:{port}/ping/{CHECK}")
    }

    fn ca(&self) -> PathBuf {
        self.keys.path().join("ca.pem")
    }
}

fn serve(listener: std::net::TcpListener, acceptor: &TlsAcceptor, target: SocketAddr) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let listener = TcpListener::from_std(listener).unwrap();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                // A client that does not trust us goes away here.
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    let mut plain = TcpStream::connect(target).await.unwrap();
                    let _ = copy_bidirectional(&mut stream, &mut plain).await;
                }
            });
        }
    });
}

fn reporting_to(tls: &Tls) -> Installation {
    let installation = Installation::new().env("BACKUP_CHECK_URL", &tls.url());
    installation.write("a", "one");
    installation
}

fn trusting(installation: Installation, ca: &Path) -> Installation {
    installation
        .with([&*format!("--volume={}:/extra-ca.pem:ro", ca.display())])
        .env("EXTRA_CA_FILE", "/extra-ca.pem")
}

#[test]
fn a_server_of_a_private_ca_is_reached_with_extra_ca_file_only() {
    let healthchecks = Healthchecks::start();
    let tls = Tls::before(&healthchecks);
    let installation = reporting_to(&tls);
    let backup = installation.run(["backup", "/backup/dir1"]).ok();
    let last = backup.stderr.lines().last().unwrap_or_default();
    assert!(
        last.starts_with("cloud-backup: warning: the report to BACKUP_CHECK_URL")
            && last.contains("invalid peer certificate: UnknownIssuer")
            && last.contains("EXTRA_CA_FILE")
            && !last.contains(CHECK),
        "{}",
        backup.stderr
    );
    assert!(healthchecks.pings().is_empty());

    let installation = trusting(installation, &tls.ca());
    let backup = installation.run(["backup", "/backup/dir1"]).ok();
    assert!(!backup.stderr.contains("warning"), "{}", backup.stderr);
    assert_eq!(healthchecks.signals(), ["start", "0"]);
}

#[test]
fn settings_that_are_wrong_are_reported_to_a_server_of_a_private_ca() {
    let healthchecks = Healthchecks::start();
    let tls = Tls::before(&healthchecks);
    let installation = trusting(reporting_to(&tls), &tls.ca()).env("STOP_GRACE", "nonsense");
    installation.run(["backup", "/backup/dir1"]).code(78);
    assert_eq!(healthchecks.signals(), ["78"]);
    assert!(healthchecks.last_body().contains("STOP_GRACE must be"));
}

#[test]
fn a_wrong_extra_ca_file_is_a_problem_of_the_settings() {
    let healthchecks = Healthchecks::start();
    let installation = Installation::new()
        .env("BACKUP_CHECK_URL", &healthchecks.url_for_containers())
        .env("EXTRA_CA_FILE", "/nowhere/ca.pem");
    let said = "EXTRA_CA_FILE names /nowhere/ca.pem, which cannot be read";
    installation
        .run(["backup", "/backup/dir1"])
        .code(78)
        .says(said);
    assert!(healthchecks.last_body().contains(said));
    installation
        .env("EXTRA_CA_FILE", "/etc/passwd")
        .run(["start-server"])
        .code(78)
        .says("EXTRA_CA_FILE names /etc/passwd, which holds no certificate in PEM form");
}

#[test]
fn rclone_and_restic_trust_what_extra_ca_file_holds() {
    let healthchecks = Healthchecks::start();
    let tls = Tls::before(&healthchecks);
    let installation = trusting(Installation::new(), &tls.ca());
    let server = installation.server();
    let bundle = assert_has_bundle(&server, "rclone", "serve restic");

    // The double knows no such path, if rclone trusts it enough to ask.
    let url = format!("https://host.docker.internal:{}/", tls.address.port());
    let list = format!(
        "rclone --config=/dev/null --retries=1 --low-level-retries=1 --http-url={url} lsf :http:"
    );
    let list = ["sh", "-c", &*format!("/usr/bin/{list}")];
    server
        .exec(list)
        .says("certificate signed by unknown authority");
    server
        .exec_with([&*format!("--env={bundle}")], list)
        .says("directory not found");

    let installation = installation.fake_restic(&["sleep 60000"]);
    let job = installation.start(["backup", "/backup/dir1"]);
    assert_has_bundle(&job, "restic", "restic .*backup");
}

/// What rclone and restic find the bundle by.
const BUNDLE: &str = "SSL_CERT_FILE=/home/user/.cloud-backup/ca-bundle-";

#[track_caller]
fn assert_has_bundle(container: &Container, program: &str, argument: &str) -> String {
    let pid = container.pid(program, argument);
    let show = format!("tr '\\0' '\\n' </proc/{pid}/environ");
    let variables = container.exec(["sh", "-c", &*show]).ok().stdout;
    let bundle = variables.lines().find(|line| line.starts_with(BUNDLE));
    bundle
        .unwrap_or_else(|| panic!("{program}: {variables}"))
        .to_owned()
}
