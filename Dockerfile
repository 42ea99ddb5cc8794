# The three programs, each an image of its own: docker build --target api (or workers, or sandbox) .

FROM rust:1-bookworm AS build
WORKDIR /src
COPY . .
# Every query was checked against a database before it was committed: .sqlx holds what was learnt.
ENV SQLX_OFFLINE=true
# The caches outlive the layer, so that a changed line does not compile the dependencies again.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --bin landfall-api --bin landfall-workers --bin landfall-sandbox \
    && install -D -t /programs target/release/landfall-api target/release/landfall-workers target/release/landfall-sandbox

FROM debian:bookworm-slim AS base
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/*
COPY scripts/ready /usr/local/bin/ready
# Nobody: the programs own no file and write none.
USER 10001:10001

FROM base AS api
COPY --from=build /programs/landfall-api /usr/local/bin/
COPY migrations /usr/share/landfall/migrations
ENV LISTEN_ADDR=0.0.0.0:8080
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ready "${LISTEN_ADDR##*:}" /healthz
CMD ["landfall-api"]

FROM base AS workers
COPY --from=build /programs/landfall-workers /usr/local/bin/
ENV WORKERS_LISTEN_ADDR=0.0.0.0:8081
EXPOSE 8081
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ready "${WORKERS_LISTEN_ADDR##*:}" /healthz
CMD ["landfall-workers"]

# The outside world, for tests and for looking: no part of production.
FROM base AS sandbox
COPY --from=build /programs/landfall-sandbox /usr/local/bin/
ENV SANDBOX_LISTEN_ADDR=0.0.0.0:8090 SANDBOX_SMTP_LISTEN_ADDR=0.0.0.0:2525
EXPOSE 8090 2525
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ready "${SANDBOX_LISTEN_ADDR##*:}" /healthz
CMD ["landfall-sandbox"]
