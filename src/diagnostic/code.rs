//! The kinds of diagnostics. A code, once published, keeps its meaning.

use std::fmt;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing; nothing needs to be done.
    Note,
    /// Runs, but perhaps not as meant.
    Warning,
    /// Does not run.
    Error,
}

impl Severity {
    /// The word for it.
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
        /// A kind of diagnostic.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $($(#[doc = $documentation])+ $variant,)*
        }

        impl Code {
            /// Every kind, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable number, for example `F201`.
            pub fn number(self) -> &'static str {
                match self { $(Self::$variant => $number,)* }
            }

            /// The stable name, for example `misspelt-key`.
            pub fn slug(self) -> &'static str {
                match self { $(Self::$variant => $slug,)* }
            }

            /// How bad it is, unless a run decides otherwise.
            pub fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity,)* }
            }

            /// Whether Jina lets it pass, so that `--lenient` does too.
            pub fn accepted_by_jina(self) -> bool {
                match self { $(Self::$variant => codes!(@accepts $($trait)?),)* }
            }

            /// Whether the flow can be drawn and checked all the same, so that it is an error to `run` alone.
            pub fn blocks_run_only(self) -> bool {
                match self { $(Self::$variant => codes!(@blocks $($trait)?),)* }
            }

            /// What it means.
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
    /// A file cannot be read: it is not there, too large, or not UTF-8 text.
    FileUnreadable = "F101", "file-unreadable", Error;
    /// The text is not YAML.
    YamlSyntax = "F102", "yaml-syntax", Error;
    /// A mapping has the same key twice. Jina 3 silently takes the last one.
    DuplicateKey = "F103", "duplicate-key", Error, accepts;
    /// The file nests too deeply, or is too large once its aliases are expanded.
    YamlTooLarge = "F104", "yaml-too-large", Error;
    /// A variable has no value and no default. Jina 3 leaves the expression as text.
    VariableUnset = "F105", "variable-unset", Error, accepts;
    /// An expression starts with `${` and is none of the known forms.
    MalformedExpression = "F106", "malformed-expression", Error;
    /// A reference such as `${{ root.a }}` leads nowhere, to a list or mapping, or in a circle.
    ReferenceUnresolved = "F107", "reference-unresolved", Error;

    /// The file is YAML, but not a flow.
    NotAFlow = "F201", "not-a-flow", Error;
    /// A key is not known here and looks like a misspelling of one that is. Jina ignores it.
    MisspeltKey = "F202", "misspelt-key", Error, accepts;
    /// A key is not known here and resembles none that is. Jina ignores it, and so do we.
    UnknownKey = "F203", "unknown-key", Warning;
    /// A value has the wrong type.
    WrongType = "F204", "wrong-type", Error;
    /// A number is too small or too large.
    OutOfRange = "F205", "out-of-range", Error;
    /// A key that is needed is missing.
    MissingKey = "F206", "missing-key", Error;
    /// A key of Jina's own machinery: accepted, without effect. Noted once.
    WithoutEffect = "F207", "without-effect", Note;
    /// A key whose meaning is known and is not available.
    Unsupported = "F208", "unsupported", Error, blocks_run;
    /// Two pods have the same name. Jina 3 renames the second.
    DuplicateName = "F209", "duplicate-name", Error, accepts;
    /// A pod's name is not an identifier.
    BadName = "F210", "bad-name", Error;
    /// Two keys that say the same thing stand side by side.
    ConflictingKeys = "F211", "conflicting-keys", Error, accepts;
    /// Replies of several shards have to be merged, and the reducer does not merge matches. Jina loses results.
    ReducerMissing = "F212", "reducer-missing", Error, accepts;
    /// The version of the flow file is not one that exists.
    UnknownVersion = "F213", "unknown-version", Error;
    /// A key stands in a place where Jina does not read it; it means something in another.
    MisplacedKey = "F214", "misplaced-key", Warning;
    /// A driver of Jina 0.x or 1.x that has no counterpart.
    UnsupportedDriver = "F215", "unsupported-driver", Error, blocks_run;
    /// A path was found from the working directory and not beside the file that names it.
    PathFromWorkingDirectory = "F216", "path-from-working-directory", Note;
    /// A condition on documents is not in docarray's query language.
    BadCondition = "F217", "bad-condition", Error;
    /// The HTTP path of an exposed endpoint is taken, or cannot be routed: the endpoint is reachable through `/post` only.
    PathTaken = "F218", "path-taken", Warning;

    /// A pod needs one that does not exist. Jina 3 hangs or answers with unprocessed documents.
    UnknownNeeds = "F301", "unknown-needs", Error;
    /// Pods need each other in a circle. Jina 3 hangs.
    Cycle = "F302", "cycle", Error;
    /// A pod needs the same one twice.
    DuplicateNeeds = "F303", "duplicate-needs", Warning;
    /// A pod that is waited for needs one that is not.
    NeedsFloating = "F304", "needs-floating", Error;
    /// The flow has no pods: every request comes back as it went in.
    EmptyFlow = "F305", "empty-flow", Warning;

    /// No executor of that name or file can be found.
    UnresolvedExecutor = "F401", "unresolved-executor", Error, blocks_run;
    /// An executor has no such parameter. Jina ignores it.
    UnknownParameter = "F402", "unknown-parameter", Error, accepts;
    /// A parameter that an executor needs is missing.
    MissingParameter = "F403", "missing-parameter", Error;
    /// A parameter's value does not fit.
    InvalidParameter = "F404", "invalid-parameter", Error;
    /// A driver names a component that the executor does not have.
    UnknownComponent = "F405", "unknown-component", Error, blocks_run;
    /// Two executors would store what they are given in the same directory.
    SharedWorkspace = "F406", "shared-workspace", Error;

    /// A plugin's file is no shared library of this system.
    PluginNotALibrary = "F421", "plugin-not-a-library", Error;
    /// A plugin's file is shorter than it says, or damaged.
    PluginTruncated = "F422", "plugin-truncated", Error;
    /// A plugin is made for another processor.
    PluginWrongMachine = "F423", "plugin-wrong-machine", Error;
    /// A library carries no note that says what it offers. Nothing of it is executed.
    PluginWithoutNote = "F424", "plugin-without-note", Error;
    /// A plugin speaks another version of the boundary.
    PluginWrongVersion = "F425", "plugin-wrong-version", Error;
    /// A library does not export the symbol that everything begins with.
    PluginWithoutSymbol = "F426", "plugin-without-symbol", Error;
    /// A plugin's bytes are not those whose SHA-256 the flow says. Nothing of it is executed.
    PluginWrongHash = "F427", "plugin-wrong-hash", Error;
    /// A plugin is not beneath the flow's directory, nor beneath a directory for plugins.
    PluginOutside = "F428", "plugin-outside", Error;
    /// A plugin is a link that leads out of the directories for plugins.
    PluginLinkOutside = "F429", "plugin-link-outside", Error;
    /// Everybody may write to a plugin's file, or to a directory that it is in.
    PluginWorldWritable = "F430", "plugin-world-writable", Error;
    /// Two executors of plugins have the same name.
    PluginDuplicateName = "F431", "plugin-duplicate-name", Error;

    /// An executor could not be started.
    NotStarted = "F501", "not-started", Error;
    /// An executor was not ready in time.
    NotReady = "F502", "not-ready", Error;
    /// An encoder makes embeddings of another length than the indexer behind it reads.
    DimensionMismatch = "F503", "dimension-mismatch", Error;
    /// A plugin could not be loaded: it lacks something, or does not do what its note says.
    PluginNotLoaded = "F511", "plugin-not-loaded", Error;
    /// A plugin's first function returned nothing.
    PluginNull = "F512", "plugin-null", Error;
    /// A plugin's first function panicked.
    PluginPanicked = "F513", "plugin-panicked", Error;
    /// A plugin's first function did not return in time.
    PluginHung = "F514", "plugin-hung", Error;

    /// The batch job has no input, or the input matches no file.
    NoInput = "F601", "no-input", Error;
    /// The request has no endpoint: neither the flow nor the command line says which.
    NoEndpoint = "F602", "no-endpoint", Error;
    /// The results would be written over a file that they come from.
    OutputIsInput = "F603", "output-is-input", Error;
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
    fn numbers_and_names_are_unique_and_ascend() {
        let numbers: Vec<&str> = Code::ALL.iter().map(|code| code.number()).collect();
        assert!(numbers.is_sorted_by(|left, right| left < right));
        let mut slugs: Vec<&str> = Code::ALL.iter().map(|code| code.slug()).collect();
        slugs.sort_unstable();
        slugs.dedup();
        assert_eq!(slugs.len(), Code::ALL.len());
    }

    #[test]
    fn only_errors_need_leniency() {
        for code in Code::ALL {
            assert!(!code.accepted_by_jina() || code.severity() == Severity::Error, "{code}");
        }
    }
}
