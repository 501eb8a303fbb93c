# What a kind node is, made of Debian's packages and the files that the kind module carries (images/base/files).
ARG BASE_IMAGE
FROM $BASE_IMAGE
RUN apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    systemd dbus conntrack iptables nftables iproute2 ethtool util-linux mount kmod libseccomp2 pigz e2fsprogs \
    bash ca-certificates curl jq procps containerd runc containernetworking-plugins socat \
 && apt-get clean && rm -rf /var/lib/apt/lists/*
# After the packages: dpkg would stop and ask about a configuration file that is there before its package.
COPY files/ /
# No unit but those a node needs; then the pod sandbox's base spec as kind's own base image makes it, with the machine's
# limits left alone. restrict_oom_score_adj and the removed unit lines: a node inside a machine that may not raise limits.
RUN chmod 0755 /usr/local/bin/entrypoint /kind /kind/bin /kind/bin/*.sh \
 && find /lib/systemd/system/sysinit.target.wants/ -name systemd-tmpfiles-setup.service -delete \
 && rm -f /lib/systemd/system/multi-user.target.wants/* /etc/systemd/system/*.wants/* \
    /lib/systemd/system/local-fs.target.wants/* /lib/systemd/system/sockets.target.wants/*udev* \
    /lib/systemd/system/sockets.target.wants/*initctl* /lib/systemd/system/basic.target.wants/* \
 && echo ReadKMsg=no >> /etc/systemd/journald.conf \
 && ln -sf /usr/lib/systemd/systemd /sbin/init \
 && systemctl enable kubelet.service containerd.service undo-mount-hacks.service \
 && systemctl mask systemd-binfmt.service \
 && mkdir -p /etc/kubernetes/manifests /etc/cni/net.d /opt/cni/bin /kind/manifests \
 && cp /usr/lib/cni/* /opt/cni/bin/ \
 && ln -s /usr/bin/containerd /usr/local/bin/containerd \
 && ctr oci spec \
    | jq '.hooks.createContainer += [{"path": "/kind/bin/mount-product-files.sh"}] | del(.process.rlimits)' \
    > /etc/containerd/cri-base.json \
 && sed -i 's/restrict_oom_score_adj = false/restrict_oom_score_adj = true/' /etc/containerd/config.toml \
 && sed -i '/^Limit/d; /^OOMScoreAdjust/d' /etc/systemd/system/containerd.service
COPY network.yaml /kind/manifests/default-cni.yaml
COPY storage.yaml /kind/manifests/default-storage.yaml
COPY version /kind/version
COPY kube /usr/bin/kube
RUN ln -s kube /usr/bin/kubeadm && ln -s kube /usr/bin/kubelet && ln -s kube /usr/bin/kubectl
ENV container=docker
STOPSIGNAL SIGRTMIN+3
ENTRYPOINT ["/usr/local/bin/entrypoint", "/sbin/init"]
