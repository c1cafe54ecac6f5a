//! Video frames as an encoder would return them: vectors with tags.
//!
//! A video is a list of shots, each of one kind of scene. Frames of a shot are close to each other; shots of the same
//! kind of scene are closer to each other than to shots of different scenes, in all videos.

use serde_json::{Value, json};

use crate::seeded_rng::{Purpose, SeededRng};

/// Number of videos.
const VIDEOS: u32 = 12;
/// Kinds of scenes.
const SCENES: [&str; 6] = ["beach", "forest", "kitchen", "night", "office", "street"];
/// Smallest and largest number of shots per video, and of frames per shot.
const SHOTS: (usize, usize) = (4, 7);
const FRAMES: (usize, usize) = (8, 24);
/// Distance between encoded frames, and frames per second.
const FRAME_STEP: usize = 50;
const FRAMES_PER_SECOND: usize = 25;
/// Dimension of the vectors.
const DIMENSION: usize = 32;
/// Weights of the random directions of a shot and of a frame, relative to that of the scene.
const SHOT_WEIGHT: f64 = 0.7;
const FRAME_WEIGHT: f64 = 0.2;

/// Frames as JSON documents: for the index, and as queries.
pub(crate) struct Frames {
    pub(crate) index: Vec<Value>,
    pub(crate) query: Vec<Value>,
}

impl Frames {
    /// Generates the frames of all videos. One frame of each is held out as a query.
    pub(crate) fn draw(seed: u64) -> Self {
        let mut rng = SeededRng::new(seed, Purpose::Frame, VIDEOS);
        let scenes = SCENES.map(|scene| (scene, direction(&mut rng)));
        let mut frames = Self { index: Vec::new(), query: Vec::new() };
        for number in 0..VIDEOS {
            let mut rng = SeededRng::new(seed, Purpose::Frame, number);
            let video = video(&scenes, &format!("video-{number:02}"), &mut rng);
            // Neither the first nor the last frame of a video, so that it has two neighbours.
            let held_out = rng.integer(1, video.len() - 2);
            for (position, mut frame) in video.into_iter().enumerate() {
                if position != held_out {
                    frames.index.push(frame);
                    continue;
                }
                if let Some(id) = frame.get_mut("id") {
                    *id = format!("query-{number:02}").into();
                }
                frames.query.push(frame);
            }
        }
        frames
    }
}

/// The frames of a video, in order.
fn video(scenes: &[(&str, Vec<f64>)], name: &str, rng: &mut SeededRng) -> Vec<Value> {
    let mut frames: Vec<Value> = Vec::new();
    for _ in 0..rng.integer(SHOTS.0, SHOTS.1) {
        let Some((scene, scene_vector)) = scenes.get(rng.below(scenes.len())) else { continue };
        let shot_vector = direction(rng);
        for _ in 0..rng.integer(FRAMES.0, FRAMES.1) {
            let frame_vector = direction(rng);
            let parts = scene_vector.iter().zip(&shot_vector).zip(&frame_vector);
            let vector: Vec<f64> = parts
                .map(|((scene, shot), frame)| scene + SHOT_WEIGHT * shot + FRAME_WEIGHT * frame)
                .collect();
            let frame = frames.len() * FRAME_STEP;
            frames.push(json!({
                "id": format!("{name}/{frame}"),
                "embedding": vector.iter().map(|element| (element * 1e4).round() / 1e4).collect::<Vec<f64>>(),
                "tags": {"video_id": name, "frame": frame, "timestamp": frame / FRAMES_PER_SECOND, "scene": scene},
            }));
        }
    }
    frames
}

fn direction(rng: &mut SeededRng) -> Vec<f64> {
    (0..DIMENSION).map(|_| rng.between(-1.0, 1.0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_video_has_its_frames_in_order_and_one_query() {
        let frames = Frames::draw(1);
        assert_eq!(frames.query.len(), VIDEOS as usize);
        let timestamps_of = |video: &Value| -> Vec<u64> {
            let frames = frames.index.iter().filter(|frame| frame["tags"]["video_id"] == *video);
            frames.map(|frame| frame["tags"]["timestamp"].as_u64().unwrap()).collect()
        };
        for query in &frames.query {
            let tags = &query["tags"];
            let timestamps = timestamps_of(&tags["video_id"]);
            assert!(timestamps.len() >= 4 * 8 - 1 && timestamps.is_sorted());
            assert!(!timestamps.contains(&tags["timestamp"].as_u64().unwrap()));
        }
        assert!(SCENES.iter().all(|scene| frames.index.iter().any(|frame| frame["tags"]["scene"] == *scene)));
    }

    #[test]
    fn the_nearest_frame_is_of_the_same_shot() {
        let frames = Frames::draw(2);
        let vector = |frame: &Value| -> Vec<f64> {
            frame["embedding"].as_array().unwrap().iter().map(|element| element.as_f64().unwrap()).collect()
        };
        for query in &frames.query {
            let distance = |frame: &&Value| -> f64 {
                vector(frame).iter().zip(vector(query)).map(|(a, b)| (a - b) * (a - b)).sum()
            };
            let nearest = frames.index.iter().min_by(|a, b| distance(a).total_cmp(&distance(b))).unwrap();
            for tag in ["video_id", "scene"] {
                assert_eq!(nearest["tags"][tag], query["tags"][tag]);
            }
        }
    }
}
