//! Dialects of flow files. A file's dialect follows from its shape, never from single keys.

use super::keys::{EXECUTORS, PODS};
use crate::diagnostic::{Code, Diagnostic, Report, did_you_mean};
use crate::yaml::{Node, Schema};

/// A dialect of flow files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Jina 0.0.8 to 0.9: `pods` is a mapping by name.
    Legacy,
    /// Jina 0.8 to 1.x: `pods` is a list.
    List,
    /// Jina 2 and 3: `executors` or `deployments`.
    Modern,
    /// Jina 3.14 and later: one executor, served as a flow.
    Deployment,
}

impl Dialect {
    /// The YAML schema that gives plain scalars their types.
    pub fn schema(self) -> Schema {
        match self {
            Self::Legacy => Schema::Yaml12,
            Self::List | Self::Modern | Self::Deployment => Schema::Yaml11,
        }
    }

    /// The name of the dialect in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Legacy => "Jina 0.x",
            Self::List => "Jina 1.x",
            Self::Modern => "Jina 2 and 3",
            Self::Deployment => "Jina 3 Deployment",
        }
    }

    /// The dialect of the file with the tree `root`; `None`, and a report, when it is not a flow.
    pub(super) fn detect(root: &Node, report: &mut Report) -> Option<Self> {
        let class = root.class();
        let Some(mapping) = root.mapping() else {
            report.push(not_a_flow(root, "a flow must be a mapping with `pods:` or `executors:`"));
            return None;
        };
        if let Some(class) = class {
            match class.value {
                "Flow" | "AsyncFlow" => {}
                "Deployment" => return Some(Self::Deployment),
                other => {
                    let message = format!("this is a `{other}`, not a `Flow`");
                    let suggestion = did_you_mean(other, ["Flow", "Deployment"]);
                    report.push(Diagnostic::at(Code::NotAFlow, class.span, message).maybe_help(suggestion));
                    return None;
                }
            }
        }
        let pods = mapping.get(PODS.name().as_str());
        let executors = mapping.get(EXECUTORS.name().as_str()).or_else(|| mapping.get("deployments"));
        match (pods, executors) {
            (Some(pods), None) if pods.mapping().is_some() => Some(Self::Legacy),
            (Some(pods), None) if pods.sequence().is_some() => Some(Self::List),
            // A flow without pods. Only a class or an empty `pods` shows the version.
            (Some(pods), None) if pods.is_null() => Some(Self::Legacy),
            (None, Some(_)) => Some(Self::Modern),
            (None, None) if class.is_some() => Some(Self::Modern),
            (None, None) => {
                report.push(not_a_flow(root, "the file has neither `pods:` nor `executors:`"));
                None
            }
            (Some(pods), None) => {
                let message = "`pods` must be a mapping by name (Jina 0.x) or a list (Jina 1.x)";
                report.push(not_a_flow(pods, message));
                None
            }
            (Some(pods), Some(executors)) => {
                let both = not_a_flow(pods, "a flow cannot have both `pods` and `executors`");
                let both = both.label(executors.span, "key of another version of Jina");
                report.push(both.help("remove one of the two"));
                None
            }
        }
    }
}

fn not_a_flow(node: &Node, message: &str) -> Diagnostic {
    Diagnostic::at(Code::NotAFlow, node.span, message)
}
