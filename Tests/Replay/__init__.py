"""The Dockerfile's steps without Docker: in roots that debootstrap makes, with chroot and namespaces."""
