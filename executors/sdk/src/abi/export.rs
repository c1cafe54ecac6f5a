//! Exporting executors from a shared library.

use crate::{BuildError, ExecutorType};

/// Contents of a library, implemented by [`export_executor!`](crate::export_executor!).
pub trait Library: 'static {
    /// Executor types of the library.
    const TYPES: &'static [ExecutorType];

    /// JSON in the [`Note`](super::Note) of the library, which describes its executors.
    fn json() -> &'static [u8];

    /// Initializes the library. Called once, after it was loaded.
    ///
    /// # Errors
    /// The reason why the library cannot be used.
    fn init() -> Result<(), BuildError>;
}

/// Exports executor types from a shared library (`crate-type = ["cdylib"]`): the function `flowrun_plugin`, and the note
/// that describes the executors. Used once per library, with all its executors:
///
/// ```
/// # mod mine {
/// # flowrun_sdk::parameters! {
/// #     /// No parameters.
/// #     pub(crate) struct NoParameters {}
/// # }
/// # use flowrun_sdk::{BuildError, ExecutorType};
/// # pub(crate) const ONE: ExecutorType = ExecutorType::new::<NoParameters>("One", "", |_| Err(BuildError::failed("no")));
/// # pub(crate) const TWO: ExecutorType = ExecutorType::new::<NoParameters>("Two", "", |_| Err(BuildError::failed("no")));
/// # }
/// # use mine::{ONE, TWO};
/// # use flowrun_sdk::export_executor;
/// export_executor!(ONE, TWO; init = start);
///
/// /// Called once, after the library was loaded. `; init = …` is optional.
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

            // `expect` would fail in crates that do not enable the lint.
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

            static TABLE: $crate::abi::FlowrunPlugin = $crate::abi::plugin_table::<Exports>();

            /// Entry point of the library.
            ///
            /// # Safety
            /// `host` points to the host's table.
            #[allow(unsafe_code)]
            #[unsafe(no_mangle)]
            pub unsafe extern "C" fn flowrun_plugin(
                host: *const $crate::abi::FlowrunHost,
            ) -> *const $crate::abi::FlowrunPlugin {
                // SAFETY: the host guarantees it.
                unsafe { $crate::abi::start_plugin::<Exports>(host, &TABLE) }
            }
        };
    };
}
