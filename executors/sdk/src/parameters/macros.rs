//! Macros that turn a declaration into a type, a parser and a table.

/// Declares parameters: a struct, its parser and its table of fields.
///
/// A field with `= default` is optional, a field without is required. `flowrun executors NAME` prints the documentation
/// comments of the fields.
///
/// ```
/// flowrun_sdk::parameters! {
///     /// Parameters of a greeter.
///     pub struct GreeterParameters {
///         /// Word before the name.
///         greeting: String = "Hello".to_owned(),
///         /// Number of repetitions.
///         times: usize,
///     }
/// }
/// use flowrun_sdk::Parameters as _;
///
/// let with = serde_json::json!({"times": 2});
/// let parsed = GreeterParameters::parse(with.as_object().unwrap()).unwrap();
/// assert_eq!((parsed.greeting.as_str(), parsed.times), ("Hello", 2));
/// ```
#[macro_export]
macro_rules! parameters {
    (
        $(#[$meta:meta])*
        $visibility:vis struct $name:ident {
            $(
                $(#[doc = $documentation:expr])*
                $field:ident: $type:ty $(= $default:expr)?
            ),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug)]
        $visibility struct $name {
            $($(#[doc = $documentation])* pub $field: $type,)*
        }

        impl $crate::Parameters for $name {
            const FIELDS: &'static [$crate::ParameterField] = &[$($crate::ParameterField {
                name: stringify!($field),
                kind: <$type as $crate::Parameter>::KIND,
                default: $crate::parameters!(@default_value $type $(, $default)?),
                documentation: concat!($($documentation, "\n",)* ""),
            },)*];

            fn parse(with: &$crate::RawParameters) -> ::std::result::Result<Self, ::std::vec::Vec<$crate::ParameterError>> {
                let mut reader = $crate::ParameterReader::new(with, Self::FIELDS);
                $(let $field = reader.read::<$type>(stringify!($field), $crate::parameters!(@default $($default)?));)*
                let errors = reader.into_errors();
                if errors.is_empty() && let ($(Some($field),)*) = ($($field,)*) {
                    return Ok(Self { $($field,)* });
                }
                Err(errors)
            }
        }
    };
    (@default_value $type:ty) => { $crate::DefaultValue::Required };
    (@default_value $type:ty, $default:expr) => {
        $crate::DefaultValue::Expression {
            source: stringify!($default),
            value: || {
                let default: $type = $default;
                $crate::Parameter::to_value(&default)
            },
        }
    };
    (@default $default:expr) => { Some($default) };
    (@default) => { None };
}

/// Declares an enum as a parameter that accepts a fixed set of words.
///
/// ```
/// flowrun_sdk::choice! {
///     /// Order of the scores.
///     pub enum Direction {
///         /// Small scores first.
///         Ascending = "ascending",
///         /// Large scores first.
///         Descending = "descending",
///     }
/// }
/// assert_eq!(Direction::Ascending.name(), "ascending");
/// ```
#[macro_export]
macro_rules! choice {
    (
        $(#[$meta:meta])*
        $visibility:vis enum $name:ident {
            $($(#[$variant_meta:meta])* $variant:ident = $word:literal),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        $visibility enum $name {
            $($(#[$variant_meta])* $variant,)*
        }

        impl $name {
            /// Word for the value in a YAML file.
            #[must_use]
            $visibility fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }
        }

        impl $crate::Parameter for $name {
            const KIND: $crate::ParameterKind = $crate::ParameterKind::Choice(&[$($word),*]);

            fn parse(value: &$crate::Value) -> Option<Self> {
                match value.as_str()? {
                    $(word if word.eq_ignore_ascii_case($word) => Some(Self::$variant),)*
                    _ => None,
                }
            }

            fn to_value(&self) -> $crate::Value {
                $crate::Value::from(self.name())
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::{AccessPaths, ParameterError, Parameters as _, RawParameters, check_parameters};

    crate::choice! {
        /// A choice.
        enum Colour {
            /// Red.
            Red = "red",
            /// Blue.
            Blue = "blue",
        }
    }

    crate::parameters! {
        /// Fields of several kinds.
        struct Sample {
            /// Required.
            size: u32,
            /// With a default.
            /// In two lines.
            ratio: f32 = 0.1,
            colour: Colour = Colour::Blue,
            limit: Option<usize> = None,
            access_paths: AccessPaths = AccessPaths::chunks(),
            box_size: [u32; 2] = [1, 2],
        }
    }

    fn with(value: Value) -> RawParameters {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn absent_fields_take_their_defaults() {
        let sample = Sample::parse(&with(json!({"size": "3"}))).unwrap();
        assert_eq!((sample.size, sample.ratio, sample.colour, sample.limit), (3, 0.1, Colour::Blue, None));
        assert_eq!((sample.access_paths, sample.box_size), (AccessPaths::chunks(), [1, 2]));
    }

    #[test]
    fn all_mistakes_are_reported_at_once() {
        let wrong = with(json!({"colour": "green", "limit": -1, "boxsize": 1}));
        let errors: Vec<String> =
            Sample::parse(&wrong).unwrap_err().iter().map(ParameterError::to_string).collect();
        assert_eq!(
            errors,
            [
                "unknown parameter `boxsize`",
                "parameter `size` is required",
                "parameter `colour` must be `red` or `blue`, but is `\"green\"`",
                "parameter `limit` must be an integer ≥ 0 or null, but is `-1`",
            ]
        );
    }

    #[test]
    fn a_table_finds_the_same_mistakes_as_the_parser() {
        for wrong in [
            json!({"colour": "green", "limit": -1, "boxsize": 1}),
            json!({"size": 4_294_967_296_u64, "ratio": "x", "access_paths": "z", "box_size": [1]}),
            json!({"size": "7", "limit": null, "colour": "RED", "box_size": [1, "2"]}),
        ] {
            let wrong = with(wrong);
            assert_eq!(
                check_parameters(Sample::FIELDS, &wrong),
                Sample::parse(&wrong).err().unwrap_or_default()
            );
        }
    }

    #[test]
    fn integers_out_of_range_or_with_a_fraction_are_invalid() {
        for value in [json!(4_294_967_296_u64), json!(1.5), json!(-1), json!("x"), json!(null), json!(1e300)]
        {
            assert!(Sample::parse(&with(json!({"size": value}))).is_err(), "{value}");
        }
        assert_eq!(Sample::parse(&with(json!({"size": 2.0}))).unwrap().size, 2);
    }

    #[test]
    fn the_table_has_name_kind_default_and_documentation() {
        let ratio = Sample::FIELDS[1];
        assert_eq!(
            (ratio.name, ratio.kind.to_string(), ratio.default()),
            ("ratio", "a number".to_owned(), Some(json!(0.1)))
        );
        assert_eq!(ratio.documentation, " With a default.\n In two lines.\n");
        assert_eq!(Sample::FIELDS[0].default(), None);
    }
}
