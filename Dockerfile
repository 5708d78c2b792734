# syntax=docker/dockerfile:1

# jeton: one static binary in an empty image, run by nobody in particular.
#
#   docker build -t jeton .
#   docker run -p 50051:50051 -p 8080:8080 -v jeton:/var/lib/jeton jeton serve --allow-plaintext
#
# The listeners face the container's network, so `serve` asks for that flag. Data and key
# ring default to directories side by side in the volume; in production mount the ring as a secret
# and name it with `[keys] path`.

# Alpine's Rust targets musl, so a plain build is static on every architecture.
FROM rust:1.95-alpine AS build
WORKDIR /jeton
COPY . .
# Dependencies stay compiled in the cache mounts, whatever changes in src; the binary is copied out
# because the mount is not part of the image.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/jeton/target \
    cargo build --release --locked --bin jeton \
    && install -D -m 0755 target/release/jeton /image/jeton \
    && install -d -m 0700 -o 65532 -g 65532 /image/var/lib/jeton

FROM scratch
COPY --from=build --chown=65532:65532 /image/ /
USER 65532:65532
WORKDIR /var/lib/jeton
VOLUME /var/lib/jeton
ENV JETON_GRPC_LISTEN=0.0.0.0:50051 JETON_HTTP_LISTEN=0.0.0.0:8080 \
    JETON_OPS_LISTEN=0.0.0.0:9090
EXPOSE 50051 8080 9090
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 CMD ["/jeton", "health"]
ENTRYPOINT ["/jeton"]
CMD ["serve"]
