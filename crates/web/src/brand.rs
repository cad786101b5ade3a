//! Brands, as pages use them; what one may look like is said in [`kabinet_core::brand`].

pub use kabinet_core::brand::{Brand, Brands};
pub use kabinet_core::language::Words;
