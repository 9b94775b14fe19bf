# wq's programs in a small image; see docs/containers.md.
#
# BASE may be any Debian 13. Nothing else is fetched but Debian's packages.
ARG BASE=debian:trixie-slim

# Builds, and runs the tests, each with a redis-server of its own.
FROM ${BASE} AS build
WORKDIR /src
COPY scripts/common.sh scripts/install-deps scripts/
RUN scripts/install-deps --test
COPY . .
# TESTS chooses tests by a regular expression on their names; ^$ runs none.
ARG TESTS=.
RUN cmake --preset release -B /build -DCMAKE_INSTALL_PREFIX=/usr \
      -DWQ_BUILD_EXAMPLES=OFF \
      "-DWQ_BUILD_TESTS=$([ "$TESTS" = '^$' ] && echo OFF || echo ON)" && \
    cmake --build /build && \
    { [ "$TESTS" = '^$' ] || \
      ctest --test-dir /build --parallel 4 --output-on-failure --tests-regex "$TESTS"; } && \
    DESTDIR=/out cmake --install /build --strip --component programs

FROM ${BASE}
# What the programs are linked with; the certificates are for a Redis of a public CA.
RUN apt-get update && \
    apt-get install --yes --no-install-recommends ca-certificates libboost-program-options1.83.0 \
      libfmt10 libhiredis1.1.0 libprometheus-cpp-core1.0 libprometheus-cpp-pull1.0 libspdlog1.15 \
      libssl3t64 libzstd1 zlib1g && \
    rm -rf /var/lib/apt/lists/* /var/cache/apt /var/log/apt /var/log/dpkg.log
COPY --from=build /out/ /
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="wq" \
      org.opencontainers.image.description="A work queue on Redis that loses nothing: wq-worker, wq-push, wqctl" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.base.name="debian:trixie-slim"
USER 65532:65532
WORKDIR /tmp
CMD ["wq-worker", "--help"]
