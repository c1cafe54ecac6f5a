//! The demo flows, on labelled data: precision, unreadable input, and filtered search in shards.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::serving::Serving;
use crate::support::models::{efficientnet, runtime_library};

/// Generates the labelled data, and returns its directory. Generating it again changes nothing.
fn data() -> PathBuf {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/demo-data");
    let generator = std::env::current_exe().unwrap().with_file_name("../demo-data");
    let mut command = if generator.is_file() {
        Command::new(generator)
    } else {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["run", "--quiet", "-p", "flowrun-demo-data", "--"]);
        cargo
    };
    // Locked, because tests in other processes may generate it at the same time.
    let lock = std::fs::File::create(data.with_extension("lock")).unwrap();
    lock.lock().unwrap();
    let status = command.arg("--out").arg(&data).stdout(std::process::Stdio::null()).status().unwrap();
    assert!(status.success());
    data
}

fn flowrun(flow: &str, workspace: &Path, input: &Path, more: &[&str]) -> Output {
    flowrun_with(&[], flow, workspace, input, more)
}

/// Runs a flow with further environment variables.
fn flowrun_with(
    variables: &[(&str, PathBuf)],
    flow: &str,
    workspace: &Path,
    input: &Path,
    more: &[&str],
) -> Output {
    Command::new(env!("CARGO_BIN_EXE_flowrun"))
        .arg(flow)
        .args(more)
        .env_clear()
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .env("WORKSPACE", workspace)
        .env("INPUT", input)
        .output()
        .unwrap()
}

fn lines(path: &Path) -> Vec<Value> {
    std::fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Reads the labels, by file name.
fn labels(file: &Path) -> BTreeMap<String, Value> {
    let name = |label: &Value| {
        Path::new(label["path"].as_str().unwrap()).file_name().unwrap().to_str().unwrap().to_owned()
    };
    lines(file).into_iter().map(|label| (name(&label), label)).collect()
}

fn file_name(document: &Value) -> String {
    Path::new(document["uri"].as_str().unwrap()).file_name().unwrap().to_str().unwrap().to_owned()
}

/// Share of held-out files for which the first match has the same class, with these environment variables.
fn precision_at_1(flows: &str, kind: &str, variables: &[(&str, PathBuf)]) -> f64 {
    let data = data();
    let labels = labels(&data.join("labels.jsonl"));
    let workspace = tempfile::tempdir().unwrap();
    let run = |flow: &str, split: &str, more: &[&str]| {
        let input = data.join(kind).join(split);
        flowrun_with(variables, &format!("{flows}/{flow}.yml"), workspace.path(), &input, more)
    };
    let index = run("index", "index", &[]);
    assert!(index.status.success(), "{}", String::from_utf8_lossy(&index.stderr));
    let results = workspace.path().join("results.jsonl");
    let output = ["-o", results.to_str().unwrap()];
    let query = run("query", "query", &output);
    assert!(query.status.success(), "{}", String::from_utf8_lossy(&query.stderr));
    let answers = lines(&results);
    let label = |document: &Value| labels[&file_name(document)]["label"].clone();
    let correct = answers.iter().filter(|answer| label(&answer["matches"][0]) == label(answer)).count();
    assert!(answers.iter().all(|answer| labels[&file_name(answer)]["split"] == "query"));
    println!(
        "{kind}: the first match has the class of the query for {correct} of {} held-out files",
        answers.len()
    );
    correct as f64 / answers.len() as f64
}

#[test]
fn the_first_clip_has_the_class_of_the_query() {
    assert!(precision_at_1("flows", "clips", &[]) >= 0.95);
}

#[test]
fn the_first_image_has_the_class_of_the_query() {
    assert!(precision_at_1("flows/flower", "pictures", &[]) >= 0.95);
}

#[test]
fn the_first_video_has_the_class_of_the_query() {
    // Animated pictures need no ffmpeg. A query is the first frame of a clip, without its motion.
    assert!(precision_at_1("flows/media", "clips", &[]) >= 0.8);
}

#[test]
fn the_pretrained_network_finds_images_of_the_class_of_the_query() {
    let (Some(model), Some(library)) = (efficientnet(), runtime_library()) else { return };
    let variables = [
        ("ENCODER", "efficientnet.yml".into()),
        ("EFFICIENTNET", model.join("model.onnx")),
        ("ORT_DYLIB_PATH", library),
    ];
    assert!(precision_at_1("flows/flower", "pictures", &variables) >= 0.9);
}

#[test]
fn the_pretrained_network_that_is_missing_is_an_error_with_the_command_that_builds_it() {
    let workspace = tempfile::tempdir().unwrap();
    let variables =
        [("ENCODER", "efficientnet.yml".into()), ("EFFICIENTNET", workspace.path().join("model.onnx"))];
    let output = flowrun_with(&variables, "flows/flower/query.yml", workspace.path(), workspace.path(), &[]);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(error.contains("[F407]") && error.contains("make demo-images"), "{error}");
}

#[test]
fn unreadable_files_fail_alone_and_the_others_are_indexed_once() {
    let data = data();
    let workspace = tempfile::tempdir().unwrap();
    let expected = labels(&data.join("broken/labels.jsonl"));
    let fails = |expected_failure: bool| -> BTreeSet<String> {
        expected
            .iter()
            .filter(|(_, label)| label["fails"] == expected_failure)
            .map(|(name, _)| name.clone())
            .collect()
    };
    let broken = data.join("broken");
    let (results, summary) = (workspace.path().join("results.jsonl"), workspace.path().join("summary.json"));
    let paths = ["-o", results.to_str().unwrap(), "--summary", summary.to_str().unwrap()];
    for (more, code) in [(&[][..], 1), (&["--keep-going"][..], 0)] {
        let output = flowrun("flows/index.yml", workspace.path(), &broken, &[&paths[..], more].concat());
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{stderr}");
        let indexed: BTreeSet<String> = lines(&results).iter().map(file_name).collect();
        assert_eq!(indexed, fails(false));
        for file in fails(true) {
            assert!(stderr.contains(&format!("/broken/{file}: ")), "{file} is not reported\n{stderr}");
        }
        let summary: Value = serde_json::from_str(&std::fs::read_to_string(&summary).unwrap()).unwrap();
        let counts = (summary["documents"].as_u64(), summary["failed"].as_u64());
        assert_eq!(counts, (Some(expected.len() as u64), Some(fails(true).len() as u64)));
    }
    // The files were indexed twice; a search for all of them returns each once.
    let query = flowrun(
        "flows/query.yml",
        workspace.path(),
        &broken.join("good.gif"),
        &["-k", "100", "-o", results.to_str().unwrap()],
    );
    assert!(query.status.success(), "{}", String::from_utf8_lossy(&query.stderr));
    let answers = lines(&results);
    let found: Vec<String> = answers[0]["matches"].as_array().unwrap().iter().map(file_name).collect();
    assert_eq!((found[0].as_str(), found.len()), ("good.gif", fails(false).len()));
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), fails(false));
}

/// Searches the frames with an optional filter. Returns the reply.
fn search_frames(serving: &Serving, query: &Value, filter: Option<&str>) -> Value {
    let body = json!({"data": [query], "exec_endpoint": "/search", "parameters": {"filter": filter}});
    let response = serving.post(&body);
    serde_json::from_str(response.split_once("\r\n\r\n").unwrap().1).unwrap()
}

#[test]
fn filtered_search_queries_only_shards_that_may_match() {
    let data = data();
    let workspace = tempfile::tempdir().unwrap();
    let index = data.join("frames/index.jsonl");
    let indexed = flowrun("flows/frames/index.yml", workspace.path(), &index, &[]);
    assert!(indexed.status.success(), "{}", String::from_utf8_lossy(&indexed.stderr));
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let arguments = ["serve", "flows/frames/query.yml", "--port", "0"];
    let serving = Serving::start_with(root, &arguments, &[("WORKSPACE", workspace.path())]);
    let (all, mut queried) = (lines(&index), 0);
    for query in lines(&data.join("frames/query.jsonl")) {
        let (video, scene) = (&query["tags"]["video_id"], &query["tags"]["scene"]);
        let reply = search_frames(&serving, &query, None);
        assert_eq!(reply["parameters"]["__results__"]["frames"]["shards_asked"], 8, "{reply}");
        let best = &reply["data"][0]["matches"][0];
        assert_eq!((&best["id"], &best["tags"]["video_id"]), (video, video));
        let frame = &best["matches"][0]["tags"];
        assert!(
            frame["scene"] == *scene && frame["frame"].is_number() && frame["timestamp"].is_number(),
            "{frame}"
        );

        let matches_filter = |tags: &Value| {
            tags["video_id"] == *video && tags["timestamp"].as_f64().is_some_and(|second| second < 60.0)
        };
        let filter = format!("video_id == {video} and timestamp < 60");
        let reply = search_frames(&serving, &query, Some(&filter));
        let shards = reply["parameters"]["__results__"]["frames"]["shards_asked"].as_u64().unwrap();
        assert!((1..=3).contains(&shards), "{shards} shards have a video");
        queried += shards;
        let groups = reply["data"][0]["matches"].as_array().unwrap();
        let found = groups.iter().flat_map(|group| group["matches"].as_array().unwrap());
        let found = found.inspect(|frame| assert!(matches_filter(&frame["tags"]), "{frame}")).count();
        let expected = all.iter().filter(|frame| matches_filter(&frame["tags"])).count();
        assert_eq!((groups.len(), found), (1, expected.min(5)));
    }
    println!("{queried} of 96 shards were queried");
    let nothing =
        search_frames(&serving, &lines(&data.join("frames/query.jsonl"))[0], Some("scene == \"moon\""));
    assert_eq!(nothing["parameters"]["__results__"]["frames"]["shards_asked"], 1);
    assert!(nothing["data"][0]["matches"].as_array().is_none_or(Vec::is_empty), "{nothing}");
}

#[test]
fn a_text_narrows_the_search_by_a_picture_and_lists_frames_without_one() {
    let data = data();
    let workspace = tempfile::tempdir().unwrap();
    let index = flowrun("flows/media/index.yml", workspace.path(), &data.join("clips/index"), &[]);
    assert!(index.status.success(), "{}", String::from_utf8_lossy(&index.stderr));
    let picture = std::fs::read_dir(data.join("clips/query")).unwrap().next().unwrap().unwrap().path();
    let queries = [
        json!({"id": "plain", "uri": picture}),
        json!({"id": "narrowed", "uri": picture, "text": "mostly blue, before 0:30"}),
        json!({"id": "listed", "text": "mostly blue, before 0:30"}),
        json!({"id": "relaxed", "uri": picture, "text": "scene 77, mostly blue"}),
    ];
    let input = workspace.path().join("queries.jsonl");
    std::fs::write(&input, queries.map(|query| format!("{query}\n")).concat()).unwrap();
    let results = workspace.path().join("results.jsonl");
    let query =
        flowrun("flows/media/query.yml", workspace.path(), &input, &["-o", results.to_str().unwrap()]);
    assert!(query.status.success(), "{}", String::from_utf8_lossy(&query.stderr));
    let answers: BTreeMap<String, Value> = lines(&results)
        .into_iter()
        .map(|answer| (answer["id"].as_str().unwrap().to_owned(), answer))
        .collect();
    assert_eq!(answers.len(), 4, "{}", String::from_utf8_lossy(&query.stderr));
    // Frames are the matches of the videos that match.
    let frames = |id: &str| -> Vec<Value> {
        let videos = answers[id]["matches"].as_array().unwrap();
        videos.iter().flat_map(|video| video["matches"].as_array().unwrap().clone()).collect()
    };
    let is_blue = |frame: &Value| frame["tags"]["colours"].as_array().unwrap().contains(&json!("blue"));
    assert!(!frames("plain").iter().all(is_blue));
    for id in ["narrowed", "listed", "relaxed"] {
        assert!(!frames(id).is_empty() && frames(id).iter().all(is_blue), "{id}");
    }
    assert_eq!(answers["relaxed"]["tags"]["relaxed"]["without"], json!(["scene_number == 77"]));
    assert_eq!(answers["listed"]["tags"]["filter"], json!(["timestamp < 30", "colours == \"blue\""]));
    assert!(answers["narrowed"]["tags"].get("relaxed").is_none());
}
