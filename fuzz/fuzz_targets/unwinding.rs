#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ia64save_fuzz_targets::unwinding(data));
