//! Processes: their number, their end, and the cache that spares them.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::mpsc;
use std::time::Duration;

use flowrun::limits::{MEDIA_CONCURRENT, PREVIEWS_WAITING_MAX};

use super::{Fixture, get_request, has_ffmpeg, wait_for};
use crate::isolation::is_alive;

#[test]
fn a_preview_is_cut_once_until_its_file_changes() {
    if !has_ffmpeg() {
        return;
    }
    let served = Fixture::with_program("exec ffmpeg \"$@\"");
    let path = "/media/preview?id=a.mp4&start=0&end=1";
    let first = served.get(path, "");
    assert_eq!(first.status, 200);
    for path in [path, "/media/preview?id=a.mp4&start=0.0001&end=1.0004"] {
        assert!(served.get(path, "").body == first.body);
    }
    assert_eq!(served.started().len(), 1);
    served.get("/media/thumbnail?id=a.mp4&t=0", "");
    assert_eq!(served.started().len(), 2);
    let video = served.directory.path().join("videos/a.mp4");
    std::fs::OpenOptions::new().append(true).open(video).unwrap().write_all(&[0; 8]).unwrap();
    assert_eq!(served.get(path, "").status, 200);
    assert_eq!(served.started().len(), 3);
}

#[test]
fn a_client_that_disconnects_ends_the_process() {
    if !has_ffmpeg() {
        return;
    }
    let served = Fixture::with_program("sleep 1000 & wait");
    for path in ["/media/preview?id=a.mp4&start=0&end=1", "/media/thumbnail?id=a.mp4&t=1"] {
        let before = served.started().len();
        let stream = served.send(&get_request(path, ""));
        wait_for(|| served.started().len() > before);
        drop(stream);
        wait_for(|| served.started().into_iter().all(|process| !is_alive(process)));
    }
    // The service has its slots back.
    assert_eq!(served.get("/media/thumbnail?id=missing", "").status, 404);
    assert!(served.serving.get(0, "/live").starts_with("HTTP/1.1 200"));
}

#[test]
fn concurrent_previews_are_bounded_and_leave_no_process() {
    if !has_ffmpeg() {
        return;
    }
    let served = Fixture::with_program("exec sleep 1000");
    // One more than those that are cut and those that wait.
    let clients = MEDIA_CONCURRENT + PREVIEWS_WAITING_MAX + 1;
    let (sender, refusals) = mpsc::channel();
    let streams: Vec<TcpStream> = (0..clients)
        .map(|client| {
            let path = format!("/media/preview?id=a.mp4&start=0&end={}", client + 1);
            let stream = served.send(&get_request(&path, ""));
            let (sender, reader) = (sender.clone(), stream.try_clone().unwrap());
            std::thread::spawn(move || {
                let mut bytes = Vec::new();
                // The others are reset at the end of the test.
                let _ = (&reader).read_to_end(&mut bytes);
                let _ = sender.send(String::from_utf8_lossy(&bytes).to_ascii_lowercase());
            });
            stream
        })
        .collect();
    let refusal = refusals.recv_timeout(Duration::from_secs(60)).unwrap();
    assert!(refusal.starts_with("http/1.1 503") && refusal.contains("\r\nretry-after: 1\r\n"), "{refusal}");
    wait_for(|| served.started().len() == MEDIA_CONCURRENT);
    assert!(refusals.try_recv().is_err(), "one request is refused");
    // Other work goes on, and thumbnails have slots of their own.
    let response = served.serving.get(0, "/live");
    assert!(response.starts_with("HTTP/1.1 200"), "{response}");
    let thumbnail = served.send(&get_request("/media/thumbnail?id=a.mp4&t=1", ""));
    wait_for(|| served.started().len() == MEDIA_CONCURRENT + 1);
    for stream in streams.iter().chain([&thumbnail]) {
        stream.shutdown(std::net::Shutdown::Both).unwrap();
    }
    // Those that waited may have been started meanwhile.
    wait_for(|| {
        let (before, all_ended) =
            (served.started(), served.started().into_iter().all(|process| !is_alive(process)));
        all_ended && served.started() == before
    });
}

#[test]
fn processes_end_when_the_service_is_stopped() {
    if !has_ffmpeg() {
        return;
    }
    // A program that writes without end, slowly.
    let mut served = Fixture::with_program("while sleep 0.1; do echo part; done");
    let _stream = served.send(&get_request("/media/preview?id=a.mp4&start=0&end=1", ""));
    wait_for(|| !served.started().is_empty());
    served.serving.kill();
    wait_for(|| served.started().into_iter().all(|process| !is_alive(process)));
}
