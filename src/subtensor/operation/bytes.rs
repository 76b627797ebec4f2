//! An operation as the bytes of its call, which an announcement has the hash of, and which another tool may have made.

use super::Operation;
use crate::subtensor::{Subtensor, SubtensorError};

impl Subtensor {
    /// The bytes of an operation's call, as the present runtime has them.
    ///
    /// # Errors
    /// The runtime does not have the call with these arguments, or the chain cannot be read.
    pub async fn call_data(&self, operation: &Operation) -> Result<Vec<u8>, SubtensorError> {
        let call = &operation.call;
        self.ask(&format!("the bytes of {call}"), |at| async move { Ok(at.runtime.call_data(call, at.block)?) }).await
    }

    /// The operation whose call these bytes are.
    ///
    /// # Errors
    /// They are no call of the present runtime, or the chain cannot be read.
    pub async fn operation_of(&self, call_data: &[u8]) -> Result<Operation, SubtensorError> {
        let what = format!("a call of {} bytes", call_data.len());
        self.ask(&what, |at| async move { Ok(Operation { call: at.runtime.call_of(call_data, at.block)? }) }).await
    }
}
