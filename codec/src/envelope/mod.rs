//! What surrounds the stream.
/// Bytes of a device-model signature.
pub const SIGNATURE_LENGTH: usize = 21;
/// stub
pub fn is_signature(bytes: &[u8]) -> bool {
    bytes.starts_with(b"QemuDeviceModelRecord")
}
