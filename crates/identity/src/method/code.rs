//! «У меня есть код»: a code that a device shows, entered by somebody who is signed in.
//!
//! It proves nobody and signs nobody in here: it lets a device in that waits elsewhere. It stands among the ways to sign in because
//! brands and clients allow it like one.

use crate::method::{Method, Place};

/// The entry in the list of methods.
pub const METHOD: Method = Method { id: "code", place: Place::Link, registers: false };
