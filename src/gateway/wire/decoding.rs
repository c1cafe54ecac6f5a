//! The memory that decoding a message may take: bounded in relation to the message, and taken from the capacity of the
//! gateway before it is allocated.

use flowrun_sdk::{DecodeBudget, DecodeBudgetError, RequestParameters};
use flowrun_wire::{WireError, decode_object_within};

use crate::gateway::bytes_permit::{BytesPermit, bytes_exceeded};
use crate::gateway::request::Rejection;
use crate::limits::{DECODED_BYTES_FREE, DECODED_DOCUMENT_BYTES, DECODED_RATIO_MAX, REQUEST_DOCUMENTS_MAX};
use crate::topology::format_bytes;

/// Part of [`DECODED_BYTES_FREE`] that is kept for a rejection, which is made when the rest of the budget is used up.
const REJECTION_BYTES: usize = 1 << 10;

/// The budget for decoding a message of `bytes` bytes. `permit` holds the capacity for the message, and grows by the
/// memory that is taken from the budget.
pub(in crate::gateway) fn decode_budget(bytes: usize, permit: &BytesPermit) -> DecodeBudget<'_> {
    let held = permit.bytes();
    let free = DECODED_BYTES_FREE - REJECTION_BYTES;
    DecodeBudget::new(bytes.saturating_mul(DECODED_RATIO_MAX).saturating_add(free))
        .with_documents(REQUEST_DOCUMENTS_MAX, DECODED_DOCUMENT_BYTES)
        .with_reservation(move |decoded| permit.try_grow_to(held + decoded).is_ok())
}

/// Rejection of a message that is malformed or exceeds its budget.
pub(in crate::gateway) fn decode_rejection(error: &WireError) -> Rejection {
    match error {
        WireError::Budget(error) => budget_rejection(*error),
        error => Rejection::Invalid(error.to_string()),
    }
}

/// Decodes the parameters of a request.
///
/// # Errors
/// The rejection of parameters that cannot be read, or exceed the budget.
pub(in crate::gateway) fn decode_parameters(
    encoded: &[u8],
    budget: &DecodeBudget<'_>,
) -> Result<RequestParameters, Rejection> {
    decode_object_within(encoded, budget).map_err(|error| match error {
        WireError::Budget(error) => budget_rejection(error),
        error => Rejection::Invalid(format!("the parameters cannot be read: {error}")),
    })
}

/// Rejection of a message that exceeds its budget.
pub(super) fn budget_rejection(error: DecodeBudgetError) -> Rejection {
    match error {
        DecodeBudgetError::NoCapacity => bytes_exceeded(),
        DecodeBudgetError::TooManyDocuments { documents_max } => too_many_documents(documents_max),
        DecodeBudgetError::TooLarge { bytes_max } => Rejection::TooLarge(format!(
            "decoded, the request would occupy more than {max}, the maximum for its size ({DECODED_RATIO_MAX} bytes for \
            each byte sent, and {each} for each document): it has too many small values; send fewer documents at a time, \
            and vectors as `embedding` or `tensor` instead of as tags or parameters",
            max = format_bytes(bytes_max),
            each = format_bytes(DECODED_DOCUMENT_BYTES),
        )),
        error => Rejection::TooLarge(format!("the request is too large: {error}; send fewer at a time")),
    }
}

/// Rejection of a request with more documents than allowed.
pub(in crate::gateway) fn too_many_documents(documents_max: usize) -> Rejection {
    Rejection::TooLarge(format!(
        "the request has more than the {documents_max} documents allowed; send several requests"
    ))
}
