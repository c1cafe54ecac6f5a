//! A model that never ends: its run is interrupted, and the next call of the worker succeeds.

use std::path::{Path, PathBuf};
use std::process::Command;

use flowrun::runtime::Request;
use flowrun_onnx::session::{Elements, InputTensor, Model, Options};
use flowrun_sdk::{Cancellation, Document, ErrorKind};

use crate::support::client::wait_until;
use crate::support::models::runtime_library;
use crate::support::program::text;
use crate::support::{error, flow};

/// Environment variable with the path of the model. Set in the child process that opens it.
const MODEL: &str = "FLOWRUN_TEST_ENDLESS_MODEL";

/// A model with the input `x` (batch × 3 × 32 × 32) and the output `y`, in hexadecimal digits. Its only path from one to the
/// other is an ONNX `Loop` of 2⁶² iterations.
const ENDLESS: &[&str] = &[
    "08083a91020a320a017812017a220a5265647563654d65616e2a0d0a046178657340024003a001072a0f0a086b6565706469",
    "6d731800a001020a87010a016e0a01740a017a12017922044c6f6f702a730a04626f647932680a110a016312026332220849",
    "64656e746974790a110a01761202763222084964656e746974791201625a0b0a016912060a04080712005a0b0a016312060a",
    "04080912005a090a017612040a020801620c0a02633212060a0408091200620a0a02763212040a020801a001051201672a10",
    "10073a0980808080808080804042016e2a0810092a01014201745a1c0a017812170a15080112110a0312014e0a0208030a02",
    "08200a02082062140a0179120f0a0d080112090a0312014e0a02080342040a00100d",
];

fn bytes() -> Vec<u8> {
    let digits = ENDLESS.concat();
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

fn run_cancelled(path: &Path) {
    let mut model = Model::open(path, &Options::default()).unwrap();
    let numbers = vec![0.5; 3 * 32 * 32];
    // The second run shows that the session is usable after the first was ended.
    for _ in 0..2 {
        let cancellation = Cancellation::default();
        let canceller = cancellation.clone();
        let cancelling = std::thread::spawn(move || canceller.cancel());
        let input = InputTensor { shape: vec![1, 3, 32, 32], elements: Elements::F32(&numbers) };
        let ended = model.run_until(&cancellation, &[("x", input)], &["y"], |_| ());
        assert!(ended.unwrap_err().to_string().contains("terminate flag"));
        cancelling.join().unwrap();
    }
}

async fn encode_within_timeout_send(path: &Path) {
    let picture = path.with_file_name("picture.png");
    image::RgbImage::new(32, 32).save(&picture).unwrap();
    let flow = flow(&format!(
        "- {{name: r, uses: ImageReader}}\n\
         - {{name: e, uses: OnnxImageEncoder, timeout_send: 300, uses_with: {{model_path: {}, size: 32}}}}\n",
        path.display()
    ))
    .await;
    for _ in 0..2 {
        let document = Document::new("a").with_uri(picture.to_str().unwrap());
        let request = Request {
            endpoint: "/encode".to_owned(),
            documents: vec![document].into(),
            ..Request::default()
        };
        let failed = error(flow.submit(request).await.unwrap().outcome().await);
        assert_eq!((failed.error.kind(), failed.pod.as_deref()), (ErrorKind::Expired, Some("e")), "{failed}");
        wait_until(|| flow.pod_statistics()[1].running_calls == 0).await;
    }
    // The encoder was called, and returned, for both.
    assert_eq!(flow.pod_statistics()[1].calls, 2);
}

#[test]
fn a_run_of_an_endless_model_is_ended_and_its_worker_is_free_again() {
    if let Some(path) = std::env::var_os(MODEL).map(PathBuf::from) {
        run_cancelled(&path);
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(encode_within_timeout_send(&path));
        return;
    }
    let Some(library) = runtime_library() else { return };
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("endless.onnx");
    std::fs::write(&path, bytes()).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args([
        "hanging::models::a_run_of_an_endless_model_is_ended_and_its_worker_is_free_again",
        "--exact",
    ]);
    child.env(MODEL, &path).env("ORT_DYLIB_PATH", library).env("XDG_CACHE_HOME", directory.path());
    let output = child.output().unwrap();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
}
