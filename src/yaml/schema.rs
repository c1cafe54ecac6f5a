//! The schemas that give plain scalars their types.

/// YAML schema: selects which plain scalars are numbers and booleans.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Schema {
    /// YAML 1.2, for Jina 0.x: only `true` and `false` are booleans, `014` is decimal.
    Yaml12,
    /// YAML 1.1 as Jina 2 and 3 read it: `yes` and `no` are booleans, `014` is octal, `08` is decimal.
    #[default]
    Yaml11,
}
