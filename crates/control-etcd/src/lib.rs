//! The control store in etcd.
