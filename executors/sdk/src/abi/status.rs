//! Conversion between [`ErrorKind`] and the status codes `FLOWRUN_…` of the C interface.

use super::table::{
    FLOWRUN_CANCELLED, FLOWRUN_EXPIRED, FLOWRUN_INPUT, FLOWRUN_INTERNAL, FLOWRUN_PARAMETER, FLOWRUN_RESOURCE,
};
use crate::ErrorKind;

/// Status code of an error kind.
pub fn status(kind: ErrorKind) -> u32 {
    match kind {
        ErrorKind::Input => FLOWRUN_INPUT,
        ErrorKind::Parameter => FLOWRUN_PARAMETER,
        ErrorKind::Resource => FLOWRUN_RESOURCE,
        ErrorKind::Cancelled => FLOWRUN_CANCELLED,
        ErrorKind::Expired => FLOWRUN_EXPIRED,
        ErrorKind::Internal => FLOWRUN_INTERNAL,
    }
}

/// Error kind of a status code; [`ErrorKind::Internal`] for unknown codes.
pub fn error_kind(status: u32) -> ErrorKind {
    match status {
        FLOWRUN_INPUT => ErrorKind::Input,
        FLOWRUN_PARAMETER => ErrorKind::Parameter,
        FLOWRUN_RESOURCE => ErrorKind::Resource,
        FLOWRUN_CANCELLED => ErrorKind::Cancelled,
        FLOWRUN_EXPIRED => ErrorKind::Expired,
        _ => ErrorKind::Internal,
    }
}
