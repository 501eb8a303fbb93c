# One image, one entry point per process: operator, Jobs, command line, dashboard, simulator, embedded warehouse.
# Builds with the classic builder and with BuildKit: no RUN --mount, no COPY --chmod, no heredocs.
# The layers are ordered by how often they change: system, locked dependencies, code.
ARG BASE_IMAGE=debian:bookworm-slim

FROM ${BASE_IMAGE} AS system
# tini reaps and forwards signals: a Python process without handlers ignores SIGTERM as process 1.
RUN apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3 ca-certificates tini \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log /usr/share/doc /usr/share/man \
 && echo "mars:x:10001:10001:Martian Moments:/tmp:/usr/sbin/nologin" >> /etc/passwd \
 && echo "mars:x:10001:" >> /etc/group

FROM system AS dependencies
RUN apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv \
 && python3 -m venv /app/venv
# wheels/ holds a wheelhouse where the build cannot reach an index (then PIP_ARGS="--no-index --find-links=/wheels"); else it is empty.
ARG PIP_ARGS=""
COPY requirements.txt docker/slim.py /build/
COPY wheels /wheels
# --no-deps: the lock file is the resolution, override included, and every line of it carries its hashes.
RUN /app/venv/bin/pip install --quiet --no-cache-dir --disable-pip-version-check --no-deps ${PIP_ARGS} -r /build/requirements.txt \
 && /app/venv/bin/python /build/slim.py /app/venv

FROM system
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="martian-moments" \
      org.opencontainers.image.description="A complete, true, queryable archive of every Mars rover photo and drive, on Kubernetes." \
      org.opencontainers.image.version="${VERSION}"
COPY --from=dependencies /app/venv /app/venv
ENV PATH=/app/venv/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp \
    MARS_DBT_DIR=/app/dbt
COPY docker/install_rooms.py /app/build/
COPY docker/trust.sh /usr/local/bin/mars-trust
# dbt's parsed state: a started pod parses nothing.
COPY dbt /app/dbt
RUN python3 /app/build/install_rooms.py dbt /app
COPY contracts /app/rooms/contracts
COPY cli /app/rooms/cli
COPY simulator /app/rooms/simulator
COPY warehouse /app/rooms/warehouse
COPY dashboard /app/rooms/dashboard
COPY operator /app/rooms/operator
COPY jobs /app/rooms/jobs
# Console scripts and byte code.
RUN python3 /app/build/install_rooms.py rooms /app
USER 10001:10001
WORKDIR /tmp
ENTRYPOINT ["/usr/bin/tini", "--"]
CMD ["mars", "--help"]
