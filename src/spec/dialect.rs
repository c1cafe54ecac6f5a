//! Which dialect a file speaks. Decided by the shape of the file, never by single keys.

use crate::diagnostic::{Code, Diagnostic, Report, did_you_mean};
use crate::yaml::{Node, Schema};

/// The dialects that are told apart.
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
    /// How plain texts get their types.
    pub fn schema(self) -> Schema {
        match self {
            Self::Legacy => Schema::Yaml12,
            Self::List | Self::Modern | Self::Deployment => Schema::Yaml11,
        }
    }

    /// What to call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Legacy => "Jina 0.x",
            Self::List => "Jina 1.x",
            Self::Modern => "Jina 2 and 3",
            Self::Deployment => "Jina 3 Deployment",
        }
    }

    /// The dialect of the file whose tree is `root`.
    pub(super) fn detect(root: &Node, report: &mut Report) -> Option<Self> {
        let class = root.class();
        let Some(mapping) = root.mapping() else {
            report.push(not_a_flow(root, "a flow is a mapping, with `pods:` or `executors:`"));
            return None;
        };
        if let Some(class) = class {
            match class.value {
                "Flow" | "AsyncFlow" => {}
                "Deployment" => return Some(Self::Deployment),
                other => {
                    let message = format!("this is a `{other}`, not a `Flow`");
                    let meant = did_you_mean(other, ["Flow", "Deployment"]);
                    report.push(Diagnostic::at(Code::NotAFlow, class.span, message).maybe_help(meant));
                    return None;
                }
            }
        }
        let pods = mapping.get("pods");
        let executors = mapping.get("executors").or_else(|| mapping.get("deployments"));
        match (pods, executors) {
            (Some(pods), None) if pods.mapping().is_some() => Some(Self::Legacy),
            (Some(pods), None) if pods.sequence().is_some() => Some(Self::List),
            // An echo flow: neither names a pod. Its tag tells which world it comes from.
            (Some(pods), None) if pods.is_null() => Some(Self::Legacy),
            (None, Some(_)) => Some(Self::Modern),
            (None, None) if class.is_some() => Some(Self::Modern),
            (None, None) => {
                report.push(not_a_flow(root, "there are neither `pods:` nor `executors:` here"));
                None
            }
            (Some(pods), None) => {
                report.push(not_a_flow(
                    pods,
                    "`pods` must be a mapping by name (Jina 0.x) or a list (Jina 1.x)",
                ));
                None
            }
            (Some(pods), Some(executors)) => {
                let both = not_a_flow(pods, "`pods` and `executors` stand side by side");
                report.push(
                    both.label(executors.span, "of another version of Jina").help("keep one of the two"),
                );
                None
            }
        }
    }
}

fn not_a_flow(node: &Node, message: &str) -> Diagnostic {
    Diagnostic::at(Code::NotAFlow, node.span, message)
}
