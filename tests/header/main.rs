//! The header is the product: it must not drift from the source, must compile everywhere, and must declare
//! exactly what the library exports.

// C strings are read as C reads them.
#![allow(clippy::disallowed_methods)]

mod compiles;
mod declarations;
mod numbers;
