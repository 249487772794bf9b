//! The answers of `scha_resource_get`, `scha_resourcegroup_get`, `scha_resourcetype_get` and `scha_cluster_get`, from the cluster. Pure.
