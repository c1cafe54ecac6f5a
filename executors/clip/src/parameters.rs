//! The parameters of `CLIPEncoder`.

use std::path::PathBuf;

use flowrun_sdk::AccessPaths;

flowrun_sdk::parameters! {
    /// Those of CLIP-as-service, and the dimension of the stand-in.
    pub(crate) struct ClipEncoderParameters {
        /// Which model; as long as there is none it says how long an embedding is.
        name: String = "ViT-B-32::openai".to_owned(),
        /// Accepted without effect: there is no network to place.
        device: Option<String> = None,
        /// Accepted without effect.
        jit: bool = false,
        /// Accepted without effect: embeddings are in single precision.
        dtype: Option<String> = None,
        /// A directory with the network as ONNX files. Not available in this version.
        model_path: Option<PathBuf> = None,
        /// Accepted without effect: a replica has one thread.
        num_worker_preprocess: usize = 4,
        /// Accepted without effect: documents are encoded one by one.
        minibatch_size: usize = 32,
        /// Numbers of an embedding; null for those of the model `name`.
        dimension: Option<usize> = None,
        /// The documents to encode; the request's `access_paths` goes before.
        access_paths: AccessPaths = AccessPaths::roots(),
        /// The same, as older versions call it.
        traversal_paths: Option<AccessPaths> = None,
    }
}
