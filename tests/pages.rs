//! The web pages in a real browser.

use std::path::Path;

use serde_json::json;

use crate::serving::Serving;
use crate::support::browser::{Browser, IS_NAMED};
use crate::support::program::run_with;

/// Text of the first result.
const FIRST: &str = "document.querySelector('#results li').innerText";

#[tokio::test(flavor = "multi_thread")]
async fn a_text_query_finds_the_most_similar_text() {
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
    page.wait_until("document.querySelector('#about').textContent.includes('encoder → index')").await;
    page.evaluate("document.querySelector('#text').value = 'a smile'; document.querySelector('#go').click()")
        .await;
    page.wait_until("document.querySelectorAll('#results li').length === 3").await;
    let first = page.evaluate(FIRST).await;
    assert!(first.as_str().unwrap().contains("the smile of a child"), "{first}");
    page.save_screenshot("search-text.png").await;

    // The button of a result searches for similar ones.
    page.evaluate("document.querySelector('#results li:nth-child(2) .about button').click()").await;
    page.wait_until("document.querySelector('#query').innerText.startsWith('More like')").await;
    page.wait_until("!document.querySelector('#results').hasAttribute('aria-busy')").await;
    assert_eq!(page.evaluate(IS_NAMED).await, true, "every control has an accessible name");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_query_finds_itself_with_its_thumbnail() {
    let directory = tempfile::tempdir().unwrap();
    let (gifs, workspace) =
        (Path::new("tests/oracles/gifs").canonicalize().unwrap(), directory.path().join("ws"));
    let environment = [("INPUT", &*gifs), ("FILES", &*gifs), ("WORKSPACE", &*workspace)];
    let flows = Path::new("flows").canonicalize().unwrap();
    run_with(&flows.join("index.yml"), environment);
    let query = flows.join("query.yml");
    let serving = Serving::start_with(directory.path(), &["serve", query.to_str().unwrap()], &environment);

    let mut files: Vec<_> = std::fs::read_dir(&gifs).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let Some(mut page) = Browser::open(&format!("http://{}/", serving.addresses[0])).await else { return };
    page.wait_until("document.querySelector('#about').textContent.includes('ranker')").await;
    page.select_file("#file", &files[1]).await;
    page.wait_until("document.querySelector('#results li img')?.naturalWidth > 0").await;
    let first = page.evaluate(FIRST).await;
    let name = files[1].file_name().unwrap().to_str().unwrap();
    assert!(first.as_str().unwrap().contains(name), "{first}, not {name}");
    page.save_screenshot("search-picture.png").await;

    // A document that no search has returned has no thumbnail.
    let unknown = format!("fetch('/thumbnail?id={}').then(response => response.status)", "/etc/passwd");
    assert_eq!(page.evaluate(&unknown).await, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_came_from_a_file_finds_similar_texts_and_is_shown_whole() {
    let directory = tempfile::tempdir().unwrap();
    let flow = "jtype: Flow\nwith: {port: 0}\nexecutors:\n- {name: encoder, uses: TextHashingEncoder}\n\
                - {name: index, uses: VectorIndexer}\n";
    std::fs::write(directory.path().join("flow.yml"), flow).unwrap();
    let serving = Serving::start(directory.path(), &["flow.yml"]);
    let text = |number: usize| json!({ "text": format!("roses and tulips {number}"), "uri": format!("notes/{number}.txt") });
    serving.post(&json!({ "exec_endpoint": "/index", "data": (0..3).map(text).collect::<Vec<_>>() }));
    let Some(mut page) = Browser::open(&format!("http://{}/", serving.addresses[0])).await else { return };
    page.wait_until("document.querySelector('#status').textContent.startsWith('3 documents')").await;
    // The flow reads texts only.
    page.wait_until("document.querySelector('#choose').hidden").await;
    page.evaluate("document.querySelector('#text').value = 'roses'; document.querySelector('#go').click()")
        .await;
    page.wait_until("document.querySelectorAll('#results li').length === 3").await;
    assert_eq!(page.evaluate("document.querySelectorAll('#results img').length").await, 0);
    assert_eq!(page.evaluate("location.search").await, "?q=roses");
    page.evaluate("document.querySelector('#results .about button').click()").await;
    page.wait_until("document.querySelector('#query').innerText.startsWith('More like')").await;
    page.wait_until("document.querySelectorAll('#results li').length === 3").await;
    page.evaluate("document.querySelector('#results .picture').click()").await;
    page.wait_until("document.querySelector('#whole').innerText.includes('notes/')").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flow_that_reads_pictures_offers_no_text_field_and_explains_errors() {
    let directory = tempfile::tempdir().unwrap();
    let flow = "jtype: Flow\nwith: {port: 0}\nexecutors:\n- {name: reader, uses: ImageReader}\n\
                - {name: encoder, uses: ImageDescriptorEncoder}\n- {name: index, uses: VectorIndexer}\n";
    std::fs::write(directory.path().join("flow.yml"), flow).unwrap();
    let serving = Serving::start(directory.path(), &["flow.yml"]);
    let Some(mut page) = Browser::open(&format!("http://{}/", serving.addresses[0])).await else { return };
    page.wait_until("document.querySelector('#text').hidden").await;
    page.wait_until(
        "document.querySelector('#status').textContent.includes('Choose, drop or paste a picture')",
    )
    .await;
    // A bookmark from a time when the flow searched texts.
    page.emulate_phone().await;
    page.navigate(&format!("http://{}/?q=roses", serving.addresses[0])).await;
    page.wait_until("document.querySelector('#status').textContent.includes('this flow expects pictures')")
        .await;
    page.wait_until("document.documentElement.scrollWidth <= innerWidth").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dashboard_shows_the_load() {
    let directory = tempfile::tempdir().unwrap();
    let flow = "!Flow\nwith: {logserver: true}\npods:\n  encoder: {uses: TextHashingEncoder, replicas: 2}\n  log: {uses: Log}\n";
    std::fs::write(directory.path().join("flow.yml"), flow).unwrap();
    let serving = Serving::start(directory.path(), &["flow.yml"]);
    let address = &serving.addresses[0];
    let Some(mut page) = Browser::open(&format!("http://{address}/dashboard")).await else { return };
    let accepted = "document.querySelector('[data-number=accepted] b').textContent";
    page.wait_until(&format!("{accepted} === '0'")).await;
    for _ in 0..50 {
        serving.post(&json!({ "exec_endpoint": "/index", "data": [{ "text": "some words" }] }));
    }
    page.wait_until(&format!("{accepted} === '50'")).await;
    page.wait_until("document.querySelector('[data-pod=encoder]').cells[6].textContent === '50'").await;
    page.wait_until("document.querySelectorAll('#flow rect').length === 5").await;
    page.wait_until(
        "document.querySelector('#log').textContent.includes('serving gRPC, HTTP and WebSocket')",
    )
    .await;
    page.save_screenshot("dashboard.png").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dashboard_shows_the_size_of_each_shard() {
    let directory = tempfile::tempdir().unwrap();
    let flow = "jtype: Flow\nwith: {port: 0, logserver: true}\nexecutors:\n- {name: encoder, uses: TextHashingEncoder}\n\
                - {name: index, uses: VectorIndexer, shards: 2, polling: {/index: ANY}}\n";
    std::fs::write(directory.path().join("flow.yml"), flow).unwrap();
    let serving = Serving::start(directory.path(), &["flow.yml"]);
    let documents: Vec<_> = (0..20).map(|number| json!({ "text": format!("text {number}") })).collect();
    serving.post(&json!({ "exec_endpoint": "/index", "data": documents }));
    let address = &serving.addresses[0];
    let Some(mut page) = Browser::open(&format!("http://{address}/dashboard")).await else { return };
    let cell = |shard: usize, cell: usize| {
        format!("Number(document.querySelector('[data-shard=\"index/{shard}\"]').cells[{cell}].textContent)")
    };
    page.wait_until(&format!("{} + {} === 20", cell(0, 1), cell(1, 1))).await;
    page.wait_until(&format!("{} + {} === 20", cell(0, 2), cell(1, 2))).await;
    page.wait_until(
        "/[1-9].* [kM]B/.test(document.querySelector('[data-shard=\"index/0\"]').cells[3].textContent)",
    )
    .await;
    page.save_screenshot("dashboard-index.png").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn operations_are_documented_and_can_be_tried() {
    let directory = tempfile::tempdir().unwrap();
    let flow = "jtype: Flow\nwith: {port: 0, title: Words}\nexecutors:\n- {name: encoder, uses: TextHashingEncoder}\n";
    std::fs::write(directory.path().join("flow.yml"), flow).unwrap();
    let serving = Serving::start(directory.path(), &["flow.yml"]);
    let address = &serving.addresses[0];
    let Some(mut page) = Browser::open(&format!("http://{address}/docs")).await else { return };
    page.wait_until("document.querySelector('#title').textContent === 'Words'").await;
    let post = "document.querySelector('[data-operation=\"post /post\"]')";
    page.evaluate(&format!("{post}.open = true; {post}.querySelector('button').click()")).await;
    page.wait_until(&format!(
        "{post}.querySelector('.response').innerText.includes('\"executor\": \"encoder\"')"
    ))
    .await;
    page.save_screenshot("docs.png").await;
    // The model of the body is linked.
    page.evaluate(&format!("{post}.querySelector('.about a').click()")).await;
    page.wait_until("document.querySelector('#model-Request').open").await;
    // A stream of events is shown unchanged.
    let stream = "document.querySelector('[data-operation=\"get /search\"]')";
    page.evaluate(&format!("{stream}.open = true; {stream}.querySelector('button').click()")).await;
    page.wait_until(&format!("{stream}.querySelector('.response').innerText.includes('event: update')"))
        .await;
    // On a phone nothing is wider than the screen.
    page.emulate_phone().await;
    page.wait_until("document.documentElement.scrollWidth <= innerWidth").await;
    page.save_screenshot("docs-phone.png").await;
    // Nothing is loaded from other hosts.
    let same_origin =
        "performance.getEntriesByType('resource').every(entry => entry.name.startsWith(location.origin))";
    assert_eq!(page.evaluate(same_origin).await, true);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_prompts_for_the_token_and_keeps_it_out_of_urls() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("token"), "sesame\n").unwrap();
    let flow = "jtype: Flow\nwith: {port: 0, logserver: true}\nexecutors:\n- {name: encoder, uses: TextHashingEncoder}\n\
                - {name: index, uses: VectorIndexer}\n";
    std::fs::write(directory.path().join("flow.yml"), flow).unwrap();
    let serving = Serving::start(directory.path(), &["serve", "flow.yml", "--token-file", "token"]);
    let address = &serving.addresses[0];
    let Some(mut page) = Browser::open(&format!("http://{address}/dashboard")).await else { return };
    let submit_token = |token: &str| {
        format!(
            "document.querySelector('#token').value = '{token}'; document.querySelector('dialog form').requestSubmit()"
        )
    };
    page.wait_until("document.querySelector('dialog').open && document.activeElement.id === 'token'").await;
    page.evaluate(&submit_token("wrong")).await;
    page.wait_until("document.querySelector('dialog').innerText.includes('The token is wrong')").await;
    page.save_screenshot("token.png").await;
    page.evaluate(&submit_token("sesame")).await;
    page.wait_until("document.querySelector('[data-pod=encoder]')").await;
    page.wait_until("document.querySelector('#log').textContent.includes('serving gRPC')").await;
    assert_eq!(page.evaluate("document.querySelector('dialog')").await, serde_json::Value::Null);

    // The tab has stored the token: other pages do not prompt again.
    page.navigate(&format!("http://{address}/")).await;
    page.wait_until("document.querySelector('#about').textContent.includes('encoder → index')").await;
    page.evaluate("document.querySelector('#text').value = 'a smile'; document.querySelector('#go').click()")
        .await;
    page.wait_until("document.querySelector('#status').textContent.startsWith('No results')").await;
    let urls = page
        .evaluate("JSON.stringify([location.href, ...performance.getEntries().map(entry => entry.name)])")
        .await;
    assert!(!urls.as_str().unwrap().contains("sesame"), "{urls}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_origin_cannot_command_a_flow_without_a_token() {
    let directory = tempfile::tempdir().unwrap();
    let flow = "jtype: Flow\nwith: {port: 0}\nexecutors:\n- {name: encoder, uses: TextHashingEncoder}\n\
                - {name: index, uses: VectorIndexer}\n";
    std::fs::write(directory.path().join("flow.yml"), flow).unwrap();
    let target = Serving::start(directory.path(), &["flow.yml"]);
    target.post(&json!({ "exec_endpoint": "/index", "data": [{ "text": "a dog barks" }] }));

    let address = &target.addresses[0];
    let Some(mut page) = Browser::open("data:text/html,<title>foreign</title>").await else { return };
    page.wait_until("document.title === 'foreign'").await;
    let post = format!(
        "fetch('http://{address}/clear', {{method: 'POST', mode: 'no-cors', body: '{{}}'}}).then(() => 1, () => 0)"
    );
    page.evaluate(&post).await;
    let image = format!(
        "new Promise(done => {{ const image = new Image(); image.onload = image.onerror = done; \
         image.src = 'http://{address}/clear?x=1'; }}).then(() => 1)"
    );
    page.evaluate(&image).await;
    let found = target.post(&json!({ "exec_endpoint": "/search", "data": [{ "text": "a dog" }] }));
    assert!(found.contains("a dog barks"), "{found}");
}
