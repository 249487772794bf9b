//! The fault monitor's arithmetic: what a probe's result means after those before it (scds_fm_action, scds_fm_sleep). Pure.
