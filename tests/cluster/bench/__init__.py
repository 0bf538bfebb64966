"""A real Kubernetes for tests: etcd and the control plane on this machine's loopback. Standard library only."""
