//! Diagnostic codes. A published code keeps its meaning.

use std::fmt;

/// Severity of a diagnostic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// For information; no action is needed.
    Note,
    /// The flow runs, but possibly not as intended.
    Warning,
    /// The flow does not run.
    Error,
}

impl Severity {
    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

macro_rules! codes {
    ($($(#[doc = $documentation:literal])+ $variant:ident = $number:literal, $slug:literal, $severity:ident $(, $trait:ident)?;)*) => {
        /// A diagnostic code.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $($(#[doc = $documentation])+ $variant,)*
        }

        impl Code {
            /// Every code, in the order of the numbers.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable number, for example `F201`.
            pub fn number(self) -> &'static str {
                match self { $(Self::$variant => $number,)* }
            }

            /// The stable name, for example `misspelt-key`.
            pub fn slug(self) -> &'static str {
                match self { $(Self::$variant => $slug,)* }
            }

            /// The severity, before the policy of a run is applied.
            pub fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity,)* }
            }

            /// True if Jina accepts the mistake, so that `--lenient` does too.
            pub fn accepted_by_jina(self) -> bool {
                match self { $(Self::$variant => codes!(@accepts $($trait)?),)* }
            }

            /// True if the flow can be drawn but not run: `flowrun graph` reports a warning instead of the error.
            pub fn blocks_run_only(self) -> bool {
                match self { $(Self::$variant => codes!(@blocks $($trait)?),)* }
            }

            /// The meaning, for the reference.
            pub fn documentation(self) -> &'static str {
                match self { $(Self::$variant => concat!($($documentation,)+),)* }
            }
        }
    };
    (@accepts accepts) => { true };
    (@accepts $($other:ident)?) => { false };
    (@blocks blocks_run) => { true };
    (@blocks $($other:ident)?) => { false };
}

codes! {
    /// A file cannot be read or used: it does not exist, is too large, is not UTF-8, or is not a certificate or key.
    FileUnreadable = "F101", "file-unreadable", Error;
    /// The file is not valid YAML.
    YamlSyntax = "F102", "yaml-syntax", Error;
    /// A mapping has the same key twice. Jina 3 silently takes the last one.
    DuplicateKey = "F103", "duplicate-key", Error, accepts;
    /// The file is nested too deeply, or too large once its aliases are expanded.
    YamlTooLarge = "F104", "yaml-too-large", Error;
    /// A variable has no value and no default. Jina 3 leaves the expression as text.
    VariableUnset = "F105", "variable-unset", Error, accepts;
    /// A text that starts with `${` is not a valid expression. Jina leaves it as text.
    MalformedExpression = "F106", "malformed-expression", Error, accepts;
    /// A reference such as `${{ root.a }}` has no target, refers to a list or mapping, or is circular.
    ReferenceUnresolved = "F107", "reference-unresolved", Error;

    /// The file is valid YAML, but not a flow.
    NotAFlow = "F201", "not-a-flow", Error;
    /// An unknown key resembles a known one. Jina ignores it.
    MisspeltKey = "F202", "misspelt-key", Error, accepts;
    /// An unknown key resembles no known one. Jina and flowrun ignore it.
    UnknownKey = "F203", "unknown-key", Warning;
    /// A value has the wrong type.
    WrongType = "F204", "wrong-type", Error;
    /// A number is too small or too large.
    OutOfRange = "F205", "out-of-range", Error;
    /// A required key is missing.
    MissingKey = "F206", "missing-key", Error;
    /// A key is accepted but has no effect, mostly because it configures Jina's internals. Reported once.
    WithoutEffect = "F207", "without-effect", Note;
    /// A known key is not supported.
    Unsupported = "F208", "unsupported", Error, blocks_run;
    /// Two pods have the same name. Jina 3 renames the second.
    DuplicateName = "F209", "duplicate-name", Error, accepts;
    /// A pod's name is not an identifier.
    BadName = "F210", "bad-name", Error;
    /// Two keys contradict each other, or are two spellings of one key.
    ConflictingKeys = "F211", "conflicting-keys", Error, accepts;
    /// The replies of the shards must be merged, but the reducer does not merge matches. Jina loses results.
    ReducerMissing = "F212", "reducer-missing", Error, accepts;
    /// The version of the file format does not exist.
    UnknownVersion = "F213", "unknown-version", Error;
    /// Jina does not read a key in this mapping; the key belongs to another one.
    MisplacedKey = "F214", "misplaced-key", Warning;
    /// A driver of Jina 0.x or 1.x has no equivalent.
    UnsupportedDriver = "F215", "unsupported-driver", Error, blocks_run;
    /// A path was found in the working directory, not in the directory of the file that names it; or the reverse, if a variable
    /// supplies its beginning.
    PathFromWorkingDirectory = "F216", "path-from-working-directory", Note;
    /// A condition on documents is not valid in docarray's query language.
    BadCondition = "F217", "bad-condition", Error;
    /// The HTTP path of an exposed endpoint is taken, or cannot be routed: the endpoint is reachable through `/post` only.
    PathTaken = "F218", "path-taken", Warning;
    /// A key has no effect here and changes results in Jina.
    ResultsDiffer = "F219", "results-differ", Warning;

    /// A pod needs a pod that does not exist. Jina 3 hangs or returns unprocessed documents.
    UnknownNeeds = "F301", "unknown-needs", Error;
    /// Pods need each other in a cycle. Jina 3 hangs.
    Cycle = "F302", "cycle", Error;
    /// A pod needs another one twice.
    DuplicateNeeds = "F303", "duplicate-needs", Warning;
    /// A pod that the reply waits for needs a floating pod.
    NeedsFloating = "F304", "needs-floating", Error;
    /// The flow has no pods: every request is returned unchanged.
    EmptyFlow = "F305", "empty-flow", Warning;

    /// The executor with this name or file was not found.
    UnresolvedExecutor = "F401", "unresolved-executor", Error, blocks_run;
    /// An executor has no such parameter. Jina ignores it.
    UnknownParameter = "F402", "unknown-parameter", Error, accepts;
    /// A required parameter of an executor is missing.
    MissingParameter = "F403", "missing-parameter", Error;
    /// A parameter has an invalid value.
    InvalidParameter = "F404", "invalid-parameter", Error;
    /// A driver names a component that the executor does not have.
    UnknownComponent = "F405", "unknown-component", Error, blocks_run;
    /// Two executors would store their data in the same directory.
    SharedWorkspace = "F406", "shared-workspace", Error;
    /// The files of an encoder's model do not exist, and the flow requests no stand-in (`stand_in: true`). Jina downloads
    /// the weights.
    ModelMissing = "F407", "model-missing", Error, blocks_run;
    /// An encoder runs without its model, as the flow requests: built-in features replace it.
    StandIn = "F408", "stand-in", Note;

    /// A plugin's file is not a shared library of this system.
    PluginNotALibrary = "F421", "plugin-not-a-library", Error;
    /// A plugin's file is truncated or damaged.
    PluginTruncated = "F422", "plugin-truncated", Error;
    /// A plugin is built for another processor.
    PluginWrongMachine = "F423", "plugin-wrong-machine", Error;
    /// A library has no note section that lists its executors. None of its code is run.
    PluginWithoutNote = "F424", "plugin-without-note", Error;
    /// A plugin uses another version of the plugin interface.
    PluginWrongVersion = "F425", "plugin-wrong-version", Error;
    /// A library does not export the entry symbol.
    PluginWithoutSymbol = "F426", "plugin-without-symbol", Error;
    /// A plugin's SHA-256 differs from the one in the flow. None of its code is run.
    PluginWrongHash = "F427", "plugin-wrong-hash", Error;
    /// A plugin is outside the flow's directory and the plugin directories.
    PluginOutside = "F428", "plugin-outside", Error;
    /// A plugin is a symbolic link to a file outside the plugin directories.
    PluginLinkOutside = "F429", "plugin-link-outside", Error;
    /// A plugin's file, or a directory that contains it, is world-writable.
    PluginWorldWritable = "F430", "plugin-world-writable", Error;
    /// Two executors of plugins have the same name.
    PluginDuplicateName = "F431", "plugin-duplicate-name", Error;

    /// An executor failed to start.
    NotStarted = "F501", "not-started", Error;
    /// An executor was not ready within `timeout_ready`.
    NotReady = "F502", "not-ready", Error;
    /// An encoder's embeddings have another length than the indexer downstream expects.
    DimensionMismatch = "F503", "dimension-mismatch", Error;
    /// Requests may occupy more memory than the machine or the container has.
    MemoryExceeded = "F504", "memory-exceeded", Warning;
    /// A plugin failed to load: a dependency is missing, or it contradicts its note section.
    PluginNotLoaded = "F511", "plugin-not-loaded", Error;
    /// A plugin's entry function returned null, or a table without a function that it must have.
    PluginNull = "F512", "plugin-null", Error;
    /// A plugin's entry function panicked.
    PluginPanicked = "F513", "plugin-panicked", Error;
    /// A plugin's entry function did not return within its time limit.
    PluginHung = "F514", "plugin-hung", Error;

    /// The batch job has no input, or the input matches no file.
    NoInput = "F601", "no-input", Error;
    /// The request has no endpoint: set one in the flow or on the command line.
    NoEndpoint = "F602", "no-endpoint", Error;
    /// The results would overwrite an input file.
    OutputIsInput = "F603", "output-is-input", Error;

    /// A placement names a pod that the flow does not have.
    UnknownPlacedPod = "F701", "unknown-placed-pod", Error;
    /// A placement has another number of shards or replicas than the flow.
    PlacementMismatch = "F702", "placement-mismatch", Error;
    /// A placement has a text that is not the address of one worker.
    InvalidAddress = "F703", "invalid-address", Error;
    /// Two workers in a placement have the same address.
    AddressTaken = "F704", "address-taken", Error;
    /// A pod cannot run on workers.
    NotPlaceable = "F705", "not-placeable", Error;
    /// A pod that stores documents has several replicas on workers, which needs replicated storage.
    ReplicatedStorage = "F706", "replicated-storage", Error;
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_ascend_and_names_are_unique() {
        let numbers: Vec<&str> = Code::ALL.iter().map(|code| code.number()).collect();
        assert!(numbers.is_sorted_by(|left, right| left < right));
        let mut slugs: Vec<&str> = Code::ALL.iter().map(|code| code.slug()).collect();
        slugs.sort_unstable();
        slugs.dedup();
        assert_eq!(slugs.len(), Code::ALL.len());
    }

    #[test]
    fn only_errors_are_accepted_by_jina() {
        for code in Code::ALL {
            assert!(!code.accepted_by_jina() || code.severity() == Severity::Error, "{code}");
        }
    }
}
