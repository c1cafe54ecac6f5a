//! Where a model runs.

use ort::ep::{CUDA, ExecutionProviderDispatch, TensorRT};

flowrun_sdk::choice! {
    /// Where a model runs. There is no way back to the processor when a device is not to be had: the start fails.
    pub enum Device {
        /// The processor.
        Cpu = "cpu",
        /// An NVIDIA device.
        Cuda = "cuda",
        /// An NVIDIA device, by TensorRT.
        TensorRt = "tensorrt",
    }
}

impl Device {
    /// What the runtime calls it; nothing for the processor, which is always there.
    pub(super) fn providers(self) -> Vec<ExecutionProviderDispatch> {
        match self {
            Self::Cpu => Vec::new(),
            Self::Cuda => vec![CUDA::default().build().error_on_failure()],
            Self::TensorRt => vec![TensorRT::default().build().error_on_failure()],
        }
    }
}
