//! Names and parameters of the image executors.

use flowrun_sdk::{Catalog, RawParameters};
use serde_json::json;

use crate::fixtures::{executors, try_bench};

#[test]
fn jinas_executor_names_are_registered() {
    let catalog = Catalog::new([executors().as_slice()]);
    for name in [
        "CenterImageCropper",
        "FiveImageCropper",
        "GifNameRawSplit",
        "GifPreprocessor",
        "GifSegmenter",
        "ImageCropper",
        "ImageDescriptorEncoder",
        "ImageFlipper",
        "ImageNormalizer",
        "ImageReader",
        "ImageResizer",
        "ImageTorchEncoder",
        "KerasImageEncoder",
        "RandomImageCropper",
        "SlidingWindowImageCropper",
    ] {
        assert!(catalog.get(name).is_some(), "{name}");
    }
    let names: Vec<&str> = catalog.names().collect();
    let mut distinct = names.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), names.len());
}

#[test]
fn default_values_are_valid() {
    for kind in executors() {
        let defaults: RawParameters =
            kind.fields.iter().filter_map(|field| Some((field.name.to_owned(), field.default()?))).collect();
        let mistakes = kind.check(&defaults);
        assert!(mistakes.iter().all(|mistake| mistake.to_string().ends_with("is required")), "{mistakes:?}");
    }
}

#[test]
fn every_parameter_and_executor_is_documented() {
    for kind in executors() {
        assert!(kind.summary.ends_with('.'), "{}", kind.name);
        for field in kind.fields {
            assert!(field.documentation.trim().ends_with('.'), "{}: {}", kind.name, field.name);
        }
        assert!(kind.fields.iter().any(|field| field.name == "access_paths"), "{}", kind.name);
    }
}

#[test]
fn parameters_of_jinas_flows_are_accepted() {
    for (name, with) in [
        ("ImageReader", json!({"channel_axis": 0})),
        ("GifPreprocessor", json!({"every_k_frame": 2, "from_bytes": true})),
        ("ImageFlipper", json!({"channel_axis": "0"})),
        (
            "ImageNormalizer",
            json!({"target_size": 224, "img_mean": [0.485, 0.456, 0.406], "img_std": [0.229, 0.224, 0.225], "channel_axis": 0}),
        ),
        ("KerasImageEncoder", json!({"model_name": "MobileNetV2", "pool_strategy": "avg", "stand_in": true})),
        (
            "ImageTorchEncoder",
            json!({"pool_strategy": "mean", "model_name": "mobilenet_v2", "img_shape": 96, "stand_in": true}),
        ),
    ] {
        assert!(try_bench(name, &with).is_ok(), "{name}");
    }
    let error = try_bench("ImageReader", &json!({"chanel_axis": 0, "from_bytes": 3})).err().unwrap();
    assert_eq!(
        error,
        "unknown parameter `chanel_axis`; parameter `from_bytes` must be true or false, but is `3`"
    );
}
