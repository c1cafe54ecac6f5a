//! Encoders without a model fail, or run as stand-ins on request and log a warning.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use flowrun_sdk::Value;
use flowrun_sdk::tracing::field::{Field, Visit};
use flowrun_sdk::tracing::{Event, Level, Metadata, Subscriber, span, subscriber};
use serde_json::json;

use crate::fixtures::{bench, try_bench};

/// Records log events.
#[derive(Clone, Default)]
struct EventRecorder(Arc<Mutex<Vec<(Level, String)>>>);

/// The fields of an event as text.
struct EventText(String);

impl Visit for EventText {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        write!(self.0, "{field}={value:?} ").unwrap();
    }
}

impl Subscriber for EventRecorder {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = EventText(String::new());
        event.record(&mut text);
        self.0.lock().unwrap().push((*event.metadata().level(), text.0));
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// Events that are logged while an executor is created and called twice.
fn logged_events(name: &str, with: &Value) -> Vec<(Level, String)> {
    let recorder = EventRecorder::default();
    subscriber::with_default(recorder.clone(), || {
        let mut bench = bench(name, with);
        for _ in 0..2 {
            bench.call("/index", vec![], &Value::Null).unwrap();
        }
    });
    let events = recorder.0.lock().unwrap();
    events.clone()
}

#[test]
fn a_stand_in_logs_one_warning() {
    for (name, network) in [("KerasImageEncoder", "MobileNetV2"), ("ImageTorchEncoder", "mobilenet_v2")] {
        let events = logged_events(name, &json!({"stand_in": true}));
        let [(Level::WARN, message)] = &events[..] else { panic!("{events:?}") };
        for part in ["`stand_in` is set", "ImageDescriptorEncoder", name, network] {
            assert!(message.contains(part), "{message}");
        }
    }
    assert!(logged_events("ImageDescriptorEncoder", &json!({"dimension": 8})).is_empty());
}

#[test]
fn an_encoder_without_a_model_is_an_error_unless_a_stand_in_is_requested() {
    for name in ["KerasImageEncoder", "ImageTorchEncoder"] {
        let with = json!({"model_name": "no-such-network"});
        let error = try_bench(name, &with).err().unwrap();
        assert!(error.contains("`no-such-network` is not installed"), "{error}");
        let with = json!({"model_path": "nowhere.onnx", "stand_in": true});
        let error = try_bench(name, &with).err().unwrap();
        assert!(error.contains("nowhere.onnx does not exist"), "{error}");
    }
}
