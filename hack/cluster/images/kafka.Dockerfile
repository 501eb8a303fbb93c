# The layout of apache/kafka as far as the chart leans on it: /opt/kafka/libs/*.jar, and java and sh in PATH.
ARG BASE_IMAGE
FROM $BASE_IMAGE
RUN mkdir -p /usr/share/man/man1 && apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends openjdk-17-jre-headless \
 && apt-get clean && rm -rf /var/lib/apt/lists/*
COPY libs/ /opt/kafka/libs/
USER 1000
WORKDIR /opt/kafka
