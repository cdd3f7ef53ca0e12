# Postgres for trying things out where public images cannot be pulled: what
# deploy/kubernetes/components/postgres uses of the image postgres, and no more.
ARG BASE=docker.io/library/debian:12-slim
FROM ${BASE}
RUN command -v pg_ctlcluster || (apt-get -qq update && \
    apt-get -qq install --yes --no-install-recommends postgresql)
RUN groupmod --gid 999 postgres && usermod --uid 999 --gid 999 postgres && \
    ln -sf /usr/lib/postgresql/*/bin/* /usr/local/bin/
ENV PATH=/usr/local/bin:/usr/bin:/bin
USER 999:999
