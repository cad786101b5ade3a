//! What is true: types, rules and decisions of the provider.
//!
//! Nothing here waits, reads a clock, draws a random number or touches the outside world: time and chance come in
//! as arguments ([`ambient`]), and every function gives the same answer for the same values.

pub mod ambient;
pub mod api_token;
pub mod audit;
pub mod authn;
pub mod brand;
pub mod certificate;
pub mod claims;
pub mod client;
pub mod contact;
pub mod country;
pub mod decision;
pub mod delivery;
pub mod destination;
pub mod document;
pub mod dpop;
pub mod error;
pub mod external;
pub mod id;
pub mod invitation;
pub mod json;
pub mod jwk;
pub mod key;
pub mod language;
pub mod linking;
pub mod logout;
pub mod merge;
pub mod method;
pub mod organisation;
pub mod password;
pub mod picture;
pub mod redirect;
pub mod registration;
pub mod response_type;
pub mod scope;
pub mod seal;
pub mod secret;
pub mod text;
pub mod time;
pub mod user;
pub mod user_code;
pub mod verified;
pub mod work;
