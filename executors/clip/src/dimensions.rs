//! Embedding dimensions of CLIP models.

/// Dimensions by architecture, which is a part of a model's name. If several architectures match, the longest counts.
const DIMENSIONS: [(&str, usize); 11] = [
    ("RN50", 1024),
    ("RN101", 512),
    ("RN50x4", 640),
    ("RN50x16", 768),
    ("RN50x64", 1024),
    ("ViT-B-16", 512),
    ("ViT-B-16-plus-240", 640),
    ("ViT-B-32", 512),
    ("ViT-L-14", 768),
    ("ViT-H-14", 1024),
    ("ViT-g-14", 1024),
];

/// Embedding dimension of a model, for example `ViT-B-32::openai`, or `ViT-B/32` in the older spelling. `None` for
/// unknown architectures.
pub(crate) fn dimension(name: &str) -> Option<usize> {
    let name = name.replace('/', "-");
    let matching = DIMENSIONS.iter().filter(|(architecture, _)| name.contains(architecture));
    matching.max_by_key(|(architecture, _)| architecture.len()).map(|(_, dimension)| *dimension)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dimensions_follow_from_model_names() {
        let cases = [
            ("ViT-B/32", Some(512)),
            ("ViT-B-32::laion2b_e16", Some(512)),
            ("ViT-B-16-plus-240::laion400m_e31", Some(640)),
            ("ViT-L/14@336px", Some(768)),
            ("RN50x64::openai", Some(1024)),
            ("RN50x4", Some(640)),
            ("CN-CLIP/ViT-B-16", Some(512)),
            ("GPT", None),
        ];
        cases.into_iter().for_each(|(name, expected)| assert_eq!(dimension(name), expected, "{name}"));
    }
}
