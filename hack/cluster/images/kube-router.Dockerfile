ARG BASE_IMAGE
FROM $BASE_IMAGE
RUN apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends iptables ipset iproute2 conntrack kmod \
 && apt-get clean && rm -rf /var/lib/apt/lists/*
COPY bin/kube-router /usr/local/bin/kube-router
