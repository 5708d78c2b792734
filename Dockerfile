# syntax=docker/dockerfile:1

# jeton: one static binary in an empty image, run by nobody in particular.
#
#   docker build -t jeton --build-arg JETON_COMMIT=$(git rev-parse --short=12 HEAD) .
#   docker run --read-only -p 50051:50051 -p 8080:8080 -v jeton:/var/lib/jeton jeton serve --allow-plaintext
#
# The listeners face the container's network, so `serve` asks for that flag. Data and key
# ring default to directories side by side in the volume; in production mount the ring as a secret
# and name it with `[keys] path`.

# Alpine's Rust targets musl and brings the C compiler that some crates need.
FROM rust:1.95-alpine AS build
# Commit for --version: the repository itself is not in the build's context.
ARG JETON_COMMIT=
# Comma-separated: otlp.
ARG FEATURES=
WORKDIR /jeton
COPY . .
# Dependencies stay compiled in the cache mounts across changes of src; the binary is copied out
# because the mount is not part of the image.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/jeton/target \
    target="$(uname -m)-unknown-linux-musl" \
    && cargo build --release --locked --bin jeton --target "$target" --features "$FEATURES" \
    && install -D -m 0755 "target/$target/release/jeton" /image/jeton \
    && install -d -m 0700 /image/var/lib/jeton

FROM scratch
# The program is root's: who runs it cannot change it, even where the root file system is writable.
COPY --from=build /image/jeton /jeton
COPY --from=build --chown=65532:65532 /image/var/ /var/
USER 65532:65532
WORKDIR /var/lib/jeton
VOLUME /var/lib/jeton
ENV JETON_GRPC_LISTEN=0.0.0.0:50051 JETON_HTTP_LISTEN=0.0.0.0:8080 \
    JETON_OPS_LISTEN=0.0.0.0:9090
EXPOSE 50051 8080 9090
STOPSIGNAL SIGTERM
# Health without TLS, for any setting of the gRPC listener.
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 \
    CMD ["/jeton", "health", "--server", "http://127.0.0.1:9090"]
ENTRYPOINT ["/jeton"]
CMD ["serve"]
