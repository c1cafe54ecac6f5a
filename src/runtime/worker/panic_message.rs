//! The message of a panic.

use std::any::Any;

/// The text of a panic's payload, or `no message`.
pub(super) fn panic_message(payload: &(dyn Any + Send)) -> String {
    flowrun_sdk::panic_message(payload).to_owned()
}
