//! The resource group manager.
