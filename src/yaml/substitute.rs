//! Puts values in place of the expressions of a whole tree.
//!
//! Variables everywhere first; then references, round by round, each as soon as what it leads to is settled.

use super::Environment;
use super::expand::Expander;
use super::expression::{Part, parts};
use super::node::{Node, Scalar, Value};
use crate::diagnostic::{Report, Span};
use crate::limits::REFERENCE_STEPS_MAX;

/// Substitutes every expression below `root`; keys are left as they are.
pub(super) fn substitute(root: &mut Node, environment: &Environment, report: &mut Report) {
    let mut expander = Expander { environment, report };
    let mut waiting = false;
    let before = root.clone();
    each_scalar(root, &before, &before, &mut |scalar, span, _| {
        if refers(scalar) {
            waiting = true;
        } else if scalar.written.contains('$') {
            expander.expand(scalar, span, &|_, _| None);
        }
    });
    for round in 1..=REFERENCE_STEPS_MAX {
        if waiting {
            waiting = follow(root, &mut expander, round == REFERENCE_STEPS_MAX);
        }
    }
}

/// Expands the references whose targets are settled, or every one in the `last` round; tells whether some wait.
fn follow(root: &mut Node, expander: &mut Expander<'_>, last: bool) -> bool {
    let known = root.clone();
    let mut waiting = false;
    each_scalar(root, &known, &known, &mut |scalar, span, this| {
        if settled(scalar) {
            return;
        }
        let target = |from_root, path: &str| {
            let start = if from_root { &known } else { this };
            descend(start, path).and_then(Node::scalar)
        };
        let ready = parts(&scalar.written).iter().all(|part| match part {
            Part::Reference { from_root, path, .. } => target(*from_root, path).is_none_or(settled),
            _ => true,
        });
        if ready || last {
            let text = |from_root, path: &str| {
                target(from_root, path).filter(|target| settled(target)).map(|target| target.text.clone())
            };
            expander.expand(scalar, span, &text);
        } else {
            waiting = true;
        }
    });
    waiting
}

/// Whether the scalar was written with a reference in it.
fn refers(scalar: &Scalar) -> bool {
    scalar.written.contains(['$', '{'])
        && parts(&scalar.written).iter().any(|part| matches!(part, Part::Reference { .. }))
}

/// Whether the scalar's text is final.
fn settled(scalar: &Scalar) -> bool {
    scalar.text != scalar.written || !refers(scalar)
}

/// Calls `action` with every scalar below `node`, its place, and the mapping around it as it is in `known`, a copy of
/// the tree.
fn each_scalar<'k>(
    node: &mut Node,
    known: &'k Node,
    this: &'k Node,
    action: &mut dyn FnMut(&mut Scalar, Span, &'k Node),
) {
    match (&mut node.value, &known.value) {
        (Value::Scalar(scalar), _) => action(scalar, node.span, this),
        (Value::Sequence(items), Value::Sequence(copies)) => {
            items.iter_mut().zip(copies).for_each(|(item, copy)| each_scalar(item, copy, this, action));
        }
        (Value::Mapping(mapping), Value::Mapping(copies)) => {
            let pairs = mapping.0.iter_mut().zip(&copies.0);
            pairs.for_each(|((_, value), (_, copy))| each_scalar(value, copy, known, action));
        }
        _ => {}
    }
}

/// The node that `path`, as in `a[0].b`, leads to from `node`.
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
