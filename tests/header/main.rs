//! The header is the product: it must not drift from the source, must compile everywhere, and must declare
//! exactly what the library exports.

mod compiles;
mod declarations;
mod numbers;
