//! Check that this processor has the instruction sets for which FAISS and the C++ code of this crate were compiled.

/// Instruction sets enabled in the C++ compiler, as its macro names without underscores; empty when the build script could
/// not query the compiler.
const COMPILED: &str = env!("FLOWRUN_CXX_MACROS");

/// Instruction sets that a compiler uses without being requested per function: the compiler's macro name and the name for
/// run-time detection.
macro_rules! instruction_sets {
    ($($macro_name:literal => $feature:tt),* $(,)?) => {
        /// Macro names of the instruction sets.
        const NAMES: &[&str] = &[$($macro_name),*];

        /// True if the processor has an instruction set; `None` when the macro is not one of an instruction set.
        #[cfg(target_arch = "x86_64")]
        fn has(macro_name: &str) -> Option<bool> {
            match macro_name {
                $($macro_name => Some(std::arch::is_x86_feature_detected!($feature)),)*
                _ => None,
            }
        }

        #[cfg(not(target_arch = "x86_64"))]
        fn has(_: &str) -> Option<bool> {
            None
        }
    };
}

instruction_sets! {
    "SSE3" => "sse3", "SSSE3" => "ssse3", "SSE4_1" => "sse4.1", "SSE4_2" => "sse4.2", "SSE4A" => "sse4a",
    "POPCNT" => "popcnt", "LZCNT" => "lzcnt", "BMI" => "bmi1", "BMI2" => "bmi2", "MOVBE" => "movbe", "ADX" => "adx",
    "AVX" => "avx", "AVX2" => "avx2", "FMA" => "fma", "F16C" => "f16c", "AVXVNNI" => "avxvnni",
    "AVX512F" => "avx512f", "AVX512CD" => "avx512cd", "AVX512BW" => "avx512bw", "AVX512DQ" => "avx512dq",
    "AVX512VL" => "avx512vl", "AVX512IFMA" => "avx512ifma", "AVX512VBMI" => "avx512vbmi",
    "AVX512VBMI2" => "avx512vbmi2", "AVX512VNNI" => "avx512vnni", "AVX512BITALG" => "avx512bitalg",
    "AVX512VPOPCNTDQ" => "avx512vpopcntdq", "AVX512BF16" => "avx512bf16", "AVX512FP16" => "avx512fp16",
    "AVX512VP2INTERSECT" => "avx512vp2intersect", "GFNI" => "gfni", "VAES" => "vaes", "VPCLMULQDQ" => "vpclmulqdq",
}

/// Description of the build: the version of FAISS, the instruction sets for which it was compiled, and the library for matrix
/// products.
#[must_use]
pub fn build_description() -> String {
    let is_compiled = |name: &&&str| COMPILED.split(' ').any(|compiled| compiled == **name);
    let sets: Vec<&str> = NAMES.iter().filter(is_compiled).copied().collect();
    let sets = if sets.is_empty() { "the baseline instructions".to_owned() } else { sets.join(" ") };
    format!("FAISS {} for {sets}; matrix products by matrixmultiply", crate::ann::version())
}

/// Checks that this processor has every instruction set that the program was compiled for. Must run first: an unsupported
/// instruction would kill the process without a message.
///
/// # Errors
/// The missing instruction sets, and how to build for this processor.
pub fn check_processor() -> Result<(), String> {
    check(COMPILED, has)
}

fn check(compiled: &str, has: impl Fn(&str) -> Option<bool>) -> Result<(), String> {
    let missing: Vec<&str> = compiled.split(' ').filter(|name| has(name) == Some(false)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(format!(
        "this program was built for a processor with {}, which this one lacks: build it on this machine, or, for every \
         x86-64 processor with AVX2, by `CXXFLAGS='-O3 -march=x86-64-v3' cargo build --release --target-dir target/portable`",
        missing.join(" ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_build_machine_passes_the_check() {
        assert_eq!(check_processor(), Ok(()));
        assert!(build_description().starts_with("FAISS 1."), "{}", build_description());
    }

    #[test]
    fn missing_instruction_sets_are_named() {
        let has = |name: &str| Some(name == "AVX2");
        let error = check("AVX2 AVX512F AVX512BW", has).unwrap_err();
        assert!(error.contains("a processor with AVX512F AVX512BW, which this one lacks"), "{error}");
        assert_eq!(check("AVX2", has), Ok(()));
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn compiler_macros_are_recorded_and_known() {
        assert!(COMPILED.split(' ').any(|name| name == "OPTIMIZE" || name == "SSE2"), "{COMPILED}");
        for name in COMPILED.split(' ').filter(|name| name.starts_with("AVX")) {
            assert!(has(name).is_some(), "{name} is not in the table");
        }
        assert_eq!(has("SSE2_MATH"), None);
    }
}
