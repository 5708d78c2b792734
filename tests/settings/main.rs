//! The settings: one promise a module.

mod example;
mod fake;
mod faults;
mod issuers;
mod precedence;
mod reference;
mod values;
mod warnings;
