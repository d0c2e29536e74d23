//! systemd: its mount units have groups without processes, which nobody wants to see.

pub mod claim;
