//! Tests of the crate from outside: what is made from it and kept in files.

mod specifications;
