//! Frames of videos, as an encoder would give them: vectors, with the tags that say what they are of.
//!
//! A video is a list of shots, each of one kind of scene. The frames of a shot are near each other; shots of one kind of
//! scene are nearer to each other than to others, in whatever video.

use serde_json::{Value, json};

use crate::dice::{Dice, Purpose};

/// How many videos there are.
const VIDEOS: u32 = 12;
/// Kinds of scenes.
const SCENES: [&str; 6] = ["beach", "forest", "kitchen", "night", "office", "street"];
/// Shots of a video, and frames of a shot.
const SHOTS: (usize, usize) = (4, 7);
const FRAMES: (usize, usize) = (8, 24);
/// Every so many frames of the video one was encoded, of so many in a second.
const EVERY: usize = 50;
const RATE: usize = 25;
/// Elements of a vector.
const DIMENSION: usize = 32;
/// How far shots of one scene, and frames of one shot, are apart, compared with scenes.
const SHOT: f64 = 0.7;
const FRAME: f64 = 0.2;

/// The frames: documents as JSON, to be indexed and to be searched with.
pub(crate) struct Frames {
    pub(crate) index: Vec<Value>,
    pub(crate) query: Vec<Value>,
}

impl Frames {
    /// The frames of every video; of each one is held out as a query.
    pub(crate) fn draw(seed: u64) -> Self {
        let mut dice = Dice::new(seed, Purpose::Frame, VIDEOS);
        let scenes = SCENES.map(|scene| (scene, direction(&mut dice)));
        let mut frames = Self { index: Vec::new(), query: Vec::new() };
        for number in 0..VIDEOS {
            let mut dice = Dice::new(seed, Purpose::Frame, number);
            let video = video(&scenes, &format!("video-{number:02}"), &mut dice);
            // Not the first or last of a video: it has neighbours.
            let held_out = dice.integer(1, video.len() - 2);
            for (place, mut frame) in video.into_iter().enumerate() {
                if place != held_out {
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
fn video(scenes: &[(&str, Vec<f64>)], name: &str, dice: &mut Dice) -> Vec<Value> {
    let mut frames: Vec<Value> = Vec::new();
    for _ in 0..dice.integer(SHOTS.0, SHOTS.1) {
        let Some((scene, of_scene)) = scenes.get(dice.below(scenes.len())) else { continue };
        let of_shot = direction(dice);
        for _ in 0..dice.integer(FRAMES.0, FRAMES.1) {
            let of_frame = direction(dice);
            let parts = of_scene.iter().zip(&of_shot).zip(&of_frame);
            let vector: Vec<f64> =
                parts.map(|((scene, shot), frame)| scene + SHOT * shot + FRAME * frame).collect();
            let frame = frames.len() * EVERY;
            frames.push(json!({
                "id": format!("{name}/{frame}"),
                "embedding": vector.iter().map(|element| (element * 1e4).round() / 1e4).collect::<Vec<f64>>(),
                "tags": {"video_id": name, "frame": frame, "timestamp": frame / RATE, "scene": scene},
            }));
        }
    }
    frames
}

fn direction(dice: &mut Dice) -> Vec<f64> {
    (0..DIMENSION).map(|_| dice.between(-1.0, 1.0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_video_has_its_frames_in_order_and_one_query() {
        let frames = Frames::draw(1);
        assert_eq!(frames.query.len(), VIDEOS as usize);
        let of = |video: &Value| -> Vec<u64> {
            let frames = frames.index.iter().filter(|frame| frame["tags"]["video_id"] == *video);
            frames.map(|frame| frame["tags"]["timestamp"].as_u64().unwrap()).collect()
        };
        for query in &frames.query {
            let tags = &query["tags"];
            let timestamps = of(&tags["video_id"]);
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
