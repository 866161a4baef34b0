# The image: our program, every command of it as a link, and the programs it supervises: restic,
# rclone and oidc-agent. `scripts/build` builds it; docs/architecture.md tells the reason of its size.
# Written for the builder of Docker 20.10 too, so: no syntax line, no here-documents.

# --- Our program ------------------------------------------------------------------------------
FROM debian:trixie-slim AS build

# "false" where the package mirror's indexes are out of date, as on one that is frozen in time.
ARG APT_CHECK_VALID_UNTIL=true

RUN --mount=type=bind,source=scripts/image/apt-source,target=/image/apt-source \
    --mount=type=bind,source=scripts/image/add-suite,target=/image/add-suite \
    --mount=type=tmpfs,target=/var/lib/apt/lists \
    apt-get -o Acquire::Check-Valid-Until="$APT_CHECK_VALID_UNTIL" update \
    && /image/add-suite trixie-backports \
    && apt-get install -y --no-install-recommends cargo/trixie-backports rustc/trixie-backports ca-certificates

# The dependencies first, against an empty program: a change of our source does not rebuild them.
WORKDIR /build
COPY Cargo.toml Cargo.lock ./
RUN --mount=type=secret,id=ca \
    if [ -e /run/secrets/ca ]; then export CARGO_HTTP_CAINFO=/run/secrets/ca; fi \
    && mkdir src && touch src/lib.rs && echo 'fn main() {}' >src/main.rs \
    && cargo build --release --locked

# The copied files keep their dates, which are before the empty program's: cargo would take it for ours.
COPY src src
RUN find src -name '*.rs' -exec touch {} + \
    && cargo build --release --locked --offline

# --- Another rclone, if one is asked for --------------------------------------------------------
FROM debian:trixie-slim AS rclone
ARG APT_CHECK_VALID_UNTIL=true

# RCLONE_URL is a program, or a .zip, .gz or .bz2 of one, such as upstream's release or INFN's
# patched rclone; file:///context/NAME takes a file from the root of the build context.
ARG RCLONE_URL=
ARG RCLONE_SHA256=
RUN --mount=type=bind,target=/context \
    --mount=type=secret,id=ca \
    /context/scripts/image/fetch-rclone /out/rclone

# --- The image ----------------------------------------------------------------------------------
FROM debian:trixie-slim
ARG APT_CHECK_VALID_UNTIL=true

# Any suite with restic >= 0.17; docs/architecture.md has the measured difference.
ARG RESTIC_SUITE=trixie

# Risky: an rclone below 1.66 answers 404 to every request while its credentials fail, so a full
# repository looks like none at all. Only for INFN's patched rclone, which reports 1.58.
ARG RCLONE_ALLOW_OLD=

RUN --mount=type=bind,source=scripts/image,target=/image \
    --mount=type=bind,from=rclone,source=/out,target=/rclone \
    --mount=type=tmpfs,target=/var/lib/apt/lists \
    --mount=type=tmpfs,target=/var/cache/apt \
    --mount=type=tmpfs,target=/var/log \
    /image/install-programs /rclone/rclone

# A named volume takes over the owner and the mode of the directory that it is mounted on.
RUN groupadd --gid 1000 user \
    && useradd --uid 1000 --gid user --home-dir /home/user --no-create-home --shell /bin/bash user \
    && install -d -o user -g user -m 0700 /home/user \
    && install -d -o user -g user /backup /var/log/ofelia \
    && rm -f /etc/*- /var/log/lastlog /var/log/faillog \
    # Nobody becomes somebody else in here: su, mount and their like lose the bit that makes them root.
    && find / -xdev -type f -perm /6000 -exec chmod a-s {} +

# The commands of the image: the program looks at the name that it is called by. Our `restic` hides
# the real one in /usr/bin, which ours runs.
RUN for command in config reauth check-refresh-token start-server schedule backup copy forget verify restore recovery-kit restic rclone oidc-token credential-process status doctor healthcheck; do \
        ln -s cloud-backup "/usr/local/bin/$command" || exit; \
    done

COPY --from=build /build/target/release/cloud-backup /usr/local/bin/

# A job that was started as root goes on as this user.
ENV CLOUD_BACKUP_USER=user
USER user
WORKDIR /backup
EXPOSE 8080
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/cloud-backup"]
CMD ["start-server"]
HEALTHCHECK --interval=30s --timeout=15s --start-period=30s --retries=3 \
    CMD ["/usr/local/bin/cloud-backup", "healthcheck"]

# Last, so that a new revision alone rebuilds nothing.
ARG VERSION=
ARG REVISION=
ARG CREATED=
ARG SOURCE=
LABEL org.opencontainers.image.title="cloud-user-backup" \
      org.opencontainers.image.description="Backup of a research-cloud VM to its owner's object storage, watched and reported" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.created="$CREATED" \
      org.opencontainers.image.source="$SOURCE"
