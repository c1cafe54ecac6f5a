//! Device of a model.

use ort::ep::{CUDA, ExecutionProviderDispatch, TensorRT};

flowrun_sdk::choice! {
    /// Device of a model. There is no fallback to the CPU: if the device is not available, opening the model fails.
    pub enum Device {
        /// CPU.
        Cpu = "cpu",
        /// NVIDIA GPU with CUDA.
        Cuda = "cuda",
        /// NVIDIA GPU with TensorRT.
        TensorRt = "tensorrt",
    }
}

impl Device {
    /// Execution providers of the runtime; none for the CPU, which is the default.
    pub(super) fn providers(self) -> Vec<ExecutionProviderDispatch> {
        match self {
            Self::Cpu => Vec::new(),
            Self::Cuda => vec![CUDA::default().build().error_on_failure()],
            Self::TensorRt => vec![TensorRT::default().build().error_on_failure()],
        }
    }
}
