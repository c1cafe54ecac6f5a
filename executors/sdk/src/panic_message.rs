//! The message of a caught panic.

use std::any::Any;

/// Returns the message of a panic from its payload, or `no message` if the payload is not a string.
///
/// ```
/// let payload = std::panic::catch_unwind(|| -> u32 { panic!("row {}", 7) }).unwrap_err();
/// assert_eq!(flowrun_sdk::panic_message(&*payload), "row 7");
/// ```
#[must_use]
pub fn panic_message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("no message")
}
