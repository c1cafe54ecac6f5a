//! Videos on the search page, in a real browser: moments, previews and filters, by keyboard and on a phone.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use crate::media::has_ffmpeg;
use crate::serving::Serving;
use crate::support::browser::{Browser, IS_NAMED};
use crate::support::program::run_with;

/// Encodes a video of scenes of one colour, each with its length in seconds, at five frames per second.
fn scenes(path: &Path, scenes: &[(&str, u32)]) {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error"]);
    for (colour, seconds) in scenes {
        command.args(["-f", "lavfi", "-i", &format!("color={colour}:size=160x90:duration={seconds}:rate=5")]);
    }
    let filter = format!("concat=n={}", scenes.len());
    let status =
        command.args(["-filter_complex", &filter, "-pix_fmt", "yuv420p", "-g", "25"]).arg(path).status();
    assert!(status.unwrap().success());
}

/// Writes a picture of one colour.
fn picture(path: &Path, colour: [u8; 3]) {
    image::RgbImage::from_pixel(160, 90, image::Rgb(colour)).save(path).unwrap();
}

/// Two videos that `flows/media/index.yml` has indexed, served by `flows/media/query.yml`.
struct Videos {
    directory: tempfile::TempDir,
    serving: Serving,
}

impl Videos {
    fn new(arguments: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (videos, workspace) = (directory.path().join("videos"), directory.path().join("ws"));
        std::fs::create_dir(&videos).unwrap();
        scenes(&videos.join("short.mp4"), &[("red", 8), ("blue", 12), ("white", 9)]);
        scenes(&videos.join("long.mp4"), &[("green", 425), ("yellow", 7), ("purple", 20)]);
        picture(&directory.path().join("yellow.png"), [255, 255, 0]);
        std::fs::write(directory.path().join("token"), "sesame\n").unwrap();
        let environment = [("INPUT", &*videos), ("FILES", &*videos), ("WORKSPACE", &*workspace)];
        let flows = Path::new("flows/media").canonicalize().unwrap();
        run_with(&flows.join("index.yml"), environment);
        let path = PathBuf::from(std::env::var_os("PATH").unwrap());
        let variables = [environment.as_slice(), &[("PATH", &path)]].concat();
        let query = flows.join("query.yml");
        let arguments = [&["serve", query.to_str().unwrap(), "--port", "0"], arguments].concat();
        let serving = Serving::start_with(directory.path(), &arguments, &variables);
        Self { directory, serving }
    }

    fn url(&self) -> String {
        format!("http://{}/", self.serving.addresses[0])
    }

    /// Searches with the yellow picture, and waits for the results.
    async fn search(&self, page: &mut Browser) {
        page.wait_until("document.querySelector('#about').textContent.includes('groups')").await;
        page.select_file("#file", &self.directory.path().join("yellow.png")).await;
        page.wait_until("document.querySelectorAll('#results li .picture').length === 2").await;
        page.wait_until("document.querySelector('#results img')?.naturalWidth > 0").await;
    }
}

/// True while the preview plays.
const IS_PLAYING: &str = "(video => video.videoWidth > 0 && !video.paused && video.currentTime > 0)(document.querySelector('#whole video'))";

/// Text of the moments of the first result.
const MOMENTS: &str = "[...document.querySelectorAll('#results > li:first-child .moments button')].map(button => button.innerText).join()";

#[tokio::test(flavor = "multi_thread")]
async fn moments_of_videos_are_shown_as_times_and_played_with_the_keyboard() {
    if !has_ffmpeg() {
        return;
    }
    let videos = Videos::new(&[]);
    let Some(mut page) = Browser::open(&videos.url()).await else { return };
    videos.search(&mut page).await;
    let first = page.evaluate("document.querySelector('#results > li').innerText").await;
    assert!(first.as_str().unwrap().contains("1. long.mp4"), "{first}");
    let moments = page.evaluate(MOMENTS).await;
    assert!(moments.as_str().unwrap().starts_with("7:05–7:12,"), "{moments}");
    // The thumbnail is the frame that was found.
    let yellow = "(image => { const canvas = new OffscreenCanvas(1, 1).getContext('2d'); canvas.drawImage(image, 0, 0, 1, 1); \
                  const [red, green, blue] = canvas.getImageData(0, 0, 1, 1).data; return red > 200 && green > 200 && blue < 60; })";
    assert_eq!(page.evaluate(&format!("{yellow}(document.querySelector('#results img'))")).await, true);
    page.save_screenshot("search-videos.png").await;

    // Every result, moment and filter is reached with Tab.
    page.evaluate("document.querySelector('#file').focus()").await;
    let controls = "document.querySelectorAll('main button, main input, main select').length";
    let count = page.evaluate(controls).await.as_u64().unwrap();
    page.evaluate("globalThis.reached = new Set()").await;
    for _ in 0..count {
        page.press("Tab").await;
        page.evaluate("reached.add(document.activeElement), 0").await;
    }
    let missed = "[...document.querySelectorAll('#facets button, #facets input, #results button')].filter(control => !reached.has(control)).length";
    assert_eq!(page.evaluate(missed).await, 0);

    page.evaluate("document.querySelector('#results .picture').focus()").await;
    page.press("Enter").await;
    page.wait_until(IS_PLAYING).await;
    let duration = page.evaluate("document.querySelector('#whole video').duration").await.as_f64().unwrap();
    assert!((duration - 7.0).abs() < 0.2, "{duration}");
    assert_eq!(page.evaluate(&format!("{yellow}(document.querySelector('#whole video'))")).await, true);
    let seek = "(video => new Promise(done => { video.onseeked = () => done(video.currentTime); video.currentTime = 5; }))(document.querySelector('#whole video'))";
    let time = page.evaluate(seek).await.as_f64().unwrap();
    assert!((5.0..6.5).contains(&time), "{time}");
    assert_eq!(page.evaluate(IS_NAMED).await, true);
    page.save_screenshot("search-preview.png").await;
    // Another moment of the same video.
    page.evaluate("document.querySelector('#whole .moments li:nth-child(2) button').focus()").await;
    page.press("Enter").await;
    page.wait_until(
        "document.querySelector('#whole .moments li:nth-child(2) button').ariaPressed === 'true'",
    )
    .await;
    page.wait_until(IS_PLAYING).await;
    page.press("Escape").await;
    page.wait_until("!document.querySelector('#whole').open && !document.querySelector('#whole video')")
        .await;
    let focused = "document.activeElement === document.querySelector('#results .picture')";
    assert_eq!(page.evaluate(focused).await, true, "the focus returns to the result");

    // The best frame is the query for similar ones.
    page.evaluate("document.querySelector('#results > li:first-child .about > button').click()").await;
    page.wait_until("document.querySelector('#query').innerText.includes('More like long.mp4, 7:05–7:12')")
        .await;
    page.wait_until("document.querySelector('#results').ariaBusy !== 'true' && document.querySelector('#status').innerText.startsWith('2 results')").await;
    assert!(page.evaluate(MOMENTS).await.as_str().unwrap().starts_with("7:05–7:12"));
    let same_origin = "performance.getEntriesByType('resource').every(entry => entry.name.startsWith(location.origin) || entry.name.startsWith('blob:'))";
    assert_eq!(page.evaluate(same_origin).await, true);
}

#[tokio::test(flavor = "multi_thread")]
async fn results_are_filtered_by_time_and_scene_also_on_a_phone() {
    if !has_ffmpeg() {
        return;
    }
    let videos = Videos::new(&[]);
    let Some(mut page) = Browser::open(&videos.url()).await else { return };
    page.emulate_phone().await;
    page.navigate(&videos.url()).await;
    videos.search(&mut page).await;
    page.wait_until("document.documentElement.scrollWidth <= innerWidth").await;
    page.save_screenshot("search-videos-phone.png").await;

    // The span of time that holds the yellow scene alone.
    let facet = |text: &str| {
        format!(
            "[...document.querySelectorAll('#facets button')].find(button => button.innerText.startsWith('{text}'))"
        )
    };
    page.evaluate(&format!("{}.focus()", facet("7:00–8:00"))).await;
    page.press("Enter").await;
    let status = |text: &str| format!("document.querySelector('#status').innerText.startsWith('{text}')");
    page.wait_until(&status("1 result in")).await;
    page.wait_until(&format!("{}.ariaPressed === 'true'", facet("7:00–8:00"))).await;
    let focused = format!("document.activeElement === {}", facet("7:00–8:00"));
    assert_eq!(page.evaluate(&focused).await, true, "the focus stays on the filter");
    let times = page.evaluate(MOMENTS).await;
    assert!(times.as_str().unwrap().split(',').all(|moment| moment.starts_with("7:")), "{times}");

    // A scene in addition: both apply.
    page.evaluate(&format!("{}.click()", facet("scene 1"))).await;
    page.wait_until("document.querySelectorAll('#filters .active').length === 2").await;
    page.wait_until(&format!("({MOMENTS}) === '7:05–7:12'")).await;
    page.save_screenshot("search-filters-phone.png").await;

    // Times without a moment: the page describes the way back.
    let write = |from: &str, to: &str| {
        format!(
            "for (const [name, time] of [['from', '{from}'], ['to', '{to}']]) document.querySelector(`#facets [data-key=${{name}}]`).value = time; \
             document.querySelector('#facets form').requestSubmit()"
        )
    };
    page.evaluate(&write("1:00:00", "")).await;
    page.wait_until(&status("No results within these filters: remove one to see more")).await;
    page.save_screenshot("search-nothing-phone.png").await;
    // A text that is no time is refused by the field.
    page.evaluate(&write("soon", "")).await;
    assert_eq!(
        page.evaluate("document.querySelector('#facets [data-key=from]').validity.customError").await,
        true
    );
    for _ in 0..2 {
        page.evaluate("document.querySelector('#filters .active').click()").await;
    }
    page.wait_until(&status("2 results")).await;
    assert_eq!(page.evaluate("document.querySelector('#filters')").await, serde_json::Value::Null);
    page.evaluate(&write("7:05", "7:12")).await;
    page.wait_until(&format!("({MOMENTS}) === '7:05–7:12'")).await;
    assert_eq!(page.evaluate(IS_NAMED).await, true);

    // The preview fits the screen.
    page.evaluate("document.querySelector('#results .picture').click()").await;
    page.wait_until(IS_PLAYING).await;
    let fits = "(box => box.left >= 0 && box.right <= innerWidth && box.bottom <= innerHeight)(document.querySelector('#whole video').getBoundingClientRect())";
    assert_eq!(page.evaluate(fits).await, true);
    page.save_screenshot("search-preview-phone.png").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn previews_are_played_with_a_token_that_stays_out_of_urls() {
    if !has_ffmpeg() {
        return;
    }
    let videos = Videos::new(&["--token-file", "token"]);
    let Some(mut page) = Browser::open(&videos.url()).await else { return };
    page.wait_until("document.querySelector('dialog:not(#whole)').open").await;
    page.evaluate("document.querySelector('#token').value = 'sesame'; document.querySelector('dialog form').requestSubmit()").await;
    videos.search(&mut page).await;
    page.evaluate("document.querySelector('#results .picture').click()").await;
    page.wait_until(IS_PLAYING).await;
    let urls = page.evaluate("JSON.stringify(performance.getEntries().map(entry => entry.name))").await;
    let urls = urls.as_str().unwrap();
    assert!(
        urls.contains("/media/preview") && urls.contains("/media/thumbnail") && !urls.contains("sesame"),
        "{urls}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_number_of_queried_shards_is_shown() {
    let directory = tempfile::tempdir().unwrap();
    let flow = "jtype: Flow\nwith: {port: 0}\nexecutors:\n- {name: encoder, uses: TextHashingEncoder}\n\
                - {name: index, uses: VectorIndexer, shards: 2, polling: {/index: ANY, /search: RELEVANT}}\n";
    std::fs::write(directory.path().join("flow.yml"), flow).unwrap();
    let serving = Serving::start(directory.path(), &["flow.yml"]);
    let documents: Vec<_> = (0..4).map(|number| json!({ "text": format!("rose {number}") })).collect();
    serving.post(&json!({ "exec_endpoint": "/index", "data": documents }));
    let Some(mut page) = Browser::open(&format!("http://{}/?q=rose", serving.addresses[0])).await else {
        return;
    };
    page.wait_until(
        "document.querySelector('#status').innerText.endsWith('; queried 2 of 2 shards of index')",
    )
    .await;
    // Texts have no moments, and no filters.
    assert_eq!(page.evaluate("document.querySelector('#facets').hidden").await, true);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_video_on_a_web_server_is_linked_at_the_moment() {
    let directory = tempfile::tempdir().unwrap();
    let flow = "jtype: Flow\nwith: {port: 0}\nexecutors:\n- {name: encoder, uses: TextHashingEncoder}\n\
                - {name: index, uses: VectorIndexer}\n";
    std::fs::write(directory.path().join("flow.yml"), flow).unwrap();
    let serving = Serving::start(directory.path(), &["flow.yml"]);
    let video = |text: &str, uri: &str| {
        let tags = json!({ "timestamp": 3701.5, "start": 3700, "end": 3710 });
        json!({ "text": text, "uri": uri, "mime_type": "video/mp4", "tags": tags })
    };
    let videos = [video("a rose", "http://127.0.0.1:1/a.mp4"), video("b", "javascript:document.title='x'//")];
    serving.post(&json!({ "exec_endpoint": "/index", "data": videos }));
    let url = format!("http://{}/?q=a%20rose", serving.addresses[0]);
    let Some(mut page) = Browser::open(&url).await else { return };
    page.wait_until("document.querySelectorAll('#results .picture').length === 2").await;
    page.evaluate("document.querySelector('#results .picture').click()").await;
    // The gateway fetches nothing from other hosts.
    page.wait_until("document.querySelector('#whole .error').innerText.includes('cannot read')").await;
    let link = page.evaluate("document.querySelector('#whole a').href").await;
    assert_eq!(link, "http://127.0.0.1:1/a.mp4#t=3700.0");
    page.press("Escape").await;
    page.wait_until("!document.querySelector('#whole').open").await;
    page.evaluate("document.querySelector('#results > li:nth-child(2) .picture').click()").await;
    page.wait_until("document.querySelector('#whole .error')").await;
    assert_eq!(page.evaluate("document.querySelector('#whole a')").await, serde_json::Value::Null);
}
