//! The plugin's side: the one symbol, and the table behind it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::exported::{close, create, destroy, execute, panic_message};
use super::log;
use super::table::{
    FLOWRUN_ABI_VERSION, FLOWRUN_INTERNAL, FLOWRUN_PANIC, FlowrunBytes, FlowrunHost, FlowrunPlugin,
};
use crate::{BuildError, ExecutorType};

/// What a library offers; implemented by [`export_executor!`](crate::export_executor!).
pub trait Library: 'static {
    /// Its executors.
    const TYPES: &'static [ExecutorType];

    /// What its note says.
    fn json() -> &'static [u8];

    /// Called once, when it was loaded.
    ///
    /// # Errors
    /// Why it cannot be used.
    fn init() -> Result<(), BuildError>;
}

/// The functions of a library.
pub const fn table<L: Library>() -> FlowrunPlugin {
    FlowrunPlugin {
        size: size_of::<FlowrunPlugin>(),
        abi_version: FLOWRUN_ABI_VERSION,
        describe: describe::<L>,
        create: create::<L>,
        execute,
        close: Some(close),
        destroy,
    }
}

unsafe extern "C" fn describe<L: Library>() -> FlowrunBytes {
    FlowrunBytes::of(L::json())
}

/// What the symbol does: its lines go to the host's log from now on, and `init` is called. Returns `table`, or null.
///
/// # Safety
/// `host` is what the host gave.
pub unsafe fn plugin<L: Library>(
    host: *const FlowrunHost,
    table: &'static FlowrunPlugin,
) -> *const FlowrunPlugin {
    // SAFETY: the host's table is valid until the process ends.
    let Some(host) = (unsafe { host.as_ref() }) else { return std::ptr::null() };
    let unusable = |kind: u32, reason: &str| {
        // SAFETY: the reason outlives the call.
        unsafe { (host.unusable)(kind, FlowrunBytes::of(reason.as_bytes())) };
        std::ptr::null()
    };
    let init = || {
        log::install(host);
        L::init()
    };
    match catch_unwind(AssertUnwindSafe(init)) {
        Ok(Ok(())) => table,
        Ok(Err(error)) => unusable(FLOWRUN_INTERNAL, &error.to_string()),
        Err(payload) => unusable(FLOWRUN_PANIC, &panic_message(&*payload)),
    }
}

/// Exports executors from a shared library (`crate-type = ["cdylib"]`): the symbol `flowrun_plugin`, and the note that
/// says what there is. Once in a library, with all its executors:
///
/// ```
/// # mod mine {
/// # flowrun_sdk::parameters! {
/// #     /// None.
/// #     pub(crate) struct Nothing {}
/// # }
/// # use flowrun_sdk::{BuildError, ExecutorType};
/// # pub(crate) const ONE: ExecutorType = ExecutorType::new::<Nothing>("One", "", |_| Err(BuildError::failed("no")));
/// # pub(crate) const TWO: ExecutorType = ExecutorType::new::<Nothing>("Two", "", |_| Err(BuildError::failed("no")));
/// # }
/// # use mine::{ONE, TWO};
/// # use flowrun_sdk::export_executor;
/// export_executor!(ONE, TWO; init = start);
///
/// /// Called once, when the library was loaded. `; init = …` may be left out.
/// fn start() -> Result<(), flowrun_sdk::BuildError> {
///     Ok(())
/// }
/// ```
#[macro_export]
macro_rules! export_executor {
    ($($kind:expr),+ $(,)?) => {
        $crate::export_executor!($($kind),+; init = || Ok(()));
    };
    ($($kind:expr),+; init = $init:expr) => {
        const _: () = {
            struct Exports;

            const TYPES: &[$crate::ExecutorType] = &[$($kind),+];
            const NAME: &str = env!("CARGO_PKG_NAME");
            const VERSION: &str = env!("CARGO_PKG_VERSION");
            const LENGTH: usize = $crate::abi::note_length(TYPES, NAME, VERSION);

            // Whether unsafe code is a lint is for the crate to say in which this stands, so nothing can be expected.
            #[used]
            #[allow(unsafe_code)]
            #[unsafe(link_section = ".note.flowrun")]
            static NOTE: $crate::abi::Note<LENGTH> = $crate::abi::Note::new(TYPES, NAME, VERSION);

            impl $crate::abi::Library for Exports {
                const TYPES: &'static [$crate::ExecutorType] = TYPES;

                fn json() -> &'static [u8] {
                    NOTE.json()
                }

                fn init() -> ::std::result::Result<(), $crate::BuildError> {
                    let init: fn() -> ::std::result::Result<(), $crate::BuildError> = $init;
                    init()
                }
            }

            static TABLE: $crate::abi::FlowrunPlugin = $crate::abi::table::<Exports>();

            /// Where flowrun begins.
            ///
            /// # Safety
            /// The host's table is the host's.
            #[allow(unsafe_code)]
            #[unsafe(no_mangle)]
            pub unsafe extern "C" fn flowrun_plugin(
                host: *const $crate::abi::FlowrunHost,
            ) -> *const $crate::abi::FlowrunPlugin {
                // SAFETY: as the host promises.
                unsafe { $crate::abi::plugin::<Exports>(host, &TABLE) }
            }
        };
    };
}
