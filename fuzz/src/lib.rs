//! What the binaries share. What they do with an input is in `targets/`, which builds on stable.

#[doc(hidden)]
pub use {ia64save_fuzz_targets, libfuzzer_sys};

/// A target whose inputs are streams, with the mutator that knows their parts.
#[macro_export]
macro_rules! stream_target {
    ($name:ident) => {
        $crate::libfuzzer_sys::fuzz_target!(|data: &[u8]| {
            $crate::ia64save_fuzz_targets::$name(data);
        });
        $crate::libfuzzer_sys::fuzz_mutator!(
            |data: &mut [u8], size: usize, max_size: usize, seed: u32| {
                $crate::ia64save_fuzz_targets::mutator::mutate(
                    data,
                    size,
                    max_size,
                    seed,
                    $crate::libfuzzer_sys::fuzzer_mutate,
                )
            }
        );
    };
}
