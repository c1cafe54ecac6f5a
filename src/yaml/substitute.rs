//! Replaces the expressions of a whole tree by their values.
//!
//! Variables come first; then references, in rounds, each as soon as its target is expanded.

use super::environment::Environment;
use super::expand::Expander;
use super::expression::{Part, parts};
use super::node::{Node, Scalar, Value};
use crate::diagnostic::{Report, Span, VariableTexts};
use crate::limits::REFERENCE_STEPS_MAX;

/// Substitutes every expression in `root`, except in keys.
pub(super) fn substitute(
    root: &mut Node,
    environment: &Environment,
    variables: &mut VariableTexts,
    report: &mut Report,
) {
    let mut expander = Expander { environment, variables, report };
    let mut pending = false;
    let before = root.clone();
    each_scalar(root, &before, &before, &mut |scalar, span, _| {
        if has_reference(scalar) {
            pending = true;
        } else if scalar.written.contains('$') {
            expander.expand(scalar, span, &|_, _| None);
        }
    });
    for round in 1..=REFERENCE_STEPS_MAX {
        if pending {
            pending = expand_references(root, &mut expander, round == REFERENCE_STEPS_MAX);
        }
    }
}

/// Expands the references whose targets are expanded, or every one in the `last` round. Returns whether some are left.
fn expand_references(root: &mut Node, expander: &mut Expander<'_>, last: bool) -> bool {
    let snapshot = root.clone();
    let mut pending = false;
    each_scalar(root, &snapshot, &snapshot, &mut |scalar, span, this| {
        if is_expanded(scalar) {
            return;
        }
        let target = |from_root, path: &str| {
            let start = if from_root { &snapshot } else { this };
            descend(start, path).and_then(Node::scalar)
        };
        let ready = parts(&scalar.written).iter().all(|part| match part {
            Part::Reference { from_root, path, .. } => target(*from_root, path).is_none_or(is_expanded),
            _ => true,
        });
        if ready || last {
            let text =
                |from_root, path: &str| target(from_root, path).filter(|target| is_expanded(target)).cloned();
            expander.expand(scalar, span, &text);
        } else {
            pending = true;
        }
    });
    pending
}

/// True if the scalar, as written, contains a reference.
fn has_reference(scalar: &Scalar) -> bool {
    scalar.written.contains(['$', '{'])
        && parts(&scalar.written).iter().any(|part| matches!(part, Part::Reference { .. }))
}

/// True if the scalar's text is final.
fn is_expanded(scalar: &Scalar) -> bool {
    scalar.text != scalar.written || !has_reference(scalar)
}

/// Calls `action` with every scalar in `node`, its span, and the mapping that contains it, in `snapshot`, a copy of the
/// tree.
fn each_scalar<'k>(
    node: &mut Node,
    snapshot: &'k Node,
    this: &'k Node,
    action: &mut dyn FnMut(&mut Scalar, Span, &'k Node),
) {
    match (&mut node.value, &snapshot.value) {
        (Value::Scalar(scalar), _) => action(scalar, node.span, this),
        (Value::Sequence(items), Value::Sequence(copies)) => {
            items.iter_mut().zip(copies).for_each(|(item, copy)| each_scalar(item, copy, this, action));
        }
        (Value::Mapping(mapping), Value::Mapping(copies)) => {
            let pairs = mapping.0.iter_mut().zip(&copies.0);
            pairs.for_each(|((_, value), (_, copy))| each_scalar(value, copy, snapshot, action));
        }
        _ => {}
    }
}

/// The node at `path`, such as `a[0].b`, relative to `node`.
fn descend<'a>(mut node: &'a Node, path: &str) -> Option<&'a Node> {
    for step in path.split('.') {
        let (name, indices) = step.split_at(step.find('[').unwrap_or(step.len()));
        node = node.mapping()?.get(name.trim())?;
        for index in indices.split_terminator(']') {
            let index: usize = index.strip_prefix('[')?.trim().parse().ok()?;
            node = node.sequence()?.get(index)?;
        }
    }
    Some(node)
}
