//! The commands from outside: command lines in, requests of the admin socket, text and exit codes out. A fake daemon (`daemon`) answers.

mod bad;
mod chapter;
mod cluster;
mod codes;
mod daemon;
mod modern;
mod pages;
mod renderings;
