//! The pages, in a real browser: what a person types, chooses and sees.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::serving::Serving;
use crate::support::browser::Browser;

/// What the first tile of the results says.
const FIRST: &str = "document.querySelector('#results li').innerText";

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_is_typed_finds_the_text_most_like_it() {
    let directory = tempfile::tempdir().unwrap();
    let flow = "jtype: Flow\nwith: {port: 0}\nexecutors:\n- {name: encoder, uses: TextHashingEncoder}\n\
                - {name: index, uses: VectorIndexer}\n";
    std::fs::write(directory.path().join("flow.yml"), flow).unwrap();
    let serving = Serving::start(directory.path(), &["flow.yml"]);
    let address = &serving.addresses[0];
    let texts = ["a dog barks at the moon", "the smile of a child", "two cups of coffee"];
    let documents: Vec<_> =
        texts.iter().map(|text| json!({ "text": text, "tags": {"kind": "text"} })).collect();
    serving.post(&json!({ "exec_endpoint": "/index", "data": documents }));

    let Some(mut page) = Browser::open(&format!("http://{address}/")).await else { return };
    page.until("document.querySelector('#about').textContent.includes('encoder → index')").await;
    page.value("document.querySelector('#text').value = 'a smile'; document.querySelector('#go').click()")
        .await;
    page.until("document.querySelectorAll('#results li').length === 3").await;
    let first = page.value(FIRST).await;
    assert!(first.as_str().unwrap().contains("the smile of a child"), "{first}");
    page.keep_picture("search-text.png").await;

    // By keyboard alone: the field has the focus, Enter searches, Tab leads on to the results.
    page.value("document.querySelector('#results li:nth-child(2) button').click()").await;
    page.until("document.querySelector('#query').innerText.startsWith('More like')").await;
    page.until("!document.querySelector('#results').hasAttribute('aria-busy')").await;
    let named = "[...document.querySelectorAll('button, input, select')].every(one => one.labels?.length || one.innerText || one.ariaLabel)";
    assert_eq!(page.value(named).await, true, "everything that can be used has a name");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_that_is_chosen_finds_itself_with_its_thumbnail() {
    let directory = tempfile::tempdir().unwrap();
    let (gifs, workspace) =
        (Path::new("tests/oracles/gifs").canonicalize().unwrap(), directory.path().join("ws"));
    let environment = [("INPUT", &*gifs), ("FILES", &*gifs), ("WORKSPACE", &*workspace)];
    let flows = Path::new("flows").canonicalize().unwrap();
    let indexed = Command::new(env!("CARGO_BIN_EXE_flowrun"))
        .args(["run".as_ref(), flows.join("index.yml").as_os_str()])
        .envs(environment)
        .output()
        .unwrap();
    assert!(indexed.status.success(), "{}", String::from_utf8_lossy(&indexed.stderr));
    let query = flows.join("query.yml");
    let serving = Serving::start_with(directory.path(), &["serve", query.to_str().unwrap()], &environment);

    let mut files: Vec<_> = std::fs::read_dir(&gifs).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let Some(mut page) = Browser::open(&format!("http://{}/", serving.addresses[0])).await else { return };
    page.until("document.querySelector('#about').textContent.includes('ranker')").await;
    page.choose("#file", &files[1]).await;
    page.until("document.querySelector('#results li img')?.naturalWidth > 0").await;
    let first = page.value(FIRST).await;
    let name = files[1].file_name().unwrap().to_str().unwrap();
    assert!(first.as_str().unwrap().contains(name), "{first}, not {name}");
    page.keep_picture("search-picture.png").await;

    // What no search has found has no thumbnail, whatever it is called.
    let stranger = format!("fetch('/thumbnail?id={}').then(answer => answer.status)", "/etc/passwd");
    assert_eq!(page.value(&stranger).await, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dashboard_moves_under_load() {
    let directory = tempfile::tempdir().unwrap();
    let flow = "!Flow\nwith: {logserver: true}\npods:\n  encoder: {uses: TextHashingEncoder, replicas: 2}\n  log: {uses: Log}\n";
    std::fs::write(directory.path().join("flow.yml"), flow).unwrap();
    let serving = Serving::start(directory.path(), &["flow.yml"]);
    let address = &serving.addresses[0];
    let Some(mut page) = Browser::open(&format!("http://{address}/dashboard")).await else { return };
    let accepted = "document.querySelector('[data-number=accepted] b').textContent";
    page.until(&format!("{accepted} === '0'")).await;
    for _ in 0..50 {
        serving.post(&json!({ "exec_endpoint": "/index", "data": [{ "text": "some words" }] }));
    }
    page.until(&format!("{accepted} === '50'")).await;
    page.until("document.querySelector('[data-pod=encoder]').cells[6].textContent === '50'").await;
    page.until("document.querySelectorAll('#flow rect').length === 5").await;
    page.until("document.querySelector('#log').textContent.includes('serving gRPC, HTTP and WebSocket')")
        .await;
    page.keep_picture("dashboard.png").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_paths_are_described_and_can_be_tried() {
    let directory = tempfile::tempdir().unwrap();
    let flow = "jtype: Flow\nwith: {port: 0, title: Words}\nexecutors:\n- {name: encoder, uses: TextHashingEncoder}\n";
    std::fs::write(directory.path().join("flow.yml"), flow).unwrap();
    let serving = Serving::start(directory.path(), &["flow.yml"]);
    let address = &serving.addresses[0];
    let Some(mut page) = Browser::open(&format!("http://{address}/docs")).await else { return };
    page.until("document.querySelector('#title').textContent === 'Words'").await;
    let post = "document.querySelector('[data-operation=\"post /post\"]')";
    page.value(&format!("{post}.open = true; {post}.querySelector('button').click()")).await;
    page.until(&format!("{post}.querySelector('.answer').innerText.includes('\"executor\": \"encoder\"')"))
        .await;
    page.keep_picture("docs.png").await;
    // What a body is made of is one link away.
    page.value(&format!("{post}.querySelector('.about a').click()")).await;
    page.until("document.querySelector('#model-Request').open").await;
    // A stream is shown as it came.
    let stream = "document.querySelector('[data-operation=\"get /index\"]')";
    page.value(&format!("{stream}.open = true; {stream}.querySelector('button').click()")).await;
    page.until(&format!("{stream}.querySelector('.answer').innerText.includes('event: update')")).await;
    // On a phone nothing is wider than the screen.
    page.narrow().await;
    page.until("document.documentElement.scrollWidth <= innerWidth").await;
    page.keep_picture("docs-phone.png").await;
    // Nothing comes from elsewhere.
    let elsewhere =
        "performance.getEntriesByType('resource').every(one => one.name.startsWith(location.origin))";
    assert_eq!(page.value(elsewhere).await, true);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_asks_for_the_token_and_shows_it_in_no_address() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("token"), "sesame\n").unwrap();
    let flow = "jtype: Flow\nwith: {port: 0, logserver: true}\nexecutors:\n- {name: encoder, uses: TextHashingEncoder}\n\
                - {name: index, uses: VectorIndexer}\n";
    std::fs::write(directory.path().join("flow.yml"), flow).unwrap();
    let serving = Serving::start(directory.path(), &["serve", "flow.yml", "--token-file", "token"]);
    let address = &serving.addresses[0];
    let Some(mut page) = Browser::open(&format!("http://{address}/dashboard")).await else { return };
    let give = |token: &str| {
        format!(
            "document.querySelector('#token').value = '{token}'; document.querySelector('dialog form').requestSubmit()"
        )
    };
    page.until("document.querySelector('dialog').open && document.activeElement.id === 'token'").await;
    page.value(&give("wrong")).await;
    page.until("document.querySelector('dialog').innerText.includes('not the token')").await;
    page.keep_picture("token.png").await;
    page.value(&give("sesame")).await;
    page.until("document.querySelector('[data-pod=encoder]')").await;
    page.until("document.querySelector('#log').textContent.includes('serving gRPC')").await;
    assert_eq!(page.value("document.querySelector('dialog')").await, serde_json::Value::Null);

    // The tab knows it by now, the other pages of it ask no more.
    page.go(&format!("http://{address}/")).await;
    page.until("document.querySelector('#about').textContent.includes('encoder → index')").await;
    page.value("document.querySelector('#text').value = 'a smile'; document.querySelector('#go').click()")
        .await;
    page.until("document.querySelector('#status').textContent.startsWith('Nothing was found')").await;
    let addresses =
        page.value("JSON.stringify([location.href, ...performance.getEntries().map(one => one.name)])").await;
    assert!(!addresses.as_str().unwrap().contains("sesame"), "{addresses}");
}
