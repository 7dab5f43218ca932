#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    psi_native_fuzz::run("vole_parts", data);
});
