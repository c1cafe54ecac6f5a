//! Encoders that stand in for networks say so.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use flowrun_sdk::Value;
use flowrun_sdk::tracing::field::{Field, Visit};
use flowrun_sdk::tracing::{Event, Level, Metadata, Subscriber, span, subscriber};
use serde_json::json;

use crate::fixtures::bench;

/// Keeps what is said.
#[derive(Clone, Default)]
struct Listener(Arc<Mutex<Vec<(Level, String)>>>);

/// What one event says, field by field.
struct Said(String);

impl Visit for Said {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        write!(self.0, "{field}={value:?} ").unwrap();
    }
}

impl Subscriber for Listener {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut said = Said(String::new());
        event.record(&mut said);
        self.0.lock().unwrap().push((*event.metadata().level(), said.0));
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// What is said while executors of that name are made, and then called twice.
fn said(name: &str, with: &Value) -> Vec<(Level, String)> {
    let listener = Listener::default();
    subscriber::with_default(listener.clone(), || {
        let mut bench = bench(name, with);
        for _ in 0..2 {
            bench.call("/index", vec![], &Value::Null).unwrap();
        }
    });
    let said = listener.0.lock().unwrap();
    said.clone()
}

#[test]
fn a_stand_in_says_once_that_it_is_one() {
    for (name, network) in [("KerasImageEncoder", "MobileNetV2"), ("ImageTorchEncoder", "mobilenet_v2")] {
        let said = said(name, &Value::Null);
        let [(Level::WARN, message)] = &said[..] else { panic!("{said:?}") };
        for part in ["there is no model", "ImageDescriptorEncoder", name, network] {
            assert!(message.contains(part), "{message}");
        }
    }
    assert!(said("ImageDescriptorEncoder", &json!({"dimension": 8})).is_empty());
}
