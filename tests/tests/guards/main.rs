//! Who may call what. The table in [`table`] is written out by hand: a route that is missing from it fails here.

#![expect(clippy::unwrap_used, reason = "tests")]

mod callers;
mod forms;
mod headers;
mod methods;
mod paths;
mod table;
mod world;
