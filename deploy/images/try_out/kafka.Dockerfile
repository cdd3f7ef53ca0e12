# Kafka for trying things out where public images cannot be pulled: what
# deploy/kubernetes/components/kafka uses of apache/kafka, and no more.
# Context: this folder, with Kafka's jars in libs/ (see ../build_without_engine).
ARG BASE=docker.io/library/debian:12-slim
FROM ${BASE}
RUN command -v java || (apt-get -qq update && \
    apt-get -qq install --yes --no-install-recommends openjdk-17-jre-headless)
COPY libs /opt/kafka/libs
COPY kafka-storage.sh kafka-server-start.sh /opt/kafka/bin/
USER 1000:1000
